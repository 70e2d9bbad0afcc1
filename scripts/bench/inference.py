#!/usr/bin/env python3
"""Times inference of our models, ours and in the runtimes that a user would take instead, in turn, in one run.

    scripts/bench/inference.py .build/release/metaformer [--threads 2,1] [--rounds 4] [--calls 5] [--only P,T]

The models are exported by `metaformer export onnx` and run by ONNX Runtime and by OpenVINO (f32, one stream, threads given);
A and T also as PyTorch modules, eager and compiled. Every round is a fresh process of each side; outputs must agree to 1e-4
before a time counts. Needs torch, onnxruntime, openvino, numpy and safetensors: scripts/bench/run makes an environment.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import sides

# Name, model, part, images at once.
WORKLOADS = [
    ("A", "scratch:A", "autoencoder", 1),
    ("T", "scratch:A+P+T", "transformer", 1),
    ("P compact", "scratch:A+P+T", "prior", 1),
    ("P paper", "scratch:A+P+T/paper", "prior", 1),
    ("inspect compact", "scratch:A+P+T", "inspect", 1),
    ("inspect paper", "scratch:A+P+T/paper", "inspect", 1),
    ("inspect compact x 16", "scratch:A+P+T", "inspect", 16),
    ("inspect paper x 16", "scratch:A+P+T/paper", "inspect", 16),
]
PEERS = ["onnxruntime", "openvino", "torch", "torch compiled"]


def inputs(shape):
    """What `metaformer bench` feeds: every image of a batch is the same."""
    import numpy as np

    one = (1, *shape[1:])
    values = ((np.arange(np.prod(one), dtype=np.int64) * 2654435761) & 0xFFFF).astype(np.float32) / 65536
    return np.repeat(values.reshape(one), shape[0], axis=0)


def onnx_call(side, path, threads):
    if side == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        feeds = {i.name: inputs(i.shape) for i in session.get_inputs()}
        names = [o.name for o in session.get_outputs()]
        return lambda: dict(zip(names, session.run(names, feeds))), onnxruntime.__version__
    import openvino

    compiled = openvino.Core().compile_model(
        path,
        "CPU",
        {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        },
    )
    request = compiled.create_infer_request()
    feeds = {i.any_name: inputs(tuple(i.shape)) for i in compiled.inputs}

    def call():
        results = request.infer(feeds, share_inputs=True, share_outputs=False)
        return {name: results[o] for o in compiled.outputs for name in o.get_names()}

    return call, openvino.__version__.split("-")[0]


def quantized(path, images):
    """The ONNX model in 8-bit integers, as ONNX Runtime makes it of images, [3, height, width] each, by which it finds ranges."""
    # The package onnx is wanted here, and not our script of that name, which sides puts before it.
    sys.path[:] = [folder for folder in sys.path if pathlib.Path(folder).name != "reference"]
    from onnxruntime import quantization
    from onnxruntime.quantization import shape_inference

    class Reader(quantization.CalibrationDataReader):
        feeds = iter([{"image": image[None]} for image in images])

        def get_next(self):
            return next(self.feeds, None)

    prepared, result = path.replace(".onnx", "-prepared.onnx"), path.replace(".onnx", "-int8.onnx")
    shape_inference.quant_pre_process(path, prepared, skip_symbolic_shape=True)
    quantization.quantize_static(
        prepared,
        result,
        Reader(),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )
    return result


def torch_call(side, part, model, threads):
    import torch
    from safetensors.torch import load_file

    import model as reference

    torch.set_num_threads(threads)
    parameters = {name: value for name, value in load_file(model).items() if value.is_floating_point()}
    image = torch.from_numpy(inputs((1, 3, 256, 256)))
    if part == "autoencoder":
        name, run = "reconstruction", lambda: reference.autoencoder(parameters, image)
    else:
        response = torch.from_numpy(inputs((1, 1, 256, 256)))
        name, run = "gate", lambda: reference.transformer(parameters, response, image)
    if side == "torch compiled":
        import torch._inductor.config

        torch._inductor.config.freezing = True
        run = torch.compile(run)

    def call():
        with torch.no_grad():
            return {name: run().numpy()}

    return call, torch.__version__


def worker(job):
    start = time.perf_counter()
    if job["side"].startswith("torch"):
        call, version = torch_call(job["side"], job["part"], job["model"], job["threads"])
    else:
        call, version = onnx_call(job["side"], job["onnx"], job["threads"])
    outputs = call()
    ready = time.perf_counter() - start
    if job["outputs"]:
        from safetensors.numpy import load_file

        for name, ours in load_file(job["outputs"]).items():
            theirs = outputs[name.split("/")[1]][0].reshape(-1)
            error = float(abs(ours.reshape(-1) - theirs).max())
            # A map is as large as its model makes it: errors are relative to its range, from 1 up.
            if error > 1e-4 * max(1.0, float(abs(ours).max())):
                sys.exit(f"{job['side']}: {name} differs by {error}")
    call()
    milliseconds = []
    for _ in range(job["calls"]):
        begin = time.perf_counter()
        call()
        milliseconds.append(1e3 * (time.perf_counter() - begin))
    return {"ms": milliseconds, "version": version, "ready_s": ready}


def run_ours(args, model, part, batch, threads, outputs):
    options = ["--model", model, "--part", part, "--threads", threads, "--runs", args.calls * batch]
    result = sides.ours(args.program, options + (["--outputs", outputs] if outputs else []))
    times = result["programs"][0]["all_milliseconds"]
    # A batch is so many images one after the other, as mf_inspect takes them.
    calls = [sum(times[i * batch : (i + 1) * batch]) for i in range(args.calls)]
    return {"ms": calls, "peak_mb": result["peak_mb"], "set": result["instruction_set"]}


def measure(args, folder, name, model, part, batch, threads, images=None):
    """With images, the peers run in 8-bit integers: these have roundings of their own, and their outputs are not compared."""

    def export(batch):
        path = f"{folder}/{model.replace(':', '-').replace('/', '-')}-{part}-{batch}.onnx"
        if not os.path.exists(path):
            subprocess.run(
                [args.program, "export", "onnx", "--model", model, "--program", part, "--batch", str(batch)]
                + ["--output", path, "--quiet"],
                check=True,
            )
        if images is None:
            return path
        result = path.replace(".onnx", "-int8.onnx")
        return result if os.path.exists(result) else quantized(path, images)

    parameters = f"{folder}/{model.replace(':', '-').replace('/', '-')}.safetensors"
    if not os.path.exists(parameters):
        subprocess.run(
            [args.program, "export", "model", "--model", model, "--output", parameters, "--quiet"], check=True
        )
    outputs = f"{folder}/outputs.safetensors"
    peers = [p for p in PEERS if not p.startswith("torch") or (batch == 1 and part in ("autoencoder", "transformer"))]
    runs = {side: [] for side in ["ours", *peers]}
    for number in range(args.rounds):
        runs["ours"].append(run_ours(args, model, part, batch, threads, outputs if number == 0 else None))
        for side in peers:
            job = {
                "side": side,
                "part": part,
                "onnx": export(batch),
                "model": parameters,
                "threads": threads,
                "calls": args.calls,
                "outputs": outputs if number == 0 and images is None else None,
            }
            runs[side].append(sides.peer(__file__, job))
    return runs


def main():
    parser = sides.parser(__doc__, worker)
    parser.add_argument("program")
    parser.add_argument("--threads", default="2,1")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--only", help="names of workloads, separated by commas")
    parser.add_argument("--json", help="a file to write everything to")
    args = parser.parse_args()
    wanted = args.only.split(",") if args.only else None
    everything = []
    print(f"{os.cpu_count()} cores; medians in ms of {args.rounds} processes of {args.calls} calls")
    print(f"{'workload':22}{'threads':>8}{'ours':>9}" + "".join(f"{p:>15}" for p in PEERS))
    with tempfile.TemporaryDirectory() as folder:
        for threads in map(int, args.threads.split(",")):
            for name, model, part, batch in WORKLOADS:
                if wanted and name not in wanted:
                    continue
                runs = measure(args, folder, name, model, part, batch, threads)
                medians = {s: statistics.median([t for r in rs for t in r["ms"]]) for s, rs in runs.items()}
                own = [t for r in runs["ours"] for t in r["ms"]]
                peer = min((side for side in medians if side != "ours"), key=medians.get)
                everything.append({"workload": name, "threads": threads, "medians": medians, "runs": runs})
                print(
                    f"{name:22}{threads:>8}{medians['ours']:>9.2f}"
                    + "".join(f"{medians[p]:>15.2f}" if p in medians else f"{'':>15}" for p in PEERS),
                    flush=True,
                )
                versions = {side: r[0]["version"] for side, r in runs.items() if side not in ("ours", "torch compiled")}
                machine = {"set": runs["ours"][0]["set"], **versions}
                theirs = [t for r in runs[peer] for t in r["ms"]]
                sides.note(args.rows, name, threads, "ms", own, peer, theirs, 2, **machine)
    if not everything:
        sys.exit(f"--only names none of {', '.join(w[0] for w in WORKLOADS)}")
    first = everything[0]["runs"]
    print(f"ours: {first['ours'][0]['set']}; " + ", ".join(f"{s} {r[0]['version']}" for s, r in first.items() if s != "ours"))
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(everything, indent=1) + "\n")


if __name__ == "__main__":
    main()
