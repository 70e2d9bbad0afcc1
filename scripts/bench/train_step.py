#!/usr/bin/env python3
"""Times one training step of A+T at a batch size, ours and PyTorch's eager one of the same model, in turn, in one run.

    scripts/bench/train_step.py .build/release/metaformer MODEL [--batch 8] [--threads 2] [--rounds 3]

MODEL is a model file of the configuration A+P+T (metaformer adapt --model scratch:A+P+T …): PyTorch takes its parameters
from there. Each round is a fresh process of each side. The response maps are given, as the prior is frozen.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "reference"))


def torch_worker(path, batch, threads, runs):
    import torch
    from safetensors.torch import load_file

    import model

    torch.set_num_threads(threads)
    trained = re.compile(r"(autoencoder|transformer)\.")
    parameters = {k: v.requires_grad_() for k, v in load_file(path).items() if trained.match(k)}
    x, r = torch.rand(batch, 3, 256, 256), torch.rand(batch, 1, 256, 256)
    optimizer = torch.optim.Adam(parameters.values(), lr=1e-4)
    seconds = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        model.loss(model.reconstruct(parameters, x, r, "A+P+T"), x).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds[1:], "peak_mb": peak, "version": torch.__version__}


def options(args):
    return ["--batch", str(args.batch), "--threads", str(args.threads)]


def run_torch(args):
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS")} | {"OMP_NUM_THREADS": str(args.threads)}
    command = [sys.executable, __file__, "--worker", args.program, args.model, *options(args)]
    return json.loads(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout)


def run_ours(args):
    command = [args.program, "bench", "--model", args.model, *options(args), "--runs", "5", "--json"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    result = json.loads(child.stdout.read())
    _, _, usage = os.wait4(child.pid, 0)
    step = next(p for p in result["programs"] if p["name"].startswith("training"))
    planned = step["arena_megabytes"] + step["scratch_megabytes"] + result["parameter_megabytes"]
    return {
        "seconds": [step["milliseconds"] / 1e3],
        "peak_mb": usage.ru_maxrss / 1024,
        "planned_mb": planned,
        "set": result["instruction_set"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(torch_worker(args.model, args.batch, args.threads, 5)))
        return
    sides = {"ours": [], "PyTorch": []}
    for _ in range(args.rounds):
        sides["ours"].append(run_ours(args))
        sides["PyTorch"].append(run_torch(args))
    ours, theirs = sides["ours"][0], sides["PyTorch"][0]
    print(
        f"training step A+T, batch {args.batch}, {args.threads} threads of {os.cpu_count()} cores, {ours['set']}, "
        f"PyTorch {theirs['version']} eager"
    )
    medians = {}
    for side, runs in sides.items():
        seconds = [s for run in runs for s in run["seconds"]]
        medians[side] = statistics.median(seconds)
        peak = statistics.median(run["peak_mb"] for run in runs)
        print(f"{side:8} median {medians[side]:.3f} s  ({min(seconds):.3f} to {max(seconds):.3f})  peak {peak:.0f} MB")
    peak = statistics.median(run["peak_mb"] for run in sides["PyTorch"])
    print(
        f"ratio of times {medians['ours'] / medians['PyTorch']:.2f}; "
        f"planned memory {ours['planned_mb']:.0f} MB, {ours['planned_mb'] / peak:.2f} of PyTorch's peak"
    )


if __name__ == "__main__":
    main()
