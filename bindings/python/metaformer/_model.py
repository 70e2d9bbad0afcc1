"""Models and contexts, which release themselves."""
from __future__ import annotations

import ctypes
import dataclasses
import io
import os
import pathlib
import weakref
from typing import Any, Callable, Optional, Sequence, Union

import numpy

from . import _frames, _library
from ._frames import Array, ImageLike

Progress = Callable[[str, int, int, float], Optional[bool]]


@dataclasses.dataclass(frozen=True)
class Region:
    """A connected region of the frame where the map is above the threshold. All but the peak in pixels."""

    x: int
    y: int
    width: int
    height: int
    area: int
    peak: float


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What an inspection found.

    `score` is the highest value of the map at the model's own size, or the mean of its highest where the model says so,
    `regions` begin with the highest peak (64 at most), and `map` is the anomaly map [height, width] at the frame's size,
    float32, or None where it was not asked for. `is_unlike_taught` says that the frame does not show the product, whatever
    its score, and `unlike_reasons` why: "dark", "bright", "flat", "blurred" or "different", or several of them.
    """

    score: float
    threshold: float
    is_anomalous: bool
    regions: tuple[Region, ...]
    seconds: float
    map: Optional[Array]
    is_unlike_taught: bool
    unlike_reasons: tuple[str, ...]

    def __repr__(self) -> str:
        verdict = f"unlike: {', '.join(self.unlike_reasons)}" if self.is_unlike_taught else (
            "anomalous" if self.is_anomalous else "good"
        )
        return (
            f"<metaformer.Inspection {verdict}, score {self.score:.4g}, threshold {self.threshold:.4g}, "
            f"{len(self.regions)} region{'' if len(self.regions) == 1 else 's'}>"
        )


@dataclasses.dataclass(frozen=True)
class Scores:
    """What a context's inspections gave since it was made or reset.

    `has_drifted` once scores have left what they were in adaptation, or in the first 300 inspections: the light, the lens or the product
    changes. `drift_evidence` is how much of what makes it so there was at most, 1 and above is drift.
    """

    count: int
    anomalous: int
    mean: float
    lowest: float
    highest: float
    has_drifted: bool
    drift_evidence: float


_UNLIKE = {"dark": 0x1, "bright": 0x2, "flat": 0x4, "blurred": 0x8, "different": 0x10}
_PRECISIONS = {None: 0, "float": 1, "int8": 2}
_FRAMINGS = {None: 0, "stretch": 1, "letterbox": 2, "fit": 2, "tile": 3}  # fit: the former name


class Model:
    """Parameters, programs and settings of one product or of a universal model: immutable, shared between threads."""

    def __init__(self, handle: ctypes.c_void_p) -> None:
        """Takes over a handle of the library; see `open`."""
        self._handle = handle
        self._release = weakref.finalize(self, _library.mf_model_release, handle)

    @classmethod
    def universal(cls) -> "Model":
        """The model that comes with the package, trained on photographs of many things: to be adapted to a product. Raises
        `Error`, with Status.IO where the package was built without it."""
        return cls.open(pathlib.Path(__file__).with_name("universal.safetensors"))

    def __repr__(self) -> str:
        size = " x ".join(self.setting(f"input.{side}") or "?" for side in ("width", "height"))
        threshold = self.setting("threshold")
        known = "knows no product" if threshold is None else f"threshold {float(threshold):.4g}"
        return f"<metaformer.Model {size} pixels, {self.setting('input.framing') or 'stretch'}, {known}>"

    @classmethod
    def open(cls, source: Union[str, "os.PathLike[str]", bytes]) -> "Model":
        """Opens a model file, by path or from its bytes, and checks all of it. Raises `Error`."""
        handle = ctypes.c_void_p()
        if isinstance(source, bytes):
            _library.call(_library.mf_model_open_memory, source, len(source), None, ctypes.byref(handle))
        else:
            _library.call(_library.mf_model_open_file, os.fsencode(source), None, ctypes.byref(handle))
        return cls(handle)

    def save(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Writes the model beside its place, and renames it into it. Raises `Error`."""
        _library.call(_library.mf_model_save, self._handle, os.fsencode(path))

    def to_bytes(self) -> bytes:
        """The bytes of the file that `save` writes, which `open` takes. Raises `Error`, or MemoryError."""
        file = io.BytesIO()
        raised: list[BaseException] = []

        def write(_: Any, piece: int, count: int) -> int:
            try:
                return int(file.write((ctypes.c_char * count).from_address(piece)) != count)
            except BaseException as error:  # it must not cross the library
                raised.append(error)
                return 1

        writer = _library.CWriter(struct_size=ctypes.sizeof(_library.CWriter), write=_library.CWrite(write))
        try:
            _library.call(_library.mf_model_write, self._handle, ctypes.byref(writer))
        except _library.Error:
            if raised:
                raise raised[0] from None
            raise
        return file.getvalue()

    def setting(self, key: str) -> Optional[str]:
        """A value of the model's configuration, such as "input.width" or "threshold"; None where it has no such key."""
        value: Optional[bytes] = _library.mf_model_setting(self._handle, key.encode())
        return None if value is None else value.decode("utf-8", "replace")

    def adapt(
        self,
        frames: Sequence[ImageLike],
        *,
        order: str = "rgb",
        bits: Optional[int] = None,
        threads: int = 0,
        epochs: int = 0,
        batch: int = 0,
        learning_rate: float = 0,
        seed: int = 0,
        flips: bool = False,
        shift: int = 0,
        false_alarm_rate: float = 0,
        framing: Optional[str] = None,
        precision: Optional[str] = None,
        masks: Sequence[ImageLike] = (),
        time_limit: float = 0,
        progress: Optional[Progress] = None,
        **others: float,
    ) -> "Model":
        """Adapts a model to a product, by good frames of it, and sets the threshold; the model itself stays as it is.

        `bits` are those in use of frames of uint16 (10, 12, 14 or 16): where left out the fewest that hold all values of all
        frames, which the model's setting "adapted.bits" then says. Zeros stand for the model's own settings. `framing` is
        "stretch", "letterbox" or "tile", or None for the model's own; `precision` is "float", or "int8" for faster inspections of
        models that are adapted in closed form, or None for the model's own;
        `masks`, uint8 [height, width], one for all frames or one for each, are 0 where nothing is to be learnt;
        `time_limit` is in seconds, 0 for none; `others` are further numbers of C's mf_adapt_options, such as
        cache_bytes. `progress(stage, done, total, loss)` is called between steps, on this thread; where it returns False the
        call ends with an `Error` of Status.CANCELLED, and what it raises is raised here.
        """
        given = _arrays(frames, order)
        arrays, images = _images(given, bits)
        if framing not in _FRAMINGS:
            raise ValueError('framing is "stretch", "letterbox", "tile" or None')
        if precision not in _PRECISIONS:
            raise ValueError('precision is "float", "int8" or None')
        mask_arrays, regions = _regions(masks, arrays)
        reporter = _Reporter(progress)
        options = _library.CAdaptOptions(
            struct_size=ctypes.sizeof(_library.CAdaptOptions),
            threads=threads,
            epochs=epochs,
            batch=batch,
            learning_rate=learning_rate,
            seed=seed,
            flips=int(flips),
            shift=shift,
            false_alarm_rate=false_alarm_rate,
            progress=reporter.callback,
            time_limit_ns=round(time_limit * 1e9),
            framing=_FRAMINGS[framing],
            precision=_PRECISIONS[precision],
            masks=regions,
            mask_count=len(mask_arrays),
        )
        for name, value in others.items():
            key = f"mf_adapt_options.{name}".encode()
            _library.call(_library.mf_option_set, key, value, ctypes.byref(options))
        return reporter.run(_library.mf_adapt, self._handle, images, len(arrays), ctypes.byref(options))

    def calibrate(
        self,
        frames: Sequence[ImageLike],
        *,
        defective: Sequence[ImageLike] = (),
        order: str = "rgb",
        bits: Optional[int] = None,
        threads: int = 0,
        false_alarm_rate: float = 0,
        masks: Sequence[ImageLike] = (),
        defective_masks: Sequence[ImageLike] = (),
        time_limit: float = 0,
        progress: Optional[Progress] = None,
    ) -> "Model":
        """Sets the threshold from further good frames, none of which the model was adapted to; the model itself stays.

        From good frames alone it is what a good one exceeds at `false_alarm_rate` (0 for 0.02); with `defective` frames too,
        that with the best F1 over all. Masks, progress and the rest are as in `adapt`. Raises `Error`, with Status.STATE
        where the model knows no product.
        """
        given, bad_given = _arrays(frames, order), _arrays(defective, order)
        is_told = self.setting("adapted.bits") is not None
        arrays, images = _images(given, bits, is_told)
        bad_arrays, bad = _images(bad_given, bits, is_told)
        mask_arrays, regions = _regions(masks, arrays)
        bad_mask_arrays, bad_regions = _regions(defective_masks, bad_arrays)
        reporter = _Reporter(progress)
        options = _library.CCalibrateOptions(
            struct_size=ctypes.sizeof(_library.CCalibrateOptions),
            threads=threads,
            false_alarm_rate=false_alarm_rate,
            masks=regions,
            mask_count=len(mask_arrays),
            defective=bad,
            defective_count=len(bad_arrays),
            defective_masks=bad_regions,
            defective_mask_count=len(bad_mask_arrays),
            progress=reporter.callback,
            time_limit_ns=round(time_limit * 1e9),
            any_depth=int(bits is not None),
        )
        return reporter.run(_library.mf_calibrate, self._handle, images, len(arrays), ctypes.byref(options))

    def with_threshold(self, threshold: float) -> "Model":
        """The same model with another threshold, to be saved with it. Raises `Error`."""
        handle = ctypes.c_void_p()
        _library.call(_library.mf_model_set_threshold, self._handle, threshold, ctypes.byref(handle))
        return Model(handle)


