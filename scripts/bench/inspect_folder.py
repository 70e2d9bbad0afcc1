#!/usr/bin/env python3
"""Times `metaformer inspect` on a folder of images beside what decoding and the engine take alone, in one run.

    scripts/bench/inspect_folder.py PROGRAM LIBRARY IMAGES [--rounds 5] [--adapt FOLDER]

PROGRAM is .build/release/metaformer, LIBRARY libMetaformer.so of the same build, IMAGES a folder of images of 8 bits, to which a
model is adapted first. In turn, round by round: decoding by the program's codecs, then the engine, one image after the other
(scripts/bench/decode_and_inspect.c); Pillow's decoding where this Python has it; `inspect` without maps and overlays, and as it is.
Printed are the least of the rounds, seconds of the clock and of all processors: on a busy machine the latter say more. With
--adapt, the time and the peak memory of adapting to another folder as well. Needs cc, and the headers of libpng, libjpeg and libtiff.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PILLOW = """
import sys, time
from PIL import Image
start = time.perf_counter(), time.process_time()
for path in sys.argv[1:]: Image.open(path).load()
print(time.perf_counter() - start[0], time.process_time() - start[1])
"""


def timed(command):
    """Seconds of the clock and of all processors, and peak MB, of a command."""
    start = time.perf_counter()
    child = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {errors.decode()}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def printed(command):
    """The numbers that a command prints; none where it fails."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()] if done.returncode == 0 else []


def helper(folder, library):
    program = f"{folder}/decode_and_inspect"
    codecs = ROOT / "CSources/CImageCodecs"
    subprocess.run(
        ["cc", "-O2", "-D_POSIX_C_SOURCE=200809L", "-I", ROOT / "include", "-I", codecs / "include", "-o", program]
        + [ROOT / "scripts/bench/decode_and_inspect.c", *codecs.glob("*.c")]
        + [library, f"-Wl,-rpath,{library.parent}", "-lpng", "-ljpeg", "-ltiff"],
        check=True,
    )
    # The library is known by its own name there.
    link = pathlib.Path(folder) / "libmetaformer.so.1"
    link.symlink_to(library)
    return ["env", f"LD_LIBRARY_PATH={folder}", program]


def least(rows):
    return [min(column) for column in zip(*rows)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("library", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("images", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--adapt", metavar="FOLDER")
    args = parser.parse_args()
    files = sorted(path for path in args.images.iterdir() if path.is_file())
    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/model.safetensors"
        subprocess.run([args.program, "adapt", "--good", args.images, "--output", model, "--quiet"], check=True)
        alone, pillow, bare, whole = [], [], [], []
        inspect = [args.program, "inspect", "--model", model, args.images, "--output", f"{folder}/out", "--quiet"]
        base = helper(folder, args.library)
        for _ in range(args.rounds):
            alone.append(printed([*base, model, *files]))
            pillow.append(printed([sys.executable, "-c", PILLOW, *files]))
            bare.append(timed([*inspect, "--maps", "none", "--overlays", "none"]))
            whole.append(timed(inspect))
        decoding, decoding_all, engine, engine_all = least(alone)
        print(f"{len(files)} images, {os.cpu_count()} cores, least of {args.rounds} rounds: s of the clock, of processors")
        print(f"decoding     {decoding:6.2f} {decoding_all:6.2f}")
        if all(pillow):
            print("Pillow       {:6.2f} {:6.2f}".format(*least(pillow)))
        print(f"engine       {engine:6.2f} {engine_all:6.2f}")
        for name, rows in (("inspect bare", bare), ("inspect", whole)):
            wall, both, peak = least(rows)
            print(
                f"{name:12} {wall:6.2f} {both:6.2f}, {peak:4.0f} MB, {wall / (decoding + engine):.2f} of decoding and "
                f"engine, {both / (decoding_all + engine_all):.2f} by processors"
            )
        if args.adapt:
            wall, both, peak = timed([args.program, "adapt", "--good", args.adapt, "--output", model, "--quiet"])
            print(f"adapt        {wall:6.2f} {both:6.2f}, {peak:4.0f} MB")


if __name__ == "__main__":
    main()
