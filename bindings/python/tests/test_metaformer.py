"""Tests of the installed package.

    MODEL=<model for grey images> ADAPTED=<the same, with a threshold> LAYOUT=<Tests/golden/abi/layout.txt> python3 -m unittest test_metaformer
"""
import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

import numpy

import metaformer
from metaformer import _library


def ramp(width=80, height=60, channels=None, dtype=numpy.uint8):
    shape = (height, width) if channels is None else (height, width, channels)
    return (numpy.arange(numpy.prod(shape)) % 201).astype(dtype).reshape(shape)


class PillowImage:
    """What Pillow's images are to the package."""

    def __init__(self, values, mode, orientation=None):
        self.values, self.mode, self.orientation = values, mode, orientation

    def convert(self, mode):
        return PillowImage(self.values, mode)

    def getexif(self):
        return {} if self.orientation is None else {0x0112: self.orientation}

    def __array__(self, dtype=None, copy=None):
        return numpy.array(self.values, dtype)


class LayoutTests(unittest.TestCase):
    """The declarations for ctypes are those of the header."""

    STRUCTURES = {
        "mf_error": _library.CError,
        "mf_image": _library.CImage,
        "mf_mask": _library.CPlane,
        "mf_map": _library.CPlane,
        "mf_context_options": _library.CContextOptions,
        "mf_region": _library.CRegion,
        "mf_result": _library.CResult,
        "mf_scores": _library.CScores,
        "mf_adapt_options": _library.CAdaptOptions,
        "mf_calibrate_options": _library.CCalibrateOptions,
        "mf_setting_description": _library.CSettingDescription,
        "mf_writer": _library.CWriter,
    }

    def setUp(self):
        self.lines = pathlib.Path(os.environ["LAYOUT"]).read_text().splitlines()

    def test_structures(self):
        for name, structure in self.STRUCTURES.items():
            with self.subTest(name):
                expected = [line for line in self.lines if line.split()[0].split(".")[0] == name]
                declared = [f"{name} {ctypes.sizeof(structure)}"]
                for field, _ in structure._fields_:
                    place = getattr(structure, field)
                    declared.append(f"{name}.{field} {place.offset} {place.size}")
                self.assertEqual(declared, expected)

    def test_statuses(self):
        expected = [line for line in self.lines if line.startswith("MF_E_")]
        self.assertEqual([f"MF_E_{status.name} 0x{status.value:x}" for status in metaformer.Status], expected)


class SettingTests(unittest.TestCase):
    def test_settings_and_options_are_listed(self):
        settings = {setting.key: setting for setting in metaformer.settings()}
        self.assertEqual(settings["input.framing"].choices, ("stretch", "letterbox", "tile"))
        self.assertEqual((settings["input.framing"].default, settings["input.framing"].low), ("stretch", None))
        epochs = settings["adapt.epochs"]
        self.assertEqual((epochs.low, epochs.high, epochs.default, epochs.choices), (1, 1000000, 30, ()))
        self.assertIsNone(settings["input.width"].default)
        options = {option.key: option for option in metaformer.options()}
        self.assertEqual(options["mf_context_options.max_width"].default, 8192)
        self.assertTrue(all(entry.help for entry in (*settings.values(), *options.values())))

    def test_options_out_of_their_bounds_are_refused_by_name(self):
        model = metaformer.Model.open(os.environ["MODEL"])
        for option in metaformer.options():
            structure, field = option.key.split(".")
            if structure == "mf_adapt_options" and field in ("epochs", "batch", "learning_rate", "shift"):
                with self.assertRaisesRegex(metaformer.Error, option.key) as raised:
                    model.adapt([ramp()], **{field: -1})
                self.assertEqual(raised.exception.status, metaformer.Status.INVALID)


