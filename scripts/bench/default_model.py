#!/usr/bin/env python3
"""Times one inspection by the default model, ours and in the runtimes that a user would take instead, in turn, in one run.

    scripts/bench/default_model.py .build/release/metaformer [--threads 2,1] [--rounds 6] [--calls 20]

The default model is adapted to the sample product, exported by `metaformer export onnx`, and run by ONNX Runtime and by OpenVINO,
those that this Python has. Every round is a fresh process of each side; outputs must agree to 1e-4 before a time counts. Minima stand
beside medians: on a busy machine they say more. MF_FORCE_ISA=avx2 holds ours to AVX2. Needs numpy and safetensors besides.
"""

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile

import inference
import sides


def adapted(program, folder):
    """The default model, adapted to the sample product."""
    model = f"{folder}/adapted.safetensors"
    subprocess.run([program, "sample", f"{folder}/product", "--quiet"], check=True)
    subprocess.run(
        [program, "adapt", "--good", f"{folder}/product/train/good", "--output", model, "--quiet"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return model


def main():
    parser = sides.parser(__doc__, inference.worker)
    parser.add_argument("program")
    parser.add_argument("--threads", default="2,1")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--calls", type=int, default=20)
    args = parser.parse_args()
    inference.PEERS = [p for p in ("onnxruntime", "openvino") if importlib.util.find_spec(p)]
    if not inference.PEERS:
        sys.exit("this Python has neither onnxruntime nor openvino")
    print(f"{os.cpu_count()} cores; ms of {args.rounds} processes of {args.calls} calls")
    with tempfile.TemporaryDirectory() as folder:
        model = adapted(args.program, folder)
        for threads in map(int, args.threads.split(",")):
            runs = inference.measure(args, folder, "default model", model, "inspect", 1, threads)
            times = {side: [t for r in rounds for t in r["ms"]] for side, rounds in runs.items()}
            for side, values in times.items():
                print(f"{threads} threads, {side}: at best {min(values):.2f}, median {statistics.median(values):.2f}")
            peer = min((side for side in times if side != "ours"), key=lambda side: statistics.median(times[side]))
            versions = {side: rounds[0]["version"] for side, rounds in runs.items() if side != "ours"}
            machine = {"set": runs["ours"][0]["set"], **versions}
            sides.note(args.rows, "inspection, default model", threads, "ms", times["ours"], peer, times[peer], 2, **machine)
            print(f"  at best {min(times['ours']) / min(times[peer]):.3f} of {peer}'s", flush=True)


if __name__ == "__main__":
    main()
