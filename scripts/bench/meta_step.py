#!/usr/bin/env python3
"""Times one second-order meta-step of A+T (2 tasks of 8 + 8 images, one inner step), ours and PyTorch's, in one run.

    scripts/bench/meta_step.py .build/release/metaformer MODEL [--shots 8] [--threads 2] [--runs 3]

MODEL is a model file of the configuration A+P+T (metaformer adapt --model scratch:A+P+T …): PyTorch takes its parameters
from there. Each side is a process of its own; the response maps are given, as the prior is frozen. PyTorch goes through
create_graph with explicit softmax: its fused attention has no second derivative.
"""

import statistics
import time

import sides


def worker(job):
    import torch

    import model

    torch.set_num_threads(job["threads"])
    p = sides.trained_parameters(job["model"])
    optimizer = torch.optim.Adam(p.values(), lr=1e-4)
    shots = job["shots"]

    def batch():
        return torch.rand(shots, 3, 256, 256), torch.rand(shots, 1, 256, 256)

    def loss(q, x, r):
        return model.loss(model.reconstruct(q, x, r, "A+P+T", fused=False), x)

    tasks = [(batch(), batch()) for _ in range(2)]
    seconds = []
    for _ in range(job["runs"] + 1):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        for support, query in tasks:
            inner = torch.autograd.grad(loss(p, *support) * shots, list(p.values()), create_graph=True)
            adapted = {k: v - 1e-4 * g for (k, v), g in zip(p.items(), inner)}
            (loss(adapted, *query) / len(tasks)).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds[1:], "version": torch.__version__}


def main():
    parser = sides.parser(__doc__, worker)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("--shots", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    job = {"model": args.model, "shots": args.shots, "threads": args.threads, "runs": args.runs}
    ours = sides.our_training(args, args.shots, args.runs, "meta-step", "--meta-step")
    theirs = sides.peer(__file__, job)
    what = f"second-order meta-step, 2 tasks of {args.shots} + {args.shots}"
    print(f"{what}, {args.threads} threads, {ours['set']}, PyTorch {theirs['version']}")
    for name, side in (("ours", ours), ("PyTorch", theirs)):
        print(f"{name:8} median {statistics.median(side['seconds']):.2f} s  peak {side['peak_mb']:.0f} MB")
    times = [statistics.median(side["seconds"]) for side in (ours, theirs)]
    peaks = [side["peak_mb"] for side in (ours, theirs)]
    print(f"ratio of times {times[0] / times[1]:.2f}, of peaks {peaks[0] / peaks[1]:.2f}")
    machine = {"set": ours["set"], "torch": theirs["version"]}
    sides.note(args.rows, what, args.threads, "s", times[0], "PyTorch", times[1], 2, **machine)
    sides.note(args.rows, f"{what}: peak memory", args.threads, "MB", peaks[0], "PyTorch", peaks[1], 0, **machine)


if __name__ == "__main__":
    main()
