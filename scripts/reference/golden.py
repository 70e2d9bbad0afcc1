#!/usr/bin/env python3
"""Writes Tests/golden/derivatives/*.safetensors: inputs and what PyTorch, in double, makes of them. Run once, by hand.

    pip install torch safetensors numpy && scripts/reference/golden.py
"""

import pathlib

import torch
from safetensors.torch import save_file

import model

OUT = pathlib.Path(__file__).resolve().parents[2] / "Tests/golden/derivatives"


def derivatives(parameters, vectors, function):
    """The value, gradient and Hessian-vector product of a scalar function of the parameters."""
    p = {k: v.double().requires_grad_() for k, v in parameters.items()}
    value = function(p)
    gradient = torch.autograd.grad(value, list(p.values()), create_graph=True)
    along = sum((g * vectors[k].double()).sum() for g, k in zip(gradient, p))
    product = torch.autograd.grad(along, list(p.values()))
    result = {"value": value.detach().reshape(1)}
    result |= {f"gradient/{k}": g.detach() for k, g in zip(p, gradient)}
    result |= {f"product/{k}": g for k, g in zip(p, product)}
    return result


def store(name, parameters, inputs, function):
    vectors = {k: torch.randn_like(v) for k, v in parameters.items()}
    doubles = {k: v.double() for k, v in inputs.items()}
    result = derivatives(parameters, vectors, lambda p: function(p, doubles))
    tensors = parameters | {f"vector/{k}": v for k, v in vectors.items()} | {f"input/{k}": v for k, v in inputs.items()}
    tensors = {k: v.detach().float().contiguous() for k, v in (tensors | result).items()}
    OUT.mkdir(parents=True, exist_ok=True)
    save_file(tensors, OUT / f"{name}.safetensors")
    print(name, "loss", float(result["value"][0]))


def uniform(*shape, fan_in):
    return (torch.rand(*shape) * 2 - 1) / fan_in**0.5


def small_autoencoder():
    """The autoencoder's own layers at a quarter of the channels, on 64 x 64 pixels."""
    encoder = [(k, c // 8) for k, c in model.ENCODER]
    decoder = [(k, c // 8) for k, c in model.DECODER]
    latent, inner, p = 12, 2, {}

    def add(name, out, into, kernel, transposed):
        shape = (into, out) if transposed else (out, into)
        p[f"autoencoder.{name}.weight"] = uniform(*shape, kernel, kernel, fan_in=into * kernel * kernel / (4 if transposed else 1)) * 2
        p[f"autoencoder.{name}.bias"] = uniform(out, fan_in=into * kernel * kernel)

    channels = 3
    for i, (kind, c) in enumerate(encoder):
        add(f"encoder.{i}", c, channels, 4 if kind == "s" else 3, False)
        channels = c
    add(f"encoder.{len(encoder)}", latent, channels, inner, False)
    add("decoder.0", 4, latent, inner, True)
    channels = 4
    for i, (kind, c) in enumerate(decoder):
        add(f"decoder.{i + 1}", c, channels, 4 if kind == "s" else 3, kind == "s")
        channels = c
    add(f"decoder.{len(decoder) + 1}", 3, channels, 4, True)
    image = torch.rand(2, 3, 64, 64)
    store("autoencoder", p, {"image": image}, lambda p, x: model.loss(model.autoencoder(p, x["image"], encoder, decoder), x["image"]))


def transformer_layer():
    """One decoder layer, which holds all that an encoder layer has: tokens of 24, 4 heads."""
    d, hidden, tokens, p = 24, 48, 10, {}
    for part in ("attention", "cross"):
        for name in ("query", "key", "value", "output"):
            p[f"layer.{part}.{name}.weight"] = uniform(d, d, fan_in=d / 4)
            p[f"layer.{part}.{name}.bias"] = uniform(d, fan_in=d)
    for name, out, into in (("0", hidden, d), ("1", d, hidden)):
        p[f"layer.feedforward.{name}.weight"] = uniform(out, into, fan_in=into)
        p[f"layer.feedforward.{name}.bias"] = uniform(out, fan_in=into)
    for name in ("norm1", "norm2", "norm3"):
        p[f"layer.{name}.weight"] = 1 + 0.2 * torch.randn(d)
        p[f"layer.{name}.bias"] = 0.2 * torch.randn(d)
    inputs = {"x": torch.randn(2, tokens, d), "memory": torch.randn(2, tokens + 3, d), "target": torch.randn(2, tokens, d)}
    store("transformer_layer", p, inputs,
          lambda p, i: ((model.decoder_layer(p, "layer", i["x"], i["memory"], 4, fused=False) - i["target"]) ** 2).mean())


if __name__ == "__main__":
    torch.manual_seed(20211011)
    small_autoencoder()
    transformer_layer()
