#!/usr/bin/env python3
"""Times meta-training over features, tasks of T a second, ours and the same in PyTorch, in turn, in one run.

    scripts/bench/feature_meta_step.py .build/release/metaformer MODEL [--threads 2] [--rounds 4] [--steps 200]

MODEL is a model over features (the universal one). Tasks are made once, of the rendered sample's images; each round is a fresh
process of each side: ours is `metaformer meta-train` in the time by which 2 x --steps take longer than --steps, checkpoints
included; PyTorch's has all tasks of a step as one batch, eager. First the loss of the tasks that are held out, by the parameters that
ours ended with, must be the same to 1e-4. Needs torch and safetensors.
"""

import json
import pathlib
import shutil
import tempfile
import time

import sides

TASKS_PER_STEP = 8
TASKS = 40
GOOD = 2  # of the six queries of a task


def tasks(folder):
    """(gaps [6, groups, h, w], label, weight [6, h, w]) of each task, as the training has them."""
    from safetensors.torch import load_file

    result = []
    files = sorted(pathlib.Path(folder).glob("tasks-*.safetensors"), key=lambda path: int(path.name.split("-")[1]))
    for path in files:
        values = load_file(path)
        for number in sorted({int(name.split(".")[0]) for name in values}):
            masks = values[f"{number}.masks"]
            side = round((masks.numel() / 6) ** 0.5)
            masks = masks.reshape(6, side, side)
            label = (masks > 0.25).float()
            counts = 1 - ((masks > 0.02) & (label == 0)).float()
            good = counts * (1 - label)
            weight = 0.5 * label / label.sum().clamp_min(1) + 0.5 * good / good.sum().clamp_min(1)
            result.append((values[f"{number}.gaps"].reshape(6, -1, side, side), label, weight))
    return result


def losses(parameters, gaps, label, weight):
    """The loss of each task [tasks]: gaps [tasks, 6, groups, h, w]."""
    import torch
    import torch.nn.functional as F

    count, queries, groups, side, _ = gaps.shape
    x = (gaps + 1e-6).log().flatten(0, 1)
    for layer in range(3):
        w = parameters[f"transformer.{layer}.weight"]
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), w, parameters[f"transformer.{layer}.bias"])
        if layer < 2:
            x = x.relu()
    weights = torch.tensor([0.5, 1, 2]) / 3.5
    mean = (gaps.flatten(0, 1) * weights.view(1, groups, 1, 1)).sum(1)
    level = (mean * x[:, 0].exp() + 1e-6).log().view(count, queries, side, side)
    z = parameters["logistic.slope"] * (level - parameters["logistic.bias"])
    entropy = (weight * (F.softplus(z) - label * z)).sum((1, 2, 3))
    peaks = (4 * level).exp().mean((2, 3)).log() / 4
    ranking = F.softplus(3 * (peaks[:, None, :GOOD] - peaks[:, GOOD:, None])).mean((1, 2))
    return entropy + ranking


def batch(chosen):
    import torch

    return [torch.stack(parts) for parts in zip(*chosen)]


def parameters_of(run, groups):
    """What our run ended with."""
    from safetensors.torch import load_file

    values = load_file(sorted(pathlib.Path(run, "checkpoints").iterdir())[-1])
    width = values["transformer.0.bias"].numel()
    shapes = {"0.weight": (width, groups, 3, 3), "1.weight": (width, width, 3, 3), "2.weight": (1, width, 3, 3)}
    named = {name: v for name, v in values.items() if name.startswith(("transformer.", "logistic."))}
    return {name: v.reshape(shapes.get(name.split(".", 1)[1], v.shape)) for name, v in named.items()}


def worker(job):
    import torch

    torch.set_num_threads(job["threads"])
    data = tasks(f"{job['run']}/tasks")
    parameters = parameters_of(job["run"], data[0][0].shape[1])
    held = TASKS // 10
    with torch.no_grad():
        validation = float(losses(parameters, *batch(data[:held])).mean())
    data = data[held:]
    leaves = {name: value.clone().requires_grad_() for name, value in parameters.items()}
    optimizer = torch.optim.AdamW(leaves.values(), lr=2e-3, weight_decay=1e-4)
    for step in range(job["steps"] + 5):
        if step == 5:
            start = time.perf_counter()
        flipped = []
        for choice in torch.randint(len(data), (TASKS_PER_STEP,)).tolist():
            axes = [axis for axis in (-1, -2) if torch.rand(()) < 0.5]
            flipped.append([part.flip(axes) for part in data[choice]])
        optimizer.zero_grad(set_to_none=True)
        losses(leaves, *batch(flipped)).mean().backward()
        torch.nn.utils.clip_grad_norm_(leaves.values(), 10)
        optimizer.step()
    seconds = (time.perf_counter() - start) / job["steps"]
    return {"seconds": seconds, "validation": validation, "version": torch.__version__}


def train(args, folder, name, steps):
    """Our run, its seconds, and its last loss of the tasks held out. The first run makes the tasks, the others take its."""
    run = f"{folder}/{name}"
    shutil.rmtree(run, ignore_errors=True)
    if name != "first":
        shutil.copytree(f"{folder}/first/tasks", f"{run}/tasks")
    command = [args.program, "meta-train", "--target", "features", "--initial", args.model, "--quiet", "--json"]
    command += ["--images", f"{folder}/product/train/good", "--episodes", TASKS, "--steps", steps]
    output, _ = sides.run([str(part) for part in [*command, "--threads", args.threads, "--output", run]])
    result = json.loads(output)
    return run, result["seconds"], result["validation_after"]


def main():
    parser = sides.training_parser(__doc__, worker)
    parser.add_argument("--steps", type=int, default=200)
    args = parser.parse_args()
    own, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        sides.run([args.program, "sample", f"{folder}/product", "--quiet"])
        train(args, folder, "first", 1)
        for _ in range(args.rounds):
            _, first, _ = train(args, folder, "short", args.steps)
            run, second, validation = train(args, folder, "long", 2 * args.steps)
            own.append(1e3 * (second - first) / args.steps)
            job = {"run": run, "threads": args.threads, "steps": args.steps}
            result = sides.peer(__file__, job)
            if abs(result["validation"] - validation) > 1e-4:
                raise SystemExit(f"PyTorch's loss is {result['validation']}, ours {validation}")
            theirs.append(1e3 * result["seconds"])
    for side, values in (("ours", own), ("PyTorch", theirs)):
        rates = ", ".join(f"{TASKS_PER_STEP * 1e3 / value:.0f}" for value in values)
        print(f"{side:8} {sides.spread(values, 'ms', 1)} a step; tasks a second: {rates}")
    what = f"meta-training over features, {TASKS_PER_STEP} tasks a step"
    sides.note(args.rows, what, args.threads, "ms", own, "PyTorch", theirs, 1, torch=result["version"])


if __name__ == "__main__":
    main()
