#!/usr/bin/env python3
"""Times one second-order meta-step of A+T (2 tasks of 8 + 8 images, one inner step), ours and PyTorch's, in one run.

    scripts/bench/meta_step.py .build/release/metaformer MODEL [--shots 8] [--threads 2] [--runs 1]

MODEL is a model file of the configuration A+P+T (metaformer adapt --model scratch:A+P+T …): PyTorch takes its parameters
from there. Each side is a process of its own; the response maps are given, as the prior is frozen. PyTorch goes through
create_graph with explicit softmax: its fused attention has no second derivative.
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


def torch_worker(args):
    import torch
    from safetensors.torch import load_file

    import model

    torch.set_num_threads(args.threads)
    trained = re.compile(r"(autoencoder|transformer)\.")
    p = {k: v.requires_grad_() for k, v in load_file(args.model).items() if trained.match(k)}
    optimizer = torch.optim.Adam(p.values(), lr=1e-4)

    def batch():
        return torch.rand(args.shots, 3, 256, 256), torch.rand(args.shots, 1, 256, 256)

    def loss(q, x, r):
        return model.loss(model.reconstruct(q, x, r, "A+P+T", fused=False), x)

    tasks = [(batch(), batch()) for _ in range(2)]
    seconds = []
    for _ in range(args.runs + 1):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        for support, query in tasks:
            inner = torch.autograd.grad(loss(p, *support) * args.shots, list(p.values()), create_graph=True)
            adapted = {k: v - 1e-4 * g for (k, v), g in zip(p.items(), inner)}
            (loss(adapted, *query) / len(tasks)).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds[1:], "peak_mb": peak, "version": torch.__version__}


def run_torch(args):
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS")} | {"OMP_NUM_THREADS": str(args.threads)}
    options = ["--shots", str(args.shots), "--threads", str(args.threads), "--runs", str(args.runs), "--worker"]
    command = [sys.executable, __file__, args.program, args.model, *options]
    return json.loads(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout)


def run_ours(args):
    options = ["--batch", str(args.shots), "--threads", str(args.threads), "--runs", str(args.runs), "--meta-step", "--json"]
    child = subprocess.Popen([args.program, "bench", "--model", args.model, *options], stdout=subprocess.PIPE, text=True)
    result = json.loads(child.stdout.read())
    _, _, usage = os.wait4(child.pid, 0)
    step = next(p for p in result["programs"] if p["name"].startswith("meta-step"))
    return {"seconds": [step["milliseconds"] / 1e3], "peak_mb": usage.ru_maxrss / 1024}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("--shots", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(torch_worker(args)))
        return
    ours, theirs = run_ours(args), run_torch(args)
    print(f"second-order meta-step, 2 tasks of {args.shots} + {args.shots}, {args.threads} threads, PyTorch {theirs['version']}")
    for name, side in (("ours", ours), ("PyTorch", theirs)):
        print(f"{name:8} median {statistics.median(side['seconds']):.2f} s  peak {side['peak_mb']:.0f} MB")
    times = statistics.median(ours["seconds"]) / statistics.median(theirs["seconds"])
    print(f"ratio of times {times:.2f}, of peaks {ours['peak_mb'] / theirs['peak_mb']:.2f}")


if __name__ == "__main__":
    main()
