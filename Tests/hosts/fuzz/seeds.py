#!/usr/bin/env python3
"""Writes small inputs for the targets to start from, and the models that the calls are tried with:  seeds.py FOLDER"""
import json
import math
import os
import struct
import sys
import zlib

from encoders import chunk, png, tiff

NO_NAME = (1 << 32) - 1
ADD, MULTIPLY, ABSOLUTE = 2, 4, 11


def program(buffers, names, instructions, arena=0, constants=b""):
    """buffers: (kind, dims, offset, name offset or NO_NAME)"""
    words = b"".join(struct.pack(f"<{len(i)}I", *i) for i in instructions)
    records = b"".join(
        struct.pack("<8IQ2I", kind, len(dims), *dims, *([0] * (6 - len(dims))), offset, name, 0)
        for kind, dims, offset, name in buffers)
    head = struct.pack("<6I3Q", 0x4750464D, 1, len(buffers), len(instructions), len(words) // 4, len(names), len(constants), arena, 0)
    body = head + records + words + bytes(-len(words) % 8) + names
    return body + bytes(-len(body) % 64) + constants


def model(programs, tensors=(), settings=()):
    entries = {"format": "metaformer 1", "input.channels": "1", "input.height": "32", "input.width": "32", **dict(settings),
               "checksum": "0" * 32}
    header, data = {"__metadata__": entries}, b""
    for name, dtype, shape, content in [*tensors, *((f"program/{k}", "U8", [len(v)], v) for k, v in programs.items())]:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * ((-8 - len(text)) % 64)
    return struct.pack("<Q", len(text)) + text + data


def models():
    size, names = [1, 1, 32, 32], b"image\0map\0w\0"
    ends = [(1, size, 0, 0), (2, size, 0, 6)]
    weight = ("w", "F32", [1, 1, 3, 3], struct.pack("<9f", *range(9)))
    variable = (3, [1, 1, 3, 3], 0, 10)
    convolution = [2, 15, 2, 1, 0, 2, 1, 1, 1, 1, 1, 1, 1, 1, ABSOLUTE]
    yield model({"inspect": program(ends, names, [[1, 7, 1, 1, 0, 1, ABSOLUTE]])})
    yield model({"inspect": program(ends, names, [[1, 6, 1, 1, 0, 0]])}, settings={"threshold": "0.5", "input.framing": "tile"}.items())
    yield model({"inspect": program([*ends, variable], names, [convolution])}, [weight])
    arena = [*ends, (0, size, 0, NO_NAME), (0, [1, 1, 16, 16], 4096, NO_NAME)]
    yield model({"inspect": program(arena, names, [
        [14, 9, 1, 3, 0, 2, 2, 2, 2], [16, 7, 1, 2, 3, 1, 0],
        [1, 9, 2, 1, 0, 2, 2, MULTIPLY | 0 << 8 | 1 << 16, ADD | 2 << 8 | 0 << 16]], 5120)},
        settings={"score.share": "0.1", "input.framing": "letterbox"}.items())
    half = ("h", "F16", [4], bytes(8))
    yield model({"inspect": program([*ends, (4, [1], 0, NO_NAME)], names, [[1, 8, 2, 1, 0, 2, 1, ADD | 0 << 8 | 1 << 16]],
                                    constants=struct.pack("<f", 1.5))}, [half])
    yield bottleneck()


def bottleneck():
    """An expansion, a depthwise convolution and a projection, which are run as one; and what makes a map of it."""
    names, wide = b"image\0map\0e\0d\0p\0o\0", [1, 4, 32, 32]
    shapes = {"e": [4, 1, 1, 1], "d": [4, 1, 3, 3], "p": [4, 4, 1, 1], "o": [1, 4, 1, 1]}
    weights = [(k, "F32", v, struct.pack(f"<{math.prod(v)}f", *range(math.prod(v)))) for k, v in shapes.items()]
    buffers = [(1, [1, 1, 32, 32], 0, 0), (2, [1, 1, 32, 32], 0, 6)]
    buffers += [(3, shape, 0, 10 + 2 * i) for i, shape in enumerate(shapes.values())]
    buffers += [(0, wide, 16384 * i, NO_NAME) for i in range(3)]
    return model({"inspect": program(buffers, names, [
        [2, 14, 2, 0, 0, 2, 6, 1, 1, 0, 0, 0, 0, 1], [2, 14, 2, 0, 6, 3, 7, 1, 1, 1, 1, 1, 1, 4],
        [2, 14, 2, 0, 7, 4, 8, 1, 1, 0, 0, 0, 0, 1], [2, 15, 2, 1, 8, 5, 1, 1, 1, 0, 0, 0, 0, 1, ABSOLUTE]], 3 * 16384)}, weights)


def adaptable():
    """Two models that are adapted, one by each way, as small as such models are; and what stands for the checksum is to be made."""
    size, plane = [1, 1, 32, 32], struct.pack("<1024f", *([0.5] * 1024))
    names = b"image\0map\0mask\0weight\0loss\0learning_rate\0response\0normal.mean\0normal.gain\0w\0g\0s\0features\0"
    name = {n: names.index(b"\0" + n.encode() + b"\0") + 1 if n != "image" else 0 for n in names[:-1].decode().split("\0")}
    image, mask, output = (1, size, 0, 0), (1, size, 0, name["mask"]), (2, size, 0, name["map"])

    def variable(key, dims=(1, 1, 1, 1)):
        return (3, list(dims), 0, name[key])

    subtract, product = 3, MULTIPLY | 0 << 8 | 1 << 16
    # The map: |image - w image|, less its mean, by its gain.
    def difference(of):
        return program([of, output, variable("w"), variable("normal.mean", size), variable("normal.gain", size)], names, [
            [1, 14, 4, 1, 0, 2, 3, 4, 5, product, subtract | 0 << 8 | 4 << 16, ABSOLUTE | 5 << 8, subtract | 6 << 8 | 2 << 16,
             MULTIPLY | 7 << 8 | 3 << 16]])

    inspect = difference(image)
    # g gathers the weighted sums of image and response within the mask, which are the loss as well, until update takes it.
    gradient = program([image, mask, (1, [1, 1, 1, 1], 0, name["weight"]), (1, size, 0, name["response"]), variable("g"),
                        (2, [1, 1, 1, 1], 0, name["loss"])], names, [
        [6, 14, 4, 5, 0, 1, 2, 3, 0, 15, 3, product, ADD | 4 << 8 | 3 << 16, MULTIPLY | 5 << 8 | 2 << 16],
        [1, 8, 2, 4, 4, 5, 1, ADD | 0 << 8 | 1 << 16]])
    update = program([variable("w"), variable("g"), (1, [1, 1, 1, 1], 0, name["learning_rate"])], names, [
        [1, 10, 3, 0, 0, 1, 2, 2, MULTIPLY | 1 << 8 | 2 << 16, subtract | 0 << 8 | 3 << 16],
        [1, 9, 1, 1, 1, 2, 1, 0, product]])
    prior = program([image, (2, size, 0, name["response"])], names, [[1, 6, 1, 1, 0, 0]])
    tensors = [("w", "F32", [1, 1, 1, 1], struct.pack("<f", 0.25)), ("normal.mean", "F32", size, bytes(4096)),
               ("normal.gain", "F32", size, plane)]
    yield model({"inspect": inspect, "gradient": gradient, "update": update, "prior": prior}, tensors,
                {"adapt.epochs": "1", "adapt.batch": "2"}.items())
    # Closed form: features are the image, s their sum within the masks, and normal.mean a quarter of it.
    features = (1, size, 0, name["features"])
    extract = program([image, (2, size, 0, name["features"])], names, [[1, 6, 1, 1, 0, 0]])
    observe = program([features, mask, variable("s", size)], names, [[1, 10, 3, 2, 2, 0, 1, 2, MULTIPLY | 1 << 8 | 2 << 16,
                                                                    ADD | 0 << 8 | 3 << 16]])
    fit = program([variable("s", size), variable("normal.mean", size)], names, [[1, 9, 1, 1, 0, 2, 1, 0x3E800000, product]])
    yield model({"inspect": inspect, "features": extract, "observe": observe, "fit": fit, "map": difference(features)},
                [*tensors, ("s", "F32", size, bytes(4096))])


def images():
    yield png(8, 0, 5, [bytes(range(5))] * 3)
    yield png(16, 2, 2, [bytes(range(12))] * 2)
    yield png(16, 4, 2, [bytes(range(8))] * 2)
    yield png(2, 3, 4, [b"\x1b"] * 2, extra=chunk(b"PLTE", bytes(range(12))))
    yield b"P5 5 3 255\n" + bytes(range(15))
    yield b"P2 2 2 9\n1 2 3 4\n"
    yield b"P6 2 1 65535\n" + bytes(range(12))
    row = bytes(range(15)) + b"\0"
    yield b"BM" + struct.pack("<IHHI", 54 + 48, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 5, 3, 1, 24, 0, 48, 0, 0, 0, 0) + row * 3
    yield tiff(4, 2, 1, 8, 1, bytes(range(8)))
    yield tiff(2, 2, 1, 32, 1, struct.pack("<4f", 0, 1, float("nan"), float("inf")), kind=3)
    yield tiff(4, 2, 1, 8, 1, zlib.compress(bytes(range(8))), compression=8)
    runs = bytes([3, 1, 0, 0, 2, 0, 1, 1, 0, 1])
    yield b"BM" + struct.pack("<IHHI", 62 + len(runs), 0, 0, 62) + struct.pack(
        "<IiiHHIIiiII", 40, 3, 2, 1, 8, 1, len(runs), 0, 0, 2, 0) + bytes([0, 0, 0, 0, 9, 8, 7, 0]) + runs


def calls():
    yield bytes([7, 3, 1, 0, 100, 4, 0, 0, 0, 60, 60, 5, 0, 0, 0, 0, 3])
    yield bytes([31, 8, 5] + [0, 0, 60, 60, 9] * 3 + [0, 20, 0, 2])
    yield bytes([7, 7, 8] + [0, 0, 60, 60, 9, 0, 0, 9] * 3 + [7, 0, 0, 1, 0, 2, 0, 0, 7, 0, 9, 8, 0, 0, 3])
    yield bytes([24, 3, 9, 7, 8] + [0, 3, 60, 60, 9, 0, 0, 9] * 3 + [7, 0])
    yield bytes([25, 15, 0, 9, 0, 14, 5, 9, 9, 1, 40, 10, 1, 1, 11, 1, 12, 1, 9, 13, 1, 1])


for target, contents in ("model", models()), ("images", images()), ("calls", calls()), ("adaptable", adaptable()):
    os.makedirs(f"{sys.argv[1]}/{target}", exist_ok=True)
    for number, content in enumerate(contents):
        with open(f"{sys.argv[1]}/{target}/seed-{number}", "wb") as file:
            file.write(content)
