"""The shared library as ctypes sees it: metaformer.h, declaration by declaration."""
from __future__ import annotations

import ctypes
import enum
import os
import pathlib
from typing import Any, Callable, Optional


class Status(enum.IntEnum):
    """Why a call failed."""

    INVALID = 0x11
    UNSUPPORTED = 0x12
    STATE = 0x13
    NOMEM = 0x21
    IO = 0x22
    FORMAT = 0x23
    CHECKSUM = 0x24
    VERSION = 0x25
    LIMIT = 0x26
    SIGNATURE = 0x27
    DEADLINE = 0x31
    CANCELLED = 0x32


class Error(Exception):
    """A call that failed. `status` is a Status, or the bare number of one that this version does not know."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        try:
            self.status: int = Status(status)
        except ValueError:
            self.status = status


class CError(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("status", ctypes.c_int), ("text", ctypes.c_char * 248)]


class CImage(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("pixel_format", ctypes.c_uint32),
        ("width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("row_stride", ctypes.c_ssize_t),
        ("data", ctypes.c_void_p),
    ]


class CPlane(ctypes.Structure):
    """An mf_mask or an mf_map, which are laid out alike."""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("row_stride", ctypes.c_ssize_t),
        ("data", ctypes.c_void_p),
    ]


class CContextOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("threads", ctypes.c_int32),
        ("pool", ctypes.c_void_p),
        ("max_width", ctypes.c_int32),
    ]


class CRegion(ctypes.Structure):
    _fields_ = [
        ("x", ctypes.c_int32),
        ("y", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("area", ctypes.c_int32),
        ("peak", ctypes.c_float),
    ]


class CResult(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("score", ctypes.c_float),
        ("threshold", ctypes.c_float),
        ("is_anomalous", ctypes.c_int32),
        ("region_count", ctypes.c_int32),
        ("regions", CRegion * 64),
        ("elapsed_ns", ctypes.c_uint64),
        ("is_unlike_taught", ctypes.c_int32),
        ("unlike_reasons", ctypes.c_uint32),
    ]


class CScores(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("count", ctypes.c_uint64),
        ("anomalous", ctypes.c_uint64),
        ("mean", ctypes.c_double),
        ("lowest", ctypes.c_float),
        ("highest", ctypes.c_float),
        ("drift", ctypes.c_int32),
        ("drift_evidence", ctypes.c_float),
    ]


class CSettingDescription(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("key", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("low", ctypes.c_double),
        ("high", ctypes.c_double),
        ("default_number", ctypes.c_double),
        ("choices", ctypes.POINTER(ctypes.c_char_p)),
        ("default_choice", ctypes.c_char_p),
        ("help", ctypes.c_char_p),
    ]


CWrite = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class CWriter(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("opaque", ctypes.c_void_p), ("write", CWrite)]


CProgress = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_float
)


class CAdaptOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("threads", ctypes.c_int32),
        ("epochs", ctypes.c_int32),
        ("batch", ctypes.c_int32),
        ("learning_rate", ctypes.c_float),
        ("seed", ctypes.c_uint64),
        ("flips", ctypes.c_int32),
        ("shift", ctypes.c_int32),
        ("false_alarm_rate", ctypes.c_float),
        ("progress", CProgress),
        ("opaque", ctypes.c_void_p),
        ("time_limit_ns", ctypes.c_uint64),
        ("pool", ctypes.c_void_p),
        ("framing", ctypes.c_int),
        ("masks", ctypes.POINTER(CPlane)),
        ("mask_count", ctypes.c_size_t),
        ("cache_bytes", ctypes.c_uint64),
        ("source", ctypes.c_void_p),
        ("precision", ctypes.c_int),
        ("reserved", ctypes.c_int32),
    ]


class CCalibrateOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("threads", ctypes.c_int32),
        ("false_alarm_rate", ctypes.c_float),
        ("pool", ctypes.c_void_p),
        ("masks", ctypes.POINTER(CPlane)),
        ("mask_count", ctypes.c_size_t),
        ("defective", ctypes.POINTER(CImage)),
        ("defective_count", ctypes.c_size_t),
        ("defective_masks", ctypes.POINTER(CPlane)),
        ("defective_mask_count", ctypes.c_size_t),
        ("progress", CProgress),
        ("opaque", ctypes.c_void_p),
        ("time_limit_ns", ctypes.c_uint64),
        ("source", ctypes.c_void_p),
        ("any_depth", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
    ]


_forks = 0


def _count_fork() -> None:
    global _forks
    _forks += 1


os.register_at_fork(after_in_child=_count_fork)


def is_forked() -> bool:
    """Whether this process is a child that was forked after the package was imported."""
    return _forks > 0


def _load() -> ctypes.CDLL:
    path = pathlib.Path(__file__).with_name("libmetaformer.so")
    # GCC's runtime reads how its threads wait when it is loaded, and never again. Where nobody has said, they sleep between calls, and
    # hold no processor that others have work for.
    is_said = "OMP_WAIT_POLICY" in os.environ or "GOMP_SPINCOUNT" in os.environ
    if not is_said:
        os.environ["OMP_WAIT_POLICY"] = "passive"
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise ImportError(f"metaformer: the library cannot be loaded: {error}; libgomp must be installed") from error
    finally:
        if not is_said:
            del os.environ["OMP_WAIT_POLICY"]


def _declare(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    function: Any = getattr(_library, name)
    function.restype = result
    function.argtypes = arguments
    return function  # type: ignore[no-any-return]


_library = _load()
_handle = ctypes.c_void_p
_out_handle = ctypes.POINTER(ctypes.c_void_p)
_error = ctypes.POINTER(CError)
_size = ctypes.c_size_t
_text = ctypes.c_char_p

mf_version = _declare("mf_version", _text)
mf_model_open_file = _declare("mf_model_open_file", ctypes.c_int, _text, _handle, _out_handle, _error)
mf_model_open_memory = _declare("mf_model_open_memory", ctypes.c_int, _handle, _size, _handle, _out_handle, _error)
mf_model_save = _declare("mf_model_save", ctypes.c_int, _handle, _text, _error)
mf_model_write = _declare("mf_model_write", ctypes.c_int, _handle, ctypes.POINTER(CWriter), _error)
mf_model_setting = _declare("mf_model_setting", _text, _handle, _text)
mf_setting_count = _declare("mf_setting_count", _size)
mf_setting_info = _declare("mf_setting_info", ctypes.c_int, _size, ctypes.POINTER(CSettingDescription))
mf_option_count = _declare("mf_option_count", _size)
mf_option_info = _declare("mf_option_info", ctypes.c_int, _size, ctypes.POINTER(CSettingDescription))
mf_option_set = _declare("mf_option_set", ctypes.c_int, _text, ctypes.c_double, ctypes.c_void_p, _error)
mf_model_release = _declare("mf_model_release", None, _handle)
mf_adapt = _declare(
    "mf_adapt", ctypes.c_int, _handle, ctypes.POINTER(CImage), _size, ctypes.POINTER(CAdaptOptions), _out_handle, _error
)
mf_model_set_threshold = _declare(
    "mf_model_set_threshold", ctypes.c_int, _handle, ctypes.c_float, _out_handle, _error
)
mf_calibrate = _declare(
    "mf_calibrate",
    ctypes.c_int,
    _handle,
    ctypes.POINTER(CImage),
    _size,
    ctypes.POINTER(CCalibrateOptions),
    _out_handle,
    _error,
)
mf_context_create = _declare(
    "mf_context_create", ctypes.c_int, _handle, ctypes.POINTER(CContextOptions), _out_handle, _error
)
mf_context_error = _declare("mf_context_error", _text, _handle)
mf_context_set_threshold = _declare("mf_context_set_threshold", ctypes.c_int, _handle, ctypes.c_float)
mf_context_set_any_depth = _declare("mf_context_set_any_depth", ctypes.c_int, _handle, ctypes.c_int32)
mf_context_set_time_limit = _declare("mf_context_set_time_limit", ctypes.c_int, _handle, ctypes.c_uint64)
mf_context_cancel = _declare("mf_context_cancel", None, _handle)
mf_context_scores = _declare("mf_context_scores", ctypes.c_int, _handle, ctypes.POINTER(CScores))
mf_context_score_quantile = _declare(
    "mf_context_score_quantile", ctypes.c_int, _handle, ctypes.c_double, ctypes.POINTER(ctypes.c_float)
)
mf_context_reset_scores = _declare("mf_context_reset_scores", ctypes.c_int, _handle)
mf_context_plane = _declare("mf_context_plane", ctypes.c_int, _handle, _text, _handle, ctypes.POINTER(_size))
mf_context_release = _declare("mf_context_release", None, _handle)
mf_inspect = _declare(
    "mf_inspect",
    ctypes.c_int,
    _handle,
    ctypes.POINTER(CImage),
    ctypes.POINTER(CPlane),
    ctypes.POINTER(CPlane),
    ctypes.POINTER(CResult),
)


def call(function: Callable[..., int], *arguments: Any) -> None:
    """Calls a function whose last argument is an mf_error, and raises what it says."""
    error = CError(struct_size=ctypes.sizeof(CError))
    if function(*arguments, ctypes.byref(error)):
        raise Error(error.status, error.text.decode("utf-8", "replace"))


def version() -> str:
    """The version of the library, as "major.minor.patch"."""
    text: Optional[bytes] = mf_version()
    return (text or b"").decode()
