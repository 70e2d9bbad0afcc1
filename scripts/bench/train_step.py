#!/usr/bin/env python3
"""Times one training step of A+T at a batch size, ours and PyTorch's eager one of the same model, in turn, in one run.

    scripts/bench/train_step.py .build/release/metaformer MODEL [--batch 8] [--threads 2] [--rounds 4]

MODEL is a model file of the configuration A+P+T (metaformer adapt --model scratch:A+P+T …): PyTorch takes its parameters
from there. Each round is a fresh process of each side. The response maps are given, as the prior is frozen.
"""

import time

import sides


def worker(job):
    import torch

    import model

    torch.set_num_threads(job["threads"])
    parameters = sides.trained_parameters(job["model"])
    x, r = torch.rand(job["batch"], 3, 256, 256), torch.rand(job["batch"], 1, 256, 256)
    optimizer = torch.optim.Adam(parameters.values(), lr=1e-4)
    seconds = []
    for _ in range(sides.RUNS + 1):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        model.loss(model.reconstruct(parameters, x, r, "A+P+T"), x).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds[1:], "version": torch.__version__}


def main():
    parser = sides.training_parser(__doc__, worker)
    parser.add_argument("--batch", type=int, default=8)
    args = parser.parse_args()
    what = f"training step A+T, batch {args.batch}"
    job = {"model": args.model, "batch": args.batch, "threads": args.threads}
    sides.compare_training(__file__, args, job, what, args.batch, 3, "training")


if __name__ == "__main__":
    main()
