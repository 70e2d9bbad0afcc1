"""How a benchmark starts its sides, and notes what it found. Each side is a fresh process, whose peak memory is taken."""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "reference"))

# Timed calls of a process, where it trains.
RUNS = 5


def run(command, threads=None):
    """What a command printed, and the most memory that it took, MB. Ends this program where the command fails."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS")}
    limit = {"avx2": "AVX2", "avx2vnni": "AVX2_VNNI"}.get(environment.get("MF_FORCE_ISA"))
    if limit:
        environment["ONEDNN_MAX_CPU_ISA"] = limit  # which holds OpenVINO and PyTorch to it as well
    if threads:
        environment["OMP_NUM_THREADS"] = str(threads)
    with tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            errors.seek(0)
            lines = errors.read().strip().splitlines()
            sys.exit(f"{command[0]} {command[1]} failed: {lines[-1] if lines else child.returncode}")
    return output, usage.ru_maxrss / 1024


def ours(program, arguments):
    """The result of `metaformer bench`, with its peak_mb."""
    output, peak = run([program, "bench", *map(str, arguments), "--json"])
    return json.loads(output) | {"peak_mb": peak}


def trained_parameters(path):
    """What training changes of a model file, as PyTorch's leaves."""
    from safetensors.torch import load_file

    trained = ("autoencoder.", "transformer.")
    return {k: v.requires_grad_() for k, v in load_file(path).items() if k.startswith(trained)}


def peer(script, job):
    """What `script --worker JOB` gave in a process of its own, with its peak_mb; job has "threads"."""
    output, peak = run([sys.executable, script, "--worker", json.dumps(job)], job["threads"])
    return json.loads(output.strip().splitlines()[-1]) | {"peak_mb": peak}


def parser(documentation, worker):
    """Options that all benchmarks have. A process that is a worker answers here, and goes no further."""
    if sys.argv[1:2] == ["--worker"]:
        print(json.dumps(worker(json.loads(sys.argv[2]))))
        sys.exit()
    options = argparse.ArgumentParser(description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", help="a file to add the table's rows to, for scripts/bench/run", metavar="FILE")
    return options


def training_parser(documentation, worker):
    """As parser, with what benchmarks of training have besides: the program, a model file, threads and rounds."""
    options = parser(documentation, worker)
    options.add_argument("program")
    options.add_argument("model")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--rounds", type=int, default=4)
    return options


def spread(values, unit, digits):
    """The median of all calls, and their range."""
    return f"{statistics.median(values):.{digits}f} {unit} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def note(path, what, threads, unit, own, name, theirs, digits=1, **machine):
    """Prints the ratio of two medians, and adds a row to the table: all of our calls beside those of the best of the others;
    machine has versions and the instruction set."""
    ratio = statistics.median(own) / statistics.median(theirs)
    print(f"{what}, {threads} threads: {ratio:.3f} of {name}'s", flush=True)
    if path:
        row = {"what": what, "threads": threads, "calls": [len(own), len(theirs)], "ratio": ratio, "machine": machine}
        row["ours"], row["other"] = spread(own, unit, digits), f"{name} {spread(theirs, unit, digits)}"
        with open(path, "a") as file:
            print(json.dumps(row), file=file)


def compare_training(script, args, job, what, batch, digits, name, *options):
    """Times and notes a program of `metaformer bench`, whose name begins so, beside the script's worker: args has program, model,
    threads, rounds and rows. Each round is a fresh process of each side, of RUNS calls after one to warm up."""
    common = ["--model", args.model, "--batch", batch, "--threads", args.threads, "--runs", RUNS]
    seconds, peaks = {"ours": [], "PyTorch": []}, {"ours": [], "PyTorch": []}
    for _ in range(args.rounds):
        own, theirs = ours(args.program, [*common, *options]), peer(script, job)
        program = next(p for p in own["programs"] if p["name"].startswith(name))
        seconds["ours"] += [t / 1e3 for t in program["all_milliseconds"]]
        seconds["PyTorch"] += theirs["seconds"]
        peaks["ours"].append(own["peak_mb"]), peaks["PyTorch"].append(theirs["peak_mb"])
    machine = {"set": own["instruction_set"], "torch": theirs["version"]}
    print(f"{what}, {args.threads} threads of {os.cpu_count()} cores, {machine['set']}, PyTorch {machine['torch']} eager")
    for side in seconds:
        print(f"{side:8} {spread(seconds[side], 's', digits)}, peak {spread(peaks[side], 'MB', 0)}")
    for row, unit, values, places in ((what, "s", seconds, digits), (f"{what}: peak memory", "MB", peaks, 0)):
        note(args.rows, row, args.threads, unit, values["ours"], "PyTorch", values["PyTorch"], places, **machine)


def table(path):
    """The rows as Markdown, below what they were measured on."""
    rows = [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]
    lscpu = subprocess.run(["lscpu"], capture_output=True, text=True, env=os.environ | {"LC_ALL": "C"}).stdout
    names = [line.split(":", 1)[1].strip() for line in lscpu.splitlines() if line.startswith("Model name:")]
    machine = {key: value for row in rows for key, value in row["machine"].items()}
    instructions = machine.pop("set", "")
    versions = ", ".join(f"{key} {value}" for key, value in sorted(machine.items()))
    yield f"{names[0] if names else 'unknown processor'}, {os.cpu_count()} cores, {instructions}; {versions}; "
    yield f"{datetime.date.today()}. Medians, in parentheses the fastest and the slowest call; a ratio below 1 is in our favour.\n"
    yield "| what | threads | calls | ours | best of the others | ratio |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for row in rows:
        calls = " and ".join(map(str, sorted(set(row["calls"]))))
        yield f"| {row['what']} | {row['threads']} | {calls} | {row['ours']} | {row['other']} | {row['ratio']:.2f} |"


if __name__ == "__main__":
    print("\n".join(table(sys.argv[1])))