class ModelTests(unittest.TestCase):
    def setUp(self):
        self.model = metaformer.Model.open(os.environ["MODEL"])

    def test_settings(self):
        self.assertEqual(self.model.setting("input.width"), "64")
        self.assertIsNone(self.model.setting("no.such.key"))
        self.assertRegex(metaformer.version(), r"^\d+\.\d+\.\d+$")

    def test_opens_bytes_and_saves_the_same_model(self):
        data = pathlib.Path(os.environ["ADAPTED"]).read_bytes()
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "copy é.safetensors"
            metaformer.Model.open(data).save(path)
            models = (metaformer.Model.open(data), metaformer.Model.open(path))
            scores = [metaformer.Context(model).inspect(ramp()).score for model in models]
            self.assertEqual(scores[0], scores[1])

    def test_bytes_are_those_of_the_file(self):
        data = pathlib.Path(os.environ["MODEL"]).read_bytes()
        self.assertEqual(self.model.to_bytes(), data)
        self.assertEqual(metaformer.Model.open(data).to_bytes(), data)
        adapted = self.model.adapt([ramp()], epochs=1)
        again = metaformer.Model.open(adapted.to_bytes())
        self.assertEqual(again.setting("threshold"), adapted.setting("threshold"))
        with tempfile.TemporaryDirectory() as folder:
            adapted.save(f"{folder}/adapted")
            self.assertEqual(adapted.to_bytes(), pathlib.Path(f"{folder}/adapted").read_bytes())

    def test_errors_have_status_and_text(self):
        with self.assertRaises(metaformer.Error) as raised:
            metaformer.Model.open("/no/such/file")
        self.assertEqual(raised.exception.status, metaformer.Status.IO)
        self.assertIn("/no/such/file", str(raised.exception))
        damaged = bytearray(pathlib.Path(os.environ["MODEL"]).read_bytes())
        damaged[-1] ^= 1
        with self.assertRaises(metaformer.Error) as raised:
            metaformer.Model.open(bytes(damaged))
        self.assertEqual(raised.exception.status, metaformer.Status.CHECKSUM)
        with self.assertRaises(metaformer.Error) as raised:
            self.model.save("/no/such/folder/model")
        self.assertEqual(raised.exception.status, metaformer.Status.IO)

    def test_adapt(self):
        frames = [ramp() + numpy.uint8(i) for i in range(3)]
        stages = []
        adapted = [
            self.model.adapt(frames, epochs=1, seed=7, progress=lambda *step: stages.append(step))
            for _ in range(2)
        ]
        self.assertTrue(stages and all(0 < done <= total for _, done, total, _ in stages))
        self.assertIsNone(self.model.setting("threshold"))
        self.assertEqual(*(model.setting("threshold") for model in adapted))
        self.assertIsNotNone(adapted[0].setting("threshold"))

    def test_adapt_takes_any_option_by_its_name(self):
        adapted = [self.model.adapt([ramp()], epochs=1, shift=2, **more) for more in ({}, {"cache_bytes": 1})]
        self.assertEqual(*(model.setting("threshold") for model in adapted))
        with self.assertRaisesRegex(metaformer.Error, "no option 'shfit'; there are threads, epochs"):
            self.model.adapt([ramp()], epochs=1, shfit=2)

    def test_adapt_can_be_stopped(self):
        with self.assertRaises(metaformer.Error) as raised:
            self.model.adapt([ramp()], epochs=1, progress=lambda *_: False)
        self.assertEqual(raised.exception.status, metaformer.Status.CANCELLED)

        def fail(*_):
            raise KeyError("mine")

        with self.assertRaises(KeyError):
            self.model.adapt([ramp()], epochs=1, progress=fail)
        with self.assertRaises(metaformer.Error) as raised:
            self.model.adapt([])
        self.assertEqual(raised.exception.status, metaformer.Status.INVALID)


    def test_thresholds_are_given_and_calibrated(self):
        frames = [ramp() + numpy.uint8(i) for i in range(6)]
        adapted = self.model.adapt(frames[:2], epochs=1)
        given = adapted.with_threshold(0.5)
        self.assertEqual((given.setting("threshold"), given.setting("threshold.rule")), ("0.5", "given"))
        context = metaformer.Context(adapted)
        scores = sorted(context.inspect(frame).score for frame in frames[2:])
        stages = []
        calibrated = adapted.calibrate(
            frames[2:], false_alarm_rate=0.4, progress=lambda *step: stages.append(step[:3])
        )
        self.assertAlmostEqual(float(calibrated.setting("threshold")), scores[2], places=6)
        self.assertEqual(stages, [("scoring", i + 1, 4) for i in range(4)])
        defect = frames[2].copy()
        defect[20:40, 20:40] = 255
        worst = context.inspect(defect).score
        both = adapted.calibrate(frames[2:], defective=[defect], masks=[numpy.ones((60, 80), numpy.uint8)])
        self.assertAlmostEqual(float(both.setting("threshold")), (scores[-1] + worst) / 2, places=5)
        self.assertEqual(both.setting("threshold.rule"), "best F1")
        for model, frames in ((self.model, frames), (adapted, [])):
            with self.assertRaises(metaformer.Error):
                model.calibrate(frames)
        with self.assertRaises(metaformer.Error):
            self.model.with_threshold(1)


