#!/usr/bin/env python3
"""Writes Tests/golden/features/*.safetensors: narrow feature networks with random weights, and their features by PyTorch.

    pip install torch safetensors numpy && scripts/reference/features.py [efficientnet-lite0.pth]

Given the published weights, and efficientnet-lite-pytorch installed, also checks this reference against that package.
"""

import pathlib
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).resolve().parents[2] / "Tests/golden/features"
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]


class Parameters(dict):
    """Draws a parameter when it is first asked for."""

    def get(self, name, *shape, scale=1.0, shift=0.0):
        if name not in self:
            self[name] = torch.randn(*shape) * scale + shift
        return self[name]

    def norm(self, name, x, eps):
        c = x.shape[1]
        mean, var = self.get(f"{name}.running_mean", c, scale=0.2), self.get(f"{name}.running_var", c, scale=0.1, shift=1).abs()
        self[f"{name}.running_var"] = var
        w, b = self.get(f"{name}.weight", c, scale=0.1, shift=1), self.get(f"{name}.bias", c, scale=0.2)
        return F.batch_norm(x, mean.to(x), var.to(x), w.to(x), b.to(x), eps=eps)

    def convolution(self, name, x, out, k, stride=1, groups=1, same=False):
        w = self.get(f"{name}.weight", out, x.shape[1] // groups, k, k, scale=(2 / (x.shape[1] // groups * k * k)) ** 0.5).to(x)
        if not same:
            return F.conv2d(x, w, stride=stride, padding=k // 2, groups=groups)
        pads = []
        for size in (x.shape[3], x.shape[2]):
            total = max(0, (-(-size // stride) - 1) * stride + k - size)
            pads += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, pads), w, stride=stride, groups=groups)


def resnet18(p, x, divisor=1):
    def unit(x, out, k, conv, norm, stride=1):
        return p.norm(norm, p.convolution(conv, x, out, k, stride), 1e-5)

    mean, spread = (torch.tensor(v).view(3, 1, 1).to(x) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    width = 64 // divisor
    x = F.max_pool2d(F.relu(unit((x - mean) / spread, width, 7, "conv1", "bn1", 2)), 3, 2, 1)
    for stage in range(4):
        for block in range(2):
            name, stride, out = f"layer{stage + 1}.{block}", 2 if stage and not block else 1, width << stage
            y = F.relu(unit(x, out, 3, f"{name}.conv1", f"{name}.bn1", stride))
            y = unit(y, out, 3, f"{name}.conv2", f"{name}.bn2")
            if stride != 1 or x.shape[1] != out:
                x = unit(x, out, 1, f"{name}.downsample.0", f"{name}.downsample.1", stride)
            x = F.relu(x + y)
    return x.mean((2, 3))


def efficientnet_lite0(p, x, divisor=1):
    def unit(x, out, k, conv, norm, stride=1, groups=1):
        return p.norm(norm, p.convolution(conv, x, out, k, stride, groups, same=True), 1e-3)

    x = F.relu6(unit((x - 0.498) / 0.502, 32 // divisor, 3, "_conv_stem", "_bn0", 2))
    number = 0
    for repeats, k, stride, expansion, out in STAGES:
        for i in range(repeats):
            name, s, y = f"_blocks.{number}", stride if i == 0 else 1, x
            if expansion != 1:
                y = F.relu6(unit(y, x.shape[1] * expansion, 1, f"{name}._expand_conv", f"{name}._bn0"))
            y = F.relu6(unit(y, y.shape[1], k, f"{name}._depthwise_conv", f"{name}._bn1", s, y.shape[1]))
            y = unit(y, out // divisor, 1, f"{name}._project_conv", f"{name}._bn2")
            x = x + y if s == 1 and x.shape[1] == y.shape[1] else y
            number += 1
    return F.relu6(unit(x, 1280 // divisor, 1, "_conv_head", "_bn1")).mean((2, 3))


def store(name, network, divisor):
    p, image = Parameters(), torch.rand(2, 3, 64, 80)
    features = network(p, image.double(), divisor)
    tensors = dict(p) | {"image": image, "features": features}
    OUT.mkdir(parents=True, exist_ok=True)
    save_file({k: v.float().contiguous() for k, v in tensors.items()}, OUT / f"{name}.safetensors")
    print(name, "features", tuple(features.shape), "spread", float(features.std()))


def check_published(path):
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name("efficientnet-lite0")
    state = torch.load(path, weights_only=True, map_location="cpu")
    net.load_state_dict(state)
    net.eval()
    image = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        theirs = net.extract_features((image - 0.498) / 0.502).mean((2, 3))
        ours = efficientnet_lite0(Parameters(state), image)
    print("difference from the package:", float((theirs - ours).abs().max()), "of", float(theirs.abs().max()))


if __name__ == "__main__":
    torch.manual_seed(20211013)
    store("resnet18", resnet18, 16)
    store("efficientnet-lite0", efficientnet_lite0, 8)
    if len(sys.argv) > 1:
        check_published(sys.argv[1])
