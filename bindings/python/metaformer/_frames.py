"""NumPy arrays as the library's images: described, never copied."""
from __future__ import annotations

import ctypes
from typing import Any, Optional

import numpy
import numpy.typing

from ._library import CImage, CPlane

Array = numpy.typing.NDArray[Any]

# PFNC numbers, by sample type, channels and order; grey of 16 bits by how many of them are used.
_FORMATS = {
    ("uint8", 1, "grey"): 0x01080001,
    ("uint8", 3, "rgb"): 0x02180014,
    ("uint8", 3, "bgr"): 0x02180015,
    ("uint8", 4, "rgb"): 0x02200016,
    ("uint8", 4, "bgr"): 0x02200017,
    ("uint16", 3, "rgb"): 0x02300033,
}
_GREY_16 = {10: 0x01100003, 12: 0x01100005, 14: 0x01100025, 16: 0x01100007}


def image(frame: Array, order: str, bits: Optional[int]) -> CImage:
    """Describes a frame. The array must outlive the use of the result."""
    _require_array(frame, "frame")
    if order not in ("rgb", "bgr"):
        raise ValueError(f"order is {order!r}; give 'rgb' or 'bgr'")
    if frame.ndim not in (2, 3):
        raise ValueError(f"a frame of {frame.ndim} dimensions; give [height, width] or [height, width, channels]")
    channels = 1 if frame.ndim == 2 else frame.shape[2]
    if not frame.dtype.isnative:
        raise TypeError("the frame's samples are not in the machine's byte order")
    if bits is not None and not (frame.dtype == numpy.uint16 and channels == 1):
        raise ValueError("bits are for grey frames of uint16")
    if frame.dtype == numpy.uint16 and channels == 1:
        pixel_format = _GREY_16.get(16 if bits is None else bits)
        if pixel_format is None:
            raise ValueError(f"bits is {bits}; give 10, 12, 14 or 16")
    else:
        pixel_format = _FORMATS.get((frame.dtype.name, channels, "grey" if channels == 1 else order))
        if pixel_format is None:
            raise TypeError(
                f"a frame of {frame.dtype.name} with {channels} channels in the order {order!r}; the library takes "
                "uint8 (grey, or 3 or 4 channels) and uint16 (grey, or 3 channels in the order 'rgb')"
            )
    size = frame.dtype.itemsize
    packed = frame.strides[1] == channels * size and (frame.ndim == 2 or channels == 1 or frame.strides[2] == size)
    if not packed:
        raise ValueError("the pixels of a row must lie side by side; use numpy.ascontiguousarray")
    return CImage(
        ctypes.sizeof(CImage),
        pixel_format,
        _side(frame.shape[1]),
        _side(frame.shape[0]),
        frame.strides[0],
        frame.ctypes.data,
    )


def plane(values: Array, dtype: Any, shape: tuple[int, ...], name: str) -> CPlane:
    """Describes a mask or a map of a frame of this shape. The array must outlive the use of the result."""
    _require_array(values, name)
    if values.dtype != dtype or not values.dtype.isnative or values.shape != shape[:2]:
        raise ValueError(f"the {name} is {values.dtype} {values.shape}; give {numpy.dtype(dtype)} {shape[:2]}")
    if values.strides[1] != values.dtype.itemsize:
        raise ValueError(f"the pixels of a row of the {name} must lie side by side; use numpy.ascontiguousarray")
    return CPlane(
        ctypes.sizeof(CPlane), _side(values.shape[1]), _side(values.shape[0]), values.strides[0], values.ctypes.data
    )


def _side(count: int) -> int:
    # The library refuses what is too large; a count that wraps around would be another frame.
    return min(count, 2**31 - 1)


def _require_array(values: Any, name: str) -> None:
    if not isinstance(values, numpy.ndarray):
        raise TypeError(f"the {name} is no numpy.ndarray, but {type(values).__name__}")
