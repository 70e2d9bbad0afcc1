#!/usr/bin/env python3
"""Converts a PyTorch checkpoint of a feature network (.pth) to .safetensors, which `metaformer tasks build` reads.

    pip install torch safetensors numpy
    scripts/convert-weights.py resnet18.pth resnet18.safetensors

The checkpoint is loaded with weights_only: nothing that it may hold is run. The classifier, counters, and what is no
32-bit float are left out.
"""

import sys

import torch
from safetensors.torch import save_file


def convert(source, target):
    state = torch.load(source, weights_only=True, map_location="cpu")
    state = state.get("state_dict", state)
    kept = {
        name: value.float().contiguous()
        for name, value in state.items()
        if value.is_floating_point() and not name.startswith(("fc.", "_fc."))
    }
    if not kept:
        sys.exit(f"{source}: holds no tensors")
    save_file(kept, target)
    print(f"{target}: {len(kept)} tensors, {sum(v.numel() for v in kept.values()):,} values")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    convert(sys.argv[1], sys.argv[2])