def _arrays(frames: Sequence[ImageLike], order: str) -> list[tuple[Array, str]]:
    return [_frames.array(frame, order) for frame in frames]


def _images(
    given: Sequence[tuple[Array, str]], bits: Optional[int], is_told: bool = True
) -> tuple[list[Array], Any]:
    """The arrays of frames, which must outlive the use of what describes them. `bits` are for those of uint16."""
    described = (
        _frames.image(values, order, bits if getattr(values, "dtype", None) == numpy.uint16 else None, is_told)
        for values, order in given
    )
    return [values for values, _ in given], (_library.CImage * max(len(given), 1))(*described)


def _regions(given: Sequence[ImageLike], frames: Sequence[Array]) -> tuple[list[Array], Any]:
    masks = [_frames.mask(mask) for mask in given]
    if len(masks) not in (0, 1, len(frames)):
        raise ValueError(f"{len(masks)} masks for {len(frames)} frames: give none, one, or one for each")
    return masks, (_library.CPlane * max(len(masks), 1))(
        *(_frames.plane(mask, numpy.uint8, frame.shape, "mask") for mask, frame in zip(masks, frames))
    )


class _Reporter:
    """Hands the library's progress to the caller's function, and what that raises past the library."""

    def __init__(self, progress: Optional[Progress]) -> None:
        self._progress = progress
        self._raised: list[BaseException] = []
        self.callback = _library.CProgress(self._report)

    def _report(self, _: Any, stage: bytes, done: int, total: int, loss: float) -> int:
        try:
            return int(self._progress is not None and self._progress(stage.decode(), done, total, loss) is False)
        except BaseException as error:  # it must not cross the library
            self._raised.append(error)
            return 1

    def run(self, function: Callable[..., int], *arguments: Any) -> Model:
        """The model that a call makes."""
        handle = ctypes.c_void_p()
        try:
            _library.call(function, *arguments, ctypes.byref(handle))
        except _library.Error:
            if self._raised:
                raise self._raised[0] from None
            raise
        return Model(handle)