class InspectionTests(unittest.TestCase):
    def setUp(self):
        self.context = metaformer.Context(metaformer.Model.open(os.environ["ADAPTED"]), threads=1)

    def test_a_model_that_knows_no_product(self):
        context = metaformer.Context(metaformer.Model.open(os.environ["MODEL"]), threads=1)
        with self.assertRaisesRegex(metaformer.Error, "knows no product yet") as raised:
            context.inspect(ramp())
        self.assertEqual(raised.exception.status, metaformer.Status.STATE)
        context.set_threshold(float("inf"))
        self.assertEqual(context.inspect(ramp()).score, self.context.inspect(ramp()).score)

    def test_a_frame_that_does_not_show_the_product(self):
        model = metaformer.Model.open(os.environ["MODEL"])
        context = metaformer.Context(model.adapt([ramp(), ramp() + numpy.uint8(1)], epochs=1))
        context.set_threshold(float("inf"))
        like = context.inspect(ramp() + numpy.uint8(2))
        self.assertEqual((like.is_unlike_taught, like.unlike_reasons, like.is_anomalous), (False, (), False))
        dark = context.inspect(ramp() // 20)
        self.assertTrue(dark.is_unlike_taught and dark.is_anomalous)
        self.assertEqual(dark.unlike_reasons[:2], ("dark", "flat"))

    def test_map_regions_and_threshold(self):
        result = self.context.inspect(ramp(), map=True)
        self.assertEqual(result.map.shape, (60, 80))
        # The score is that of the map at the model's own size, of which this is another size.
        self.assertEqual(float(self.context.plane("map").max()), result.score)
        self.assertAlmostEqual(float(result.map.max()), result.score, delta=0.1 * result.score)
        self.assertFalse(result.is_anomalous)
        self.context.set_threshold(result.score / 2)
        again = self.context.inspect(ramp())
        self.assertTrue(again.is_anomalous)
        self.assertIsNone(again.map)
        self.assertEqual(again.regions[0].peak, result.score)
        self.assertGreater(again.seconds, 0)
        with self.assertRaises(metaformer.Error):
            self.context.set_threshold(float("nan"))

    def test_strides_are_honoured_without_copies(self):
        frame = ramp()
        expected = self.context.inspect(frame).score
        padded = numpy.full((60, 100), 255, numpy.uint8)
        padded[:, 10:90] = frame
        self.assertEqual(self.context.inspect(padded[:, 10:90]).score, expected)
        # Bottom-up: the stored rows in reverse, seen in reverse.
        self.assertEqual(self.context.inspect(numpy.ascontiguousarray(frame[::-1])[::-1]).score, expected)
        every_other = numpy.repeat(frame, 2, axis=0)
        self.assertEqual(self.context.inspect(every_other[::2]).score, expected)
        with self.assertRaisesRegex(ValueError, "ascontiguousarray"):
            self.context.inspect(numpy.repeat(frame, 2, axis=1)[:, ::2])

    def test_formats(self):
        frame = ramp()
        expected = self.context.inspect(frame).score
        self.assertEqual(self.context.inspect(frame[:, :, numpy.newaxis]).score, expected)
        colour = ramp(channels=3)
        rgb = self.context.inspect(colour).score
        self.assertEqual(self.context.inspect(numpy.ascontiguousarray(colour[:, :, ::-1]), order="bgr").score, rgb)
        alpha = numpy.concatenate([colour, numpy.full((60, 80, 1), 9, numpy.uint8)], axis=2)
        self.assertEqual(self.context.inspect(alpha).score, rgb)
        self.assertEqual(
            self.context.inspect(numpy.ascontiguousarray(alpha[:, :, [2, 1, 0, 3]]), order="bgr").score, rgb
        )
        # 255 / 255 = 65535 / 65535: the same grey values in 8 and 16 bits.
        deep = frame.astype(numpy.uint16) * 257
        self.assertAlmostEqual(self.context.inspect(deep).score, expected, places=5)
        self.assertAlmostEqual(
            self.context.inspect((frame.astype(numpy.uint16) * 16), bits=12).score, expected, places=2
        )
        self.assertGreater(abs(self.context.inspect(frame.astype(numpy.uint16)).score - expected), 1e-3)

    def test_mask(self):
        frame = ramp()
        whole = self.context.inspect(frame)
        row, column = numpy.unravel_index(self.context.plane("map").argmax(), (64, 64))
        mask = numpy.full((60, 80), 255, numpy.uint8)
        self.assertEqual(self.context.inspect(frame, mask=mask).score, whole.score)
        mask[max(row * 60 // 64 - 4, 0) : row * 60 // 64 + 5, max(column * 80 // 64 - 4, 0) : column * 80 // 64 + 5] = 0
        self.assertLess(self.context.inspect(frame, mask=mask).score, whole.score)
        padded = numpy.full((60, 100), 255, numpy.uint8)
        padded[:, 10:90] = mask
        self.assertEqual(
            self.context.inspect(frame, mask=padded[:, 10:90]).score, self.context.inspect(frame, mask=mask).score
        )
        mask[:] = 0
        with self.assertRaises(metaformer.Error) as raised:
            self.context.inspect(frame, mask=mask)
        self.assertEqual(raised.exception.status, metaformer.Status.INVALID)
        with self.assertRaisesRegex(ValueError, "mask"):
            self.context.inspect(frame, mask=mask[:-1])

    def test_own_map_with_padding(self):
        expected = self.context.inspect(ramp(), map=True).map
        room = numpy.full((60, 96), -1, numpy.float32)
        result = self.context.inspect(ramp(), map=room[:, 8:88])
        self.assertTrue(numpy.array_equal(result.map, expected))
        self.assertTrue((room[:, :8] == -1).all() and (room[:, 88:] == -1).all())
        room.flags.writeable = False
        with self.assertRaisesRegex(ValueError, "written"):
            self.context.inspect(ramp(), map=room[:, 8:88])

    def test_mistakes_leave_the_context_usable(self):
        expected = self.context.inspect(ramp()).score
        for frame, kind in [
            (ramp().astype(numpy.float32), TypeError),
            (ramp().astype(">u2"), TypeError),
            (ramp(channels=2), TypeError),
            (ramp(channels=4).astype(numpy.uint16), TypeError),
            (numpy.zeros(5, numpy.uint8), ValueError),
            ([[1, 2]], TypeError),
        ]:
            with self.assertRaises(kind):
                self.context.inspect(frame)
        with self.assertRaisesRegex(ValueError, "order"):
            self.context.inspect(ramp(channels=3), order="gbr")
        with self.assertRaisesRegex(ValueError, "bits"):
            self.context.inspect(ramp(), bits=12)
        with self.assertRaises(metaformer.Error) as raised:
            self.context.inspect(ramp(width=16, height=16))
        self.assertEqual(raised.exception.status, metaformer.Status.LIMIT)
        self.assertEqual(self.context.inspect(ramp()).score, expected)

    def test_planes(self):
        self.context.inspect(ramp())
        self.assertEqual(self.context.plane("image").shape, (64, 64))
        self.assertEqual(self.context.plane("response").dtype, numpy.float32)
        with self.assertRaises(metaformer.Error):
            self.context.plane("no such plane")

    def test_pillow_images(self):
        frame = ramp()
        expected = self.context.inspect(frame).score
        self.assertEqual(self.context.inspect(PillowImage(frame, "L")).score, expected)
        self.assertEqual(self.context.inspect(PillowImage(frame, "LA")).score, expected)
        colour = ramp(channels=3)
        self.assertEqual(
            self.context.inspect(PillowImage(colour, "P"), order="bgr").score, self.context.inspect(colour).score
        )
        deep = frame.astype(numpy.int32) * 257
        self.assertEqual(
            self.context.inspect(PillowImage(deep, "I")).score, self.context.inspect(deep.astype(numpy.uint16)).score
        )
        self.assertEqual(
            self.context.inspect(PillowImage(deep // 16, "I;16"), bits=12).score,
            self.context.inspect((deep // 16).astype(numpy.uint16), bits=12).score,
        )
        with self.assertRaises(ValueError):
            self.context.inspect(PillowImage(deep * 2, "I"))
        with self.assertRaises(TypeError):
            self.context.inspect(PillowImage(frame, "F"))
        map = self.context.inspect(PillowImage(frame, "L"), map=True).map
        self.assertEqual(map.shape, frame.shape)
        adapted = metaformer.Model.open(os.environ["MODEL"]).adapt([PillowImage(frame, "L")] * 3, epochs=1, seed=3)
        same = metaformer.Model.open(os.environ["MODEL"]).adapt([frame] * 3, epochs=1, seed=3)
        self.assertEqual(adapted.to_bytes(), same.to_bytes())

    def test_orientations_of_images_are_applied(self):
        upright = ramp(width=80, height=60)
        stored = {
            1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.T,
            6: numpy.rot90(upright, 1), 7: numpy.rot90(upright, 2).T, 8: numpy.rot90(upright, 3),
        }  # fmt: skip
        expected = self.context.inspect(upright).score
        for orientation, values in stored.items():
            self.assertEqual(self.context.inspect(PillowImage(values, "L", orientation)).score, expected, orientation)

    def test_paths_need_pillow(self):
        try:
            from PIL import Image
        except ImportError:
            with self.assertRaisesRegex(TypeError, "Pillow"):
                self.context.inspect("frame.png")
            return
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "frame.png"
            Image.fromarray(ramp()).save(path)
            self.assertEqual(self.context.inspect(path).score, self.context.inspect(ramp()).score)

    def test_colours_of_16_bits(self):
        colour = ramp(channels=3)
        expected = self.context.inspect(colour).score
        for bits in (10, 12, 14, 16, None):
            highest = 2 ** (bits or 16) - 1
            deep = numpy.round(colour / 255 * highest).astype(numpy.uint16)
            self.assertAlmostEqual(self.context.inspect(deep, bits=bits).score, expected, places=2)
            reversed_ = numpy.ascontiguousarray(deep[:, :, ::-1])
            self.assertEqual(
                self.context.inspect(reversed_, bits=bits, order="bgr").score,
                self.context.inspect(deep, bits=bits).score,
            )
        with self.assertRaisesRegex(ValueError, "bits"):
            self.context.inspect(deep, bits=11)

    def test_depths_are_recognised_over_the_set_and_kept_by_the_model(self):
        model = metaformer.Model.open(os.environ["MODEL"])
        frames = [(ramp().astype(numpy.uint16) + seed) * 16 for seed in range(3)]
        adapted = model.adapt(frames, epochs=1, seed=3)
        self.assertEqual(adapted.setting("adapted.bits"), "12")
        self.assertEqual(adapted.setting("adapted.depth"), "recognised")
        stated = model.adapt(frames, bits=12, epochs=1, seed=3)
        context = metaformer.Context(adapted)
        self.assertEqual(context.inspect(frames[0]).score, metaformer.Context(stated).inspect(frames[0]).score)
        self.assertEqual(context.inspect(frames[0]).score, context.inspect(frames[0], bits=12).score)
        self.assertNotEqual(context.inspect(frames[0]).score, context.inspect(frames[0], bits=16).score)
        for other in (frames[0] * 16, ramp()):
            with self.assertRaisesRegex(metaformer.Error, "12 bits"):
                context.inspect(other)
            with self.assertRaisesRegex(metaformer.Error, "12 bits"):
                adapted.calibrate([other] * 3)
        # What is stated is taken, and by that call alone.
        self.assertEqual(adapted.calibrate(frames, bits=16).setting("threshold.from"), "calibration")
        with self.assertRaises(metaformer.Error):
            context.inspect(ramp())
        plain = model.adapt([ramp()] * 3, epochs=1)
        self.assertEqual(plain.setting("adapted.bits"), "8")
        # Eight bits in sixteen are those of a model of eight; more are not.
        context = metaformer.Context(plain)
        self.assertEqual(context.inspect(ramp().astype(numpy.uint16)).score, context.inspect(ramp()).score)
        with self.assertRaisesRegex(metaformer.Error, "8 bits"):
            context.inspect(frames[0])

    def test_masks_of_booleans_and_images(self):
        mask = numpy.zeros((60, 80), numpy.uint8)
        mask[10:40, 20:60] = 255
        expected = self.context.inspect(ramp(), mask=mask).score
        self.assertEqual(self.context.inspect(ramp(), mask=mask > 0).score, expected)
        self.assertEqual(self.context.inspect(ramp(), mask=PillowImage(mask, "L")).score, expected)
        self.assertEqual(self.context.inspect(ramp(), mask=PillowImage(mask // 255, "P")).score, expected)
        self.assertNotEqual(self.context.inspect(ramp()).score, expected)

    def test_texts_are_short(self):
        result = self.context.inspect(ramp(), map=True)
        model = metaformer.Model.open(os.environ["ADAPTED"])
        for value in (result, model, self.context):
            self.assertLess(len(repr(value)), 120)
            self.assertIn("metaformer.", repr(value))
        self.assertIn("64 x 64", repr(model))
        self.assertIn("no product", repr(metaformer.Model.open(os.environ["MODEL"])))

    def test_planes_of_colours_have_the_shape_of_an_image(self):
        universal = metaformer.Model.universal()
        self.assertIsNone(universal.setting("threshold"))
        context = metaformer.Context(universal, threads=1)
        context.set_threshold(float("inf"))
        context.inspect(ramp(width=300, height=260, channels=3))
        side = tuple(int(universal.setting(f"input.{name}")) for name in ("height", "width"))
        self.assertEqual(context.plane("map").shape, side)
        channels = int(universal.setting("input.channels"))
        self.assertEqual(context.plane("image").shape, side if channels == 1 else (*side, 3))

    def test_one_context_in_two_threads_raises(self):
        context = metaformer.Context(metaformer.Model.open(os.environ["ADAPTED"]), threads=1)
        expected = context.inspect(ramp()).score
        outcomes = []

        def work():
            for _ in range(200):
                try:
                    outcomes.append(context.inspect(ramp()).score)
                except metaformer.Error as error:
                    outcomes.append((error.status, "in use" in str(error)))

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertLessEqual(set(outcomes), {expected, (metaformer.Status.STATE, True)})
        self.assertEqual(context.inspect(ramp()).score, expected)

    def test_the_environment_stays_as_it_was(self):
        program = "import os; before = dict(os.environ); import metaformer; assert os.environ == before"
        for policy in (None, "active"):
            environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
            if policy:
                environment["OMP_WAIT_POLICY"] = policy
            subprocess.check_call([sys.executable, "-c", program], env=environment)

    def test_a_child_of_fork_works_on_one_thread(self):
        model = metaformer.Model.open(os.environ["ADAPTED"])
        parent = metaformer.Context(model, threads=2)
        expected = parent.inspect(ramp()).score
        child = os.fork()
        if child == 0:
            signal.alarm(60)  # what hangs ends by a signal
            code = 1
            try:
                if metaformer.Context(model).inspect(ramp()).score == expected:
                    code = 2
                    for action in (lambda: parent.inspect(ramp()), lambda: metaformer.Context(model, threads=2)):
                        try:
                            action()
                        except metaformer.Error as error:
                            code = 0 if error.status == metaformer.Status.STATE and "fork" in str(error) else 3
            finally:
                os._exit(code)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(parent.inspect(ramp()).score, expected)

    def test_threads_share_a_model(self):
        model = metaformer.Model.open(os.environ["ADAPTED"])
        expected = self.context.inspect(ramp()).score
        scores = []

        def work():
            context = metaformer.Context(model, threads=2)
            scores.extend(context.inspect(ramp()).score for _ in range(5))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(scores, [expected] * 20)

    def test_scores_are_counted(self):
        context = metaformer.Context(metaformer.Model.open(os.environ["ADAPTED"]))
        self.assertEqual(context.scores().count, 0)
        found = [context.inspect(ramp() + seed).score for seed in range(3)]
        scores = context.scores()
        self.assertEqual((scores.count, scores.lowest, scores.highest), (3, min(found), max(found)))
        self.assertEqual((scores.has_drifted, scores.drift_evidence), (False, 0))
        self.assertAlmostEqual(scores.mean, sum(found) / 3, places=5)
        self.assertAlmostEqual(context.score_quantile(1), max(found), delta=max(found) / 16)
        context.reset_scores()
        self.assertEqual(context.scores().count, 0)

    def test_time_limits(self):
        context = metaformer.Context(metaformer.Model.open(os.environ["ADAPTED"]))
        expected = context.inspect(ramp()).score
        context.set_time_limit(1e-9)
        with self.assertRaises(metaformer.Error) as raised:
            context.inspect(ramp())
        self.assertEqual(raised.exception.status, metaformer.Status.DEADLINE)
        context.set_time_limit(0)
        context.cancel()  # of nothing
        self.assertEqual(context.inspect(ramp()).score, expected)
        with self.assertRaises(ValueError):
            context.set_time_limit(-1)

    def test_adaptation_inside_a_mask(self):
        model = metaformer.Model.open(os.environ["MODEL"])
        mask = numpy.zeros((60, 80), numpy.uint8)
        mask[10:50, 10:70] = 1
        frames = [ramp() + seed for seed in range(3)]
        adapted = model.adapt(frames, epochs=1, masks=[mask], framing="letterbox")
        self.assertEqual(adapted.setting("input.framing"), "letterbox")
        self.assertGreater(metaformer.Context(adapted).inspect(frames[0], mask=mask).seconds, 0)
        for mistake in ({"framing": "crop"}, {"precision": "half"}, {"masks": [mask, mask]}):
            with self.assertRaises(ValueError):
                model.adapt(frames, epochs=1, **mistake)
        with self.assertRaises(metaformer.Error) as raised:  # it is tuned by gradient
            model.adapt(frames, epochs=1, precision="int8")
        self.assertIn("precision", str(raised.exception))

    def test_a_context_outlives_its_model(self):
        model = metaformer.Model.open(os.environ["ADAPTED"])
        context = metaformer.Context(model)
        del model
        self.assertGreater(context.inspect(ramp()).seconds, 0)


if __name__ == "__main__":
    unittest.main()
