"""The model in PyTorch, by the parameter names of a Metaformer file: an independent reference for tests and benchmarks.

Everything is a function of a dictionary of parameters, so that derivatives of any order can be taken with respect to it.
"""

import math

import torch
import torch.nn.functional as F

# Kind and channels of the layers between the image and the bottleneck, as in Autoencoder.Configuration.
ENCODER = [("s", 32), ("s", 32), ("s", 32), ("p", 32), ("s", 64), ("p", 64), ("s", 128), ("p", 64), ("p", 32)]
DECODER = [("p", 64), ("p", 128), ("s", 64), ("p", 64), ("s", 32), ("p", 32), ("s", 32), ("s", 32)]


def autoencoder(p, x, encoder=ENCODER, decoder=DECODER, prefix="autoencoder."):
    def layer(name):
        return p[f"{prefix}{name}.weight"], p[f"{prefix}{name}.bias"]

    for i, (kind, _) in enumerate(encoder):
        w, b = layer(f"encoder.{i}")
        x = F.leaky_relu(F.conv2d(x, w, b, stride=2 if kind == "s" else 1, padding=1), 0.2)
    x = F.conv2d(x, *layer(f"encoder.{len(encoder)}"))
    x = F.leaky_relu(F.conv_transpose2d(x, *layer("decoder.0")), 0.2)
    for i, (kind, _) in enumerate(decoder):
        w, b = layer(f"decoder.{i + 1}")
        if kind == "s":
            x = F.conv_transpose2d(x, w, b, stride=2, padding=1)
        else:
            x = F.conv2d(x, w, b, padding=1)
        x = F.leaky_relu(x, 0.2)
    w, b = layer(f"decoder.{len(decoder) + 1}")
    return torch.sigmoid(F.conv_transpose2d(x, w, b, stride=2, padding=1))


def linear(p, name, x):
    return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])


def norm(p, name, x):
    w = p[f"{name}.weight"]
    return F.layer_norm(x, w.shape, w, p[f"{name}.bias"])


def attention(p, name, x, memory, heads, fused):
    def split(tokens, part):
        y = linear(p, f"{name}.{part}", tokens)
        return y.view(*y.shape[:2], heads, -1).transpose(1, 2)

    q, k, v = split(x, "query"), split(memory, "key"), split(memory, "value")
    if fused:
        y = F.scaled_dot_product_attention(q, k, v)
    else:  # the fused one has no second derivative
        y = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), -1) @ v
    return linear(p, f"{name}.output", y.transpose(1, 2).reshape(x.shape))


def feedforward(p, name, x):
    return linear(p, f"{name}.1", F.relu(linear(p, f"{name}.0", x)))


def encoder_layer(p, name, x, heads, fused=True):
    x = norm(p, f"{name}.norm1", x + attention(p, f"{name}.attention", x, x, heads, fused))
    return norm(p, f"{name}.norm2", x + feedforward(p, f"{name}.feedforward", x))


def decoder_layer(p, name, x, memory, heads, fused=True):
    x = norm(p, f"{name}.norm1", x + attention(p, f"{name}.attention", x, x, heads, fused))
    x = norm(p, f"{name}.norm2", x + attention(p, f"{name}.cross", x, memory, heads, fused))
    return norm(p, f"{name}.norm3", x + feedforward(p, f"{name}.feedforward", x))


def transformer(p, response, reconstruction, heads=8, layers=3, patch=16, fused=True, prefix="transformer."):
    n, _, height, width = response.shape
    rows, columns = height // patch, width // patch

    def embed(image, name):
        c = image.shape[1]
        y = image.reshape(n, c, rows, patch, columns, patch).permute(0, 2, 4, 1, 3, 5)
        y = y.reshape(n, rows * columns, c * patch * patch)
        return linear(p, f"{prefix}{name}.embedding", y) + p[f"{prefix}{name}.position"]

    memory = embed(response, "source")
    for i in range(layers):
        memory = encoder_layer(p, f"{prefix}encoder.{i}", memory, heads, fused)
    memory = norm(p, f"{prefix}encoder.norm", memory)
    y = embed(reconstruction, "target")
    for i in range(layers):
        y = decoder_layer(p, f"{prefix}decoder.{i}", y, memory, heads, fused)
    y = linear(p, f"{prefix}head", norm(p, f"{prefix}decoder.norm", y))
    y = y.reshape(n, rows, columns, 1, patch, patch).permute(0, 3, 1, 4, 2, 5).reshape(n, 1, height, width)
    return 2 * torch.sigmoid(y)


def window(device=None):
    x = torch.arange(11, dtype=torch.float32, device=device) - 5
    g = torch.exp(-x * x / (2 * 1.5**2))
    return g / g.sum()


def similarity(x, y):
    """The SSIM map, valid windows; the five fields go through one depthwise separable convolution."""
    c, g = x.shape[1], window(x.device).to(x.dtype)
    z = torch.cat([x, y, x * x, y * y, x * y], 1)
    z = F.conv2d(z, g.view(1, 1, 1, 11).expand(5 * c, 1, 1, 11), groups=5 * c)
    z = F.conv2d(z, g.view(1, 1, 11, 1).expand(5 * c, 1, 11, 1), groups=5 * c)
    mx, my, xx, yy, xy = z.split(c, 1)
    return ((2 * mx * my + 1e-4) * (2 * (xy - mx * my) + 9e-4)) / (
        (mx * mx + my * my + 1e-4) * (xx - mx * mx + yy - my * my + 9e-4)
    )


def loss(reconstruction, image):
    """Eq. 7: the mean squared error plus a tenth of 1 - SSIM."""
    return F.mse_loss(reconstruction, image) + 0.1 * (1 - similarity(reconstruction, image).mean())


def reconstruct(p, image, response=None, mode="A", fused=True):
    plain = autoencoder(p, image)
    if mode == "A":
        return plain
    return plain * (response if mode == "A+P" else transformer(p, response, plain, fused=fused))
