#!/usr/bin/env python3
"""Writes Tests/golden/half/numpy.safetensors: every half of numpy, beside the float32 that numpy makes of it.

    pip install numpy safetensors && scripts/reference/half.py
"""

import pathlib

import numpy as np
from safetensors.numpy import save_file

OUT = pathlib.Path(__file__).resolve().parents[2] / "Tests/golden/half"

# One of 61 patterns, so that the file stays small, and those at the edges: zeros, subnormals, the largest, infinities.
edges = [0x0000, 0x0001, 0x03FF, 0x0400, 0x3C00, 0x7BFF, 0x7C00]
patterns = np.array(edges + [e | 0x8000 for e in edges] + list(range(0, 0x7C00, 61)), dtype=np.uint16)
halves = patterns.view(np.float16)
OUT.mkdir(parents=True, exist_ok=True)
save_file({"half": halves, "single": halves.astype(np.float32), "bytes": np.arange(5, dtype=np.uint8)}, OUT / "numpy.safetensors")