class Context:
    """What one thread needs to inspect with a model.

    Not for use by two threads at once: the second call raises an `Error` of Status.STATE. The interpreter's lock is not held
    meanwhile, so that contexts run in parallel. In a child of `os.fork` (and of multiprocessing's "fork") a context of
    several threads raises an `Error` of Status.STATE, as the threads did not come along; `threads=0` stands for one there.
    """

    def __repr__(self) -> str:
        return f"<metaformer.Context of {self._model}>"

    def __init__(self, model: Model, *, threads: int = 0, max_width: int = 0) -> None:
        """Allocates everything that inspections will need. Raises `Error`.

        `threads`: 0 for one a processor; `max_width`: of frames that the model tiles, pixels; 0 for 8192.
        """
        options = _library.CContextOptions(
            struct_size=ctypes.sizeof(_library.CContextOptions), threads=threads, max_width=max_width
        )
        handle = ctypes.c_void_p()
        arguments = model._handle, ctypes.byref(options), ctypes.byref(handle)
        try:
            _library.call(_library.mf_context_create, *arguments)
        except _library.Error as error:
            if threads or not _library.is_forked() or error.status != _library.Status.STATE:
                raise
            options.threads = 1
            _library.call(_library.mf_context_create, *arguments)
        self._handle = handle
        self._model = repr(model)
        self._bits = model.setting("adapted.bits")
        self._side = tuple(int(model.setting(f"input.{name}") or 0) for name in ("height", "width"))
        self._release = weakref.finalize(self, _library.mf_context_release, handle)

    def inspect(
        self,
        frame: ImageLike,
        *,
        order: str = "rgb",
        bits: Optional[int] = None,
        mask: Optional[ImageLike] = None,
        map: Union[bool, Array] = False,
    ) -> Inspection:
        """Inspects a frame: uint8 or uint16, [height, width] or [height, width, channels]; the path of an image file, for
        which Pillow must be installed; or an image of Pillow's.

        `order` is that of an array's colours ("rgb" or "bgr"), `bits` those in use of uint16 (10, 12, 14 or 16); where
        left out, as many as the model was adapted from, and `Error` is raised for a value beyond, and for frames of uint8
        where the model's were deeper. `mask`, uint8 or bool [height, width], is 0 where the frame is to be ignored. `map` asks for the anomaly map; an array, float32
        [height, width], receives it. Raises `Error` (Status.STATE where the model knows no product and no threshold was
        set), TypeError or ValueError.
        """
        array, order = _frames.array(frame, order)
        image = _frames.image(array, order, bits, self._bits is not None)
        inside = None if mask is None else _frames.mask(mask)
        roi = None if inside is None else _frames.plane(inside, numpy.uint8, array.shape, "mask")
        values = map if isinstance(map, numpy.ndarray) else numpy.empty(array.shape[:2], numpy.float32) if map else None
        target = None if values is None else _frames.plane(values, numpy.float32, array.shape, "map")
        if values is not None and not values.flags.writeable:
            raise ValueError("the map cannot be written to")
        result = _library.CResult(struct_size=ctypes.sizeof(_library.CResult))
        self._check(_library.mf_context_set_any_depth(self._handle, int(bits is not None)))
        self._check(
            _library.mf_inspect(
                self._handle,
                ctypes.byref(image),
                None if roi is None else ctypes.byref(roi),
                None if target is None else ctypes.byref(target),
                ctypes.byref(result),
            )
        )
        regions = tuple(
            Region(r.x, r.y, r.width, r.height, r.area, r.peak) for r in result.regions[: result.region_count]
        )
        return Inspection(
            result.score,
            result.threshold,
            bool(result.is_anomalous),
            regions,
            result.elapsed_ns * 1e-9,
            values,
            bool(result.is_unlike_taught),
            tuple(name for name, bit in _UNLIKE.items() if result.unlike_reasons & bit),
        )

    def set_threshold(self, threshold: float) -> None:
        """Compares scores with another threshold than the model's; infinity where scores alone are wanted, which a model
        that knows no product gives as well. Raises `Error` for NaN."""
        self._check(_library.mf_context_set_threshold(self._handle, threshold))

    def set_time_limit(self, seconds: float) -> None:
        """Limits the time of each inspection that follows; 0 for no limit. Raises ValueError."""
        if not 0 <= seconds < 1e9:
            raise ValueError("a time limit is from 0 seconds on")
        self._check(_library.mf_context_set_time_limit(self._handle, round(seconds * 1e9)))

    def cancel(self) -> None:
        """Ends the inspection under way with an `Error` of Status.CANCELLED. May be called from any thread."""
        _library.mf_context_cancel(self._handle)

    def scores(self) -> Scores:
        """How many inspections there were, and what they gave."""
        scores = _library.CScores(struct_size=ctypes.sizeof(_library.CScores))
        self._check(_library.mf_context_scores(self._handle, ctypes.byref(scores)))
        return Scores(
            scores.count,
            scores.anomalous,
            scores.mean,
            scores.lowest,
            scores.highest,
            bool(scores.drift),
            scores.drift_evidence,
        )

    def score_quantile(self, share: float) -> float:
        """The score that this share of inspections did not exceed, within 1/32 of itself. Raises `Error`."""
        score = ctypes.c_float()
        self._check(_library.mf_context_score_quantile(self._handle, share, ctypes.byref(score)))
        return score.value

    def reset_scores(self) -> None:
        """Forgets the scores so far."""
        self._check(_library.mf_context_reset_scores(self._handle))

    def plane(self, name: str) -> Array:
        """A plane of the last inspection at the model's own size, float32, in an image's shape: [height, width], or [height,
        width, channels] of colours.

        The names are "image", "reconstruction", "map", and "response" where the model has a prior. Raises `Error`.
        """
        count = ctypes.c_size_t()
        self._check(_library.mf_context_plane(self._handle, name.encode(), None, ctypes.byref(count)))
        values = numpy.empty(count.value, numpy.float32)
        self._check(
            _library.mf_context_plane(self._handle, name.encode(), values.ctypes.data, ctypes.byref(count))
        )
        planes = values.reshape(-1, *self._side)
        return planes[0] if len(planes) == 1 else numpy.ascontiguousarray(numpy.moveaxis(planes, 0, 2))

    def _check(self, status: int) -> None:
        if status:
            text: bytes = _library.mf_context_error(self._handle)
            raise _library.Error(status, text.decode("utf-8", "replace"))
