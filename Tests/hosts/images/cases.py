#!/usr/bin/env python3
"""Gives images of odd sizes and kinds, and files that declare more than they hold, to a host of Tests/hosts/images.

    cases.py HOST FOLDER

Each is read, with the size that it is to have, or refused with a text that says why; the memory of the process stays below the
decoded image and 32 MiB.
"""
import os
import struct
import subprocess
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fuzz"))
from encoders import chunk, png, tiff  # noqa: E402

MARGIN_KIB = 32 << 10


def header(width, height, depth=8, colour=0):
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", width, height, depth, colour, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b""))


def zeros(width, height):
    """A decompression bomb: a thousandth of what it becomes."""
    packer = zlib.compressobj(9)
    row = bytes(1 + width)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)) + chunk(b"IDAT", body)
            + chunk(b"IEND", b""))


def jpeg(components):
    frame = struct.pack(">BHHB", 8, 8, 8, components) + b"".join(bytes([i + 1, 0x11, 0]) for i in range(components))
    scan = bytes([components]) + b"".join(bytes([i + 1, 0]) for i in range(components)) + bytes([0, 63, 0])
    return (b"\xff\xd8" + b"\xff\xc0" + struct.pack(">H", 2 + len(frame)) + frame + b"\xff\xda" + struct.pack(">H", 2 + len(scan))
            + scan + bytes(20) + b"\xff\xd9")


def adam7(size):
    """Grey, interlaced: seven passes of the same value."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    body = b""
    for x, y, dx, dy in passes:
        columns, rows = len(range(x, size, dx)), len(range(y, size, dy))
        body += (b"\0" + b"\x55" * columns) * rows if columns else b""
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", size, size, 8, 0, 0, 0, 1))
            + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b""))


grey = lambda width, height: png(8, 0, width, [bytes(width)] * height)  # noqa: E731
floats = struct.pack("<4f", 0, 1, float("nan"), float("inf"))
CASES = [  # name, bytes, what the first line begins with (read) or contains (refused)
    *((f"{w} x {h}", grey(w, h), f"{w} {h} 1 8") for w, h in [(1, 1), (31, 31), (32, 32), (1, 20000), (20000, 1), (65535, 1)]),
    ("interlaced", adam7(9), "9 9 1 8"),
    ("16-bit grey with alpha", png(16, 4, 2, [bytes(8)] * 2), "2 2 1 16"),
    ("8-bit colour with alpha", png(8, 6, 2, [bytes(8)] * 2), "2 2 3 8"),
    ("a bomb of 100 million pixels", zeros(10000, 10000), "10000 10000 1 8"),
    ("float TIFF with NaN and infinity", tiff(2, 2, 1, 32, 1, floats, kind=3), "2 2 1 32"),
    ("65536 x 1", header(65536, 1), "at most 65535"),
    ("60000 x 60000 declared, PNG", header(60000, 60000), "60000 x 60000"),
    ("60000 x 60000 declared, TIFF", tiff(60000, 60000, 1, 8, 1, b"\0"), "60000 x 60000"),
    ("60000 x 60000 declared, PGM", b"P5 60000 60000 255\n\0", "60000 x 60000"),
    ("60000 x 60000 declared, BMP", b"BM" + struct.pack("<IHHI", 58, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 60000, 60000, 1,
     24, 0, 0, 0, 0, 0, 0) + bytes(4), "60000 x 60000"),
    ("20000 x 20000 declared, PNG", header(20000, 20000), ""),
    ("20000 x 20000 declared, TIFF", tiff(20000, 20000, 1, 8, 1, b"\0"), ""),
    ("20000 x 20000 declared, PGM", b"P5 20000 20000 255\n\0", ""),
    ("rows of 3 GB in a TIFF of 65000 x 1", tiff(65000, 1, 50000, 8, 1, b"\0"), "rows of 3250000000 bytes"),
    ("0 x 5", header(0, 5), ""),
    ("CMYK JPEG", jpeg(4), "CMYK"),
    ("two-channel JPEG", jpeg(2), ""),
    ("nothing", b"", ""),
    ("a text", b"hello", ""),
]

host, folder = sys.argv[1:]
wrong = highest = 0
for name, content, expected in CASES:
    path = os.path.join(folder, "case")
    with open(path, "wb") as file:
        file.write(content)
    with open(os.path.join(folder, "out"), "wb") as out:
        process = subprocess.Popen([host, path], stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = code = os.waitstatus_to_exitcode(status)
    with open(os.path.join(folder, "out"), "rb") as out:
        line = out.readline().decode("utf-8", "replace").strip()
    size = [int(word) for word in line.split()] if code == 0 else [0, 0, 0, 0]
    over = usage.ru_maxrss - size[0] * size[1] * size[2] * size[3] // 8 // 1024
    highest = max(highest, over)
    is_read = bool(expected) and expected[0].isdigit() and expected.count(" ") == 3
    good = (code == 0 and line.startswith(expected)) if is_read else (code == 1 and line and expected in line)
    if not good or over > MARGIN_KIB:
        print(f"{name}: exit status {code}, {over} KiB beyond the image, '{line}'; expected '{expected}'", file=sys.stderr)
        wrong += 1
print(f"{len(CASES)} images, {wrong} of them read otherwise; {highest} KiB beyond the decoded image at most")
sys.exit(wrong > 0)
