#!/usr/bin/env python3
"""Times one second-order meta-step of A+T (2 tasks of 8 + 8 images, one inner step), ours and PyTorch's, in one run.

    scripts/bench/meta_step.py .build/release/metaformer MODEL [--shots 8] [--threads 2] [--rounds 4]

MODEL is a model file of the configuration A+P+T (metaformer adapt --model scratch:A+P+T …): PyTorch takes its parameters
from there. Each round is a fresh process of each side; the response maps are given, as the prior is frozen. PyTorch goes through
create_graph with explicit softmax: its fused attention has no second derivative.
"""

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
    for _ in range(sides.RUNS + 1):
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
    parser = sides.training_parser(__doc__, worker)
    parser.add_argument("--shots", type=int, default=8)
    args = parser.parse_args()
    what = f"second-order meta-step, 2 tasks of {args.shots} + {args.shots}"
    job = {"model": args.model, "shots": args.shots, "threads": args.threads}
    sides.compare_training(__file__, args, job, what, args.shots, 2, "meta-step", "--meta-step")


if __name__ == "__main__":
    main()
