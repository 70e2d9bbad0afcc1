#!/usr/bin/env python3
"""Times one training step of A+T at a batch size, ours and PyTorch's eager one of the same model, in turn, in one run.

    scripts/bench/train_step.py .build/release/metaformer MODEL [--batch 8] [--threads 2] [--rounds 4]

MODEL is a model file of the configuration A+P+T (metaformer adapt --model scratch:A+P+T …): PyTorch takes its parameters
from there. Each round is a fresh process of each side. The response maps are given, as the prior is frozen.
"""

import os
import time

import sides

RUNS = 5


def worker(job):
    import torch

    import model

    torch.set_num_threads(job["threads"])
    parameters = sides.trained_parameters(job["model"])
    x, r = torch.rand(job["batch"], 3, 256, 256), torch.rand(job["batch"], 1, 256, 256)
    optimizer = torch.optim.Adam(parameters.values(), lr=1e-4)
    seconds = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        model.loss(model.reconstruct(parameters, x, r, "A+P+T"), x).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds[1:], "version": torch.__version__}


def main():
    parser = sides.parser(__doc__, worker)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=4)
    args = parser.parse_args()
    runs = {"ours": [], "PyTorch": []}
    for _ in range(args.rounds):
        runs["ours"].append(sides.our_training(args, args.batch, RUNS, "training"))
        runs["PyTorch"].append(
            sides.peer(__file__, {"model": args.model, "batch": args.batch, "threads": args.threads})
        )
    ours, theirs = runs["ours"][0], runs["PyTorch"][0]
    print(
        f"training step A+T, batch {args.batch}, {args.threads} threads of {os.cpu_count()} cores, {ours['set']}, "
        f"PyTorch {theirs['version']} eager"
    )
    seconds = {side: [s for run in results for s in run["seconds"]] for side, results in runs.items()}
    peaks = {side: [run["peak_mb"] for run in results] for side, results in runs.items()}
    for side in runs:
        print(f"{side:8} {sides.spread(seconds[side], 's', 3)}, peak {sides.spread(peaks[side], 'MB', 0)}")
    machine = {"set": ours["set"], "torch": theirs["version"]}
    what = f"training step A+T, batch {args.batch}"
    for unit, values, digits in (("s", seconds, 3), ("MB", peaks, 0)):
        name = what if unit == "s" else f"{what}: peak memory"
        sides.note(args.rows, name, args.threads, unit, values["ours"], "PyTorch", values["PyTorch"], digits, **machine)


if __name__ == "__main__":
    main()
