#!/usr/bin/env python3
"""Times one second-order meta-step of A+T (2 tasks of 8 + 8 images, one inner step), ours and PyTorch's, in one run.

    scripts/bench/meta_step.py .build/release/metaformer MODEL [--shots 8] [--threads 2] [--rounds 4]

MODEL is a model file of the configuration A+P+T (metaformer adapt --model scratch:A+P+T …): PyTorch takes its parameters
from there. Each round is a fresh process of each side; the response maps are given, as the prior is frozen. PyTorch goes through
create_graph with explicit softmax: its fused attention has no second derivative.
"""

import time

import sides

RUNS = 5


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
    for _ in range(RUNS + 1):
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
    parser.add_argument("--rounds", type=int, default=4)
    args = parser.parse_args()
    job = {"model": args.model, "shots": args.shots, "threads": args.threads}
    runs = {"ours": [], "PyTorch": []}
    for _ in range(args.rounds):
        runs["ours"].append(sides.our_training(args, args.shots, RUNS, "meta-step", "--meta-step"))
        runs["PyTorch"].append(sides.peer(__file__, job))
    ours, theirs = runs["ours"][0], runs["PyTorch"][0]
    what = f"second-order meta-step, 2 tasks of {args.shots} + {args.shots}"
    print(f"{what}, {args.threads} threads, {ours['set']}, PyTorch {theirs['version']}")
    times, peaks = {}, {}
    for name, results in runs.items():
        times[name] = [s for run in results for s in run["seconds"]]
        peaks[name] = [run["peak_mb"] for run in results]
        print(f"{name:8} {sides.spread(times[name], 's', 2)}, peak {sides.spread(peaks[name], 'MB', 0)}")
    machine = {"set": ours["set"], "torch": theirs["version"]}
    for unit, values, digits in (("s", times, 2), ("MB", peaks, 0)):
        name = what if unit == "s" else f"{what}: peak memory"
        sides.note(args.rows, name, args.threads, unit, values["ours"], "PyTorch", values["PyTorch"], digits, **machine)


if __name__ == "__main__":
    main()
