#!/usr/bin/env python3
"""Times one inspection by the default model, ours and in the runtimes that a user would take instead, in turn, in one run.

    scripts/bench/default_model.py .build/release/metaformer [--threads 2,1] [--rounds 6] [--calls 20] [--precision int8] [--size 256]

The default model is adapted to the sample product, exported by `metaformer export onnx`, and run by ONNX Runtime and by OpenVINO,
those that this Python has. Every round is a fresh process of each side; outputs must agree to 1e-4 before a time counts. Minima stand
beside medians: on a busy machine they say more. MF_FORCE_ISA=avx2 holds ours and OpenVINO to AVX2. Needs numpy and safetensors besides.

With --precision int8 all run in 8-bit integers: ours as it is adapted so, the others what ONNX Runtime's static quantisation makes of
the same network (QDQ, weights per channel), whose ranges are those of the sample product's good images. Needs onnx and Pillow then.
"""

import importlib.util
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import inference
import sides


def adapted(program, folder, precision, size):
    """The default model, adapted to the sample product, for images of size x size."""
    model = f"{folder}/adapted.safetensors"
    subprocess.run([program, "sample", f"{folder}/product", "--quiet"], check=True)
    subprocess.run(
        [program, "adapt", "--good", f"{folder}/product/train/good", "--precision", precision]
        + ["--size", str(size), "--output", model, "--quiet"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return model


def good_images(folder, side):
    """The sample product's, at the size of the model's input."""
    import numpy as np
    from PIL import Image

    for path in sorted(pathlib.Path(folder, "product/train/good").iterdir()):
        image = Image.open(path).convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
        yield (np.asarray(image, np.float32) / 255).transpose(2, 0, 1)


def main():
    parser = sides.parser(__doc__, inference.worker)
    parser.add_argument("program")
    parser.add_argument("--threads", default="2,1")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--precision", default="float", choices=["float", "int8"])
    parser.add_argument("--size", type=int, default=384)
    args = parser.parse_args()
    inference.PEERS = [p for p in ("onnxruntime", "openvino") if importlib.util.find_spec(p)]
    if not inference.PEERS:
        sys.exit("this Python has neither onnxruntime nor openvino")
    print(f"{os.cpu_count()} cores; ms of {args.rounds} processes of {args.calls} calls")
    with tempfile.TemporaryDirectory() as folder:
        model = adapted(args.program, folder, args.precision, args.size)
        images = None if args.precision == "float" else list(good_images(folder, args.size))
        what = f"default model, {args.size} px" + (", int8" if args.precision == "int8" else "")
        for threads in map(int, args.threads.split(",")):
            runs = inference.measure(args, folder, what, model, "inspect", 1, threads, images)
            times = {side: [t for r in rounds for t in r["ms"]] for side, rounds in runs.items()}
            for side, values in times.items():
                print(f"{threads} threads, {side}: at best {min(values):.2f}, median {statistics.median(values):.2f}")
            peer = min((side for side in times if side != "ours"), key=lambda side: statistics.median(times[side]))
            versions = {side: rounds[0]["version"] for side, rounds in runs.items() if side != "ours"}
            machine = {"set": runs["ours"][0]["set"], **versions}
            sides.note(args.rows, f"inspection, {what}", threads, "ms", times["ours"], peer, times[peer], 2, **machine)
            print(f"  at best {min(times['ours']) / min(times[peer]):.3f} of {peer}'s", flush=True)


if __name__ == "__main__":
    main()
