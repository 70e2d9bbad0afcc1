#!/usr/bin/env python3
"""Runs exported ONNX models by onnxruntime, and compares with what was expected of them.

    onnx.py FOLDER TOLERANCE

For each NAME.onnx in the folder there is a NAME.safetensors with tensors input/<name> and output/<name>, float32.
Prints the largest difference of each output, relative to the largest expected value where that is over 1, and fails
where one is over the tolerance. Needs onnxruntime and numpy.
"""
import json
import pathlib
import sys

import numpy
import onnxruntime


def read_tensors(path):
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = entry["data_offsets"]
        values = numpy.frombuffer(data[8 + size + begin : 8 + size + end], dtype="<f4")
        tensors[name] = values.reshape(entry["shape"])
    return tensors


def differences(model):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    tensors = read_tensors(model.with_suffix(".safetensors"))
    inputs = {argument.name: tensors["input/" + argument.name] for argument in session.get_inputs()}
    names = [argument.name for argument in session.get_outputs()]
    for name, value in zip(names, session.run(names, inputs)):
        expected = tensors["output/" + name]
        if value.shape != expected.shape:
            raise SystemExit(f"{model.stem} {name}: {value.shape} instead of {expected.shape}")
        yield name, float(numpy.max(numpy.abs(value - expected)) / max(1, numpy.max(numpy.abs(expected))))


def main():
    folder, tolerance = pathlib.Path(sys.argv[1]), float(sys.argv[2])
    models = sorted(folder.glob("*.onnx"))
    if not models:
        raise SystemExit(f"{folder}: there is no model")
    failed = False
    for model in models:
        for name, difference in differences(model):
            print(f"{model.stem} {name} {difference:.2e}")
            failed |= not difference <= tolerance
    return 1 if failed else 0


sys.exit(main())
