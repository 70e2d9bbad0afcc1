#!/usr/bin/env python3
"""Writes Tests/golden/maml/*.safetensors: meta-gradients by PyTorch, in double, through create_graph. Run once, by hand.

    pip install torch safetensors numpy && scripts/reference/maml.py
"""

import pathlib

import torch
from safetensors.torch import save_file

import model

OUT = pathlib.Path(__file__).resolve().parents[2] / "Tests/golden/maml"
ENCODER, DECODER = [("s", 4), ("p", 3), ("s", 4)], [("s", 4), ("p", 3)]
SIZE, LATENT, PATCH, WIDTH, HEADS, HIDDEN = 16, 6, 8, 8, 2, 12
SUPPORT, QUERY, RATE = 3, 2, 0.05


def parameters():
    p = {}

    def add(name, *shape, fan_in, bias):
        p[f"{name}.weight"] = (torch.rand(*shape) * 2 - 1) * 2 / fan_in**0.5
        p[f"{name}.bias"] = (torch.rand(bias) * 2 - 1) / fan_in**0.5

    channels = 1
    for i, (kind, c) in enumerate(ENCODER):
        k = 4 if kind == "s" else 3
        add(f"autoencoder.encoder.{i}", c, channels, k, k, fan_in=channels * k * k, bias=c)
        channels = c
    inner = SIZE // 4
    add(f"autoencoder.encoder.{len(ENCODER)}", LATENT, channels, inner, inner, fan_in=channels * inner**2, bias=LATENT)
    add("autoencoder.decoder.0", LATENT, 3, inner, inner, fan_in=LATENT, bias=3)
    channels = 3
    for i, (kind, c) in enumerate(DECODER):
        shape = (channels, c, 4, 4) if kind == "s" else (c, channels, 3, 3)
        add(f"autoencoder.decoder.{i + 1}", *shape, fan_in=channels * (4 if kind == "s" else 9), bias=c)
        channels = c
    add(f"autoencoder.decoder.{len(DECODER) + 1}", channels, 1, 4, 4, fan_in=channels * 4, bias=1)

    t, tokens = "transformer", (SIZE // PATCH) ** 2
    for side in ("source", "target"):
        p[f"{t}.{side}.position"] = torch.randn(tokens, WIDTH) * 0.2
        add(f"{t}.{side}.embedding", WIDTH, PATCH * PATCH, fan_in=PATCH * PATCH, bias=WIDTH)
    for layer, parts, norms in (("encoder.0", ["attention"], 2), ("decoder.0", ["attention", "cross"], 3)):
        for part in parts:
            for name in ("query", "key", "value", "output"):
                add(f"{t}.{layer}.{part}.{name}", WIDTH, WIDTH, fan_in=WIDTH, bias=WIDTH)
        add(f"{t}.{layer}.feedforward.0", HIDDEN, WIDTH, fan_in=WIDTH, bias=HIDDEN)
        add(f"{t}.{layer}.feedforward.1", WIDTH, HIDDEN, fan_in=HIDDEN, bias=WIDTH)
        for i in range(1, norms + 1):
            p[f"{t}.{layer}.norm{i}.weight"] = 1 + 0.1 * torch.randn(WIDTH)
            p[f"{t}.{layer}.norm{i}.bias"] = 0.1 * torch.randn(WIDTH)
    for side in ("encoder", "decoder"):
        p[f"{t}.{side}.norm.weight"] = 1 + 0.1 * torch.randn(WIDTH)
        p[f"{t}.{side}.norm.bias"] = 0.1 * torch.randn(WIDTH)
    add(f"{t}.head", PATCH * PATCH, WIDTH, fan_in=WIDTH, bias=PATCH * PATCH)
    return p


def reconstruct(p, image, response):
    plain = model.autoencoder(p, image, ENCODER, DECODER)
    return plain * model.transformer(p, response, plain, heads=HEADS, layers=1, patch=PATCH, fused=False)


def mean_loss(p, batch, indices):
    image, response, target = (batch[k].double()[indices] for k in ("image", "response", "target"))
    return model.loss(reconstruct(p, image, response), target)


def meta_gradient(values, batch, steps, log_rates, second_order=True):
    """Gradients of the query's mean loss after `steps` of descent on the summed loss of the support."""
    theta = {k: v.double().requires_grad_() for k, v in values.items()}
    rho = log_rates.double().requires_grad_()
    support, query = list(range(SUPPORT)), list(range(SUPPORT, SUPPORT + QUERY))
    adapted = dict(theta)
    for step in range(steps):
        loss = mean_loss(adapted, batch, support) * SUPPORT
        gradients = torch.autograd.grad(loss, list(adapted.values()), create_graph=second_order)
        rates = RATE * torch.exp(rho[step])
        adapted = {k: v - rates[i] * g for i, ((k, v), g) in enumerate(zip(adapted.items(), gradients))}
    loss = mean_loss(adapted, batch, query)
    gradients = torch.autograd.grad(loss, list(theta.values()) + [rho])
    return loss, dict(zip(theta, gradients)), gradients[-1]


if __name__ == "__main__":
    torch.manual_seed(20211012)
    values = parameters()
    count = SUPPORT + QUERY
    batch = {k: torch.rand(count, 1, SIZE, SIZE) for k in ("image", "response", "target")}
    batch["target"][:SUPPORT] = batch["image"][:SUPPORT]
    tensors = {f"parameter/{k}": v for k, v in values.items()} | {f"sample/{k}": v for k, v in batch.items()}
    for steps in (1, 3):
        rho = 0.3 * torch.randn(steps, len(values))
        tensors[f"{steps}/log_rate"] = rho
        for name, second in (("maml", True), ("fomaml", False)):
            loss, gradients, rates = meta_gradient(values, batch, steps, rho, second)
            tensors[f"{steps}/{name}/loss"] = loss.reshape(1)
            tensors[f"{steps}/{name}/log_rate"] = rates
            tensors |= {f"{steps}/{name}/{k}": g for k, g in gradients.items()}
            norm = sum(float((g**2).sum()) for g in gradients.values()) ** 0.5
            print(steps, name, "loss", float(loss.detach()), "norm", norm)
    OUT.mkdir(parents=True, exist_ok=True)
    save_file({k: v.detach().float().contiguous() for k, v in tensors.items()}, OUT / "metaformer.safetensors",
              metadata={"parameters": " ".join(values)})
