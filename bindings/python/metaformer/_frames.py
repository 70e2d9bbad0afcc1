"""NumPy arrays as the library's images: described, never copied. Paths and images of Pillow become arrays first."""
from __future__ import annotations

import ctypes
import os
from typing import Any, Callable, Optional, Sequence, Union

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
    ("uint16", 3, "bgr"): 0x0230004B,
}
_COLOURS_16 = {
    ("rgb", 10): 0x02300018,
    ("bgr", 10): 0x02300019,
    ("rgb", 12): 0x0230001A,
    ("bgr", 12): 0x0230001B,
    ("rgb", 14): 0x0230005E,
    ("bgr", 14): 0x0230004A,
}
_GREY_16 = {10: 0x01100003, 12: 0x01100005, 14: 0x01100025, 16: 0x01100007}
# Those of which it is not stated how many bits are used.
_UNSTATED_16 = {"grey": 0x81100007, "rgb": 0x82300033, "bgr": 0x8230004B}


# An array, the path of an image file, or an image of Pillow's or another that is like it.
ImageLike = Union[Array, str, "os.PathLike[str]", Any]


def array(image: ImageLike, order: str, taken: Optional[Callable[[Any], Array]] = None) -> tuple[Array, str]:
    """An image as an array, and the order of its colours: that given of arrays, "rgb" of all else.

    Paths need Pillow. What a file says of its orientation is applied.
    """
    if isinstance(image, (str, os.PathLike)):
        try:
            from PIL import Image
        except ImportError as error:
            raise TypeError("to read image files Pillow must be installed; or give a numpy.ndarray") from error
        with Image.open(image) as file:
            return (taken or _upright)(file), "rgb"
    if hasattr(image, "mode") and hasattr(image, "convert"):
        return _upright(image), "rgb"
    return image, order


# What EXIF's orientations from 2 on do to rows and columns: mirrored from left to right, and turned by so many quarters.
_TURNS = {2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 1), 6: (False, 3), 7: (True, 3), 8: (False, 1)}


def _upright(image: Any) -> Array:
    orientation = image.getexif().get(0x0112) if hasattr(image, "getexif") else None
    values = _samples(image)
    if orientation in _TURNS:
        is_mirrored, quarters = _TURNS[orientation]
        values = numpy.rot90(values[:, ::-1] if is_mirrored else values, quarters)
    return numpy.ascontiguousarray(values)


def _samples(image: Any) -> Array:
    mode = image.mode
    if mode in ("L", "RGB", "RGBA"):
        return numpy.asarray(image)
    if mode in ("1", "LA", "La"):
        return numpy.asarray(image.convert("LA" if mode == "La" else "L").convert("L"))
    if mode in ("I", "I;16", "I;16B", "I;16L", "I;16N"):
        values = numpy.asarray(image)
        if values.size and (values.min() < 0 or values.max() > 65535):
            raise ValueError(f"an image of mode {mode} with values from {values.min()} to {values.max()}; 0 to 65535 fit")
        return values.astype(numpy.uint16)
    if mode == "F":
        raise TypeError("an image of mode 'F' (floats); give 8 or 16 bits")
    return numpy.asarray(image.convert("RGB"))


def mask(values: ImageLike) -> Array:
    """A mask as bytes: booleans are taken as they lie, an image is by its greys, or the indices of its palette."""
    if isinstance(values, numpy.ndarray):
        return values.view(numpy.uint8) if values.dtype == numpy.bool_ else values
    if hasattr(values, "mode") and hasattr(values, "convert"):
        return numpy.ascontiguousarray(numpy.asarray(values if values.mode == "P" else values.convert("L")))
    return array(values, "rgb", mask)[0]


def image(frame: Array, order: str, bits: Optional[int], is_told: bool = True) -> CImage:
    """Describes a frame of whose 16 bits so many are used. Where that is left out the library tells it, if it can: else all are.

    The array must outlive the use of the result.
    """
    _require_array(frame, "frame")
    if order not in ("rgb", "bgr"):
        raise ValueError(f"order is {order!r}; give 'rgb' or 'bgr'")
    if frame.ndim not in (2, 3):
        raise ValueError(f"a frame of {frame.ndim} dimensions; give [height, width] or [height, width, channels]")
    channels = 1 if frame.ndim == 2 else frame.shape[2]
    if not frame.dtype.isnative:
        raise TypeError("the frame's samples are not in the machine's byte order")
    if bits is not None and not (frame.dtype == numpy.uint16 and channels in (1, 3)):
        raise ValueError("bits are for frames of uint16, grey or of 3 channels")
    if bits not in (None, *_GREY_16):
        raise ValueError(f"bits is {bits}; give 10, 12, 14 or 16")
    if frame.dtype == numpy.uint16 and channels in (1, 3) and bits is None and is_told:
        pixel_format = _UNSTATED_16["grey" if channels == 1 else order]
    elif frame.dtype == numpy.uint16 and channels == 1:
        pixel_format = _GREY_16[16 if bits is None else bits]
    else:
        found = _FORMATS.get((frame.dtype.name, channels, "grey" if channels == 1 else order))
        pixel_format = _COLOURS_16[order, bits] if bits in (10, 12, 14) else found
        if pixel_format is None:
            raise TypeError(
                f"a frame of {frame.dtype.name} with {channels} channels in the order {order!r}; the library takes "
                "uint8 (grey, or 3 or 4 channels) and uint16 (grey, or 3 channels)"
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
