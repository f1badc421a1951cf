"""Published networks in NumPy, float64 and channels first, straight from their files.

A network is a function of arrays by the names that they have in a published file, so
nothing of the code that converts is used.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

Arrays = Mapping[str, np.ndarray]


class Layers(NamedTuple):
    """Layers by name: (images or vectors, name) -> the same."""

    dense: Callable[[np.ndarray, str], np.ndarray]
    conv: Callable[..., np.ndarray]
    norm: Callable[[np.ndarray, str, float], np.ndarray]


def torch_layers(arrays: Arrays) -> Layers:
    def weight(name):
        if f"{name}.weight" in arrays:
            return arrays[f"{name}.weight"].astype(float)
        original = arrays[f"{name}.weight_orig"].astype(float)
        matrix = original.reshape(len(original), -1)
        return original / (
            arrays[f"{name}.weight_u"] @ matrix @ arrays[f"{name}.weight_v"]
        )

    def norm(x, name, epsilon):
        scale, offset, mean, variance = (
            arrays[f"{name}.{part}"]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return normalised(x, mean, variance, epsilon, scale, offset)

    return _layers(weight, lambda name: arrays.get(f"{name}.bias"), norm)


def graph_layers(arrays: Arrays) -> Layers:
    def inner(name):
        return f"{name}/layer" if f"{name}/layer/kernel" in arrays else name

    def weight(name):
        kernel = arrays[f"{inner(name)}/kernel"].astype(float)
        # What a convolution of PyTorch would hold: outputs first.
        return np.moveaxis(kernel, (-1, -2), (0, 1))

    def norm(x, name, epsilon):
        scale, offset, mean, variance = (
            arrays[f"{name}/{part}"]
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return normalised(x, mean, variance, epsilon, scale, offset)

    return _layers(weight, lambda name: arrays.get(f"{inner(name)}/bias"), norm)


def _layers(weight, bias, norm) -> Layers:
    def dense(x, name):
        offset = bias(name)
        return x @ weight(name).T + (0 if offset is None else offset)

    def conv(x, name, stride=1):
        kernel, offset = weight(name), bias(name)
        y = convolved(x, kernel, stride)
        return y if offset is None else y + offset[:, None, None]

    return Layers(dense, conv, norm)


def convolved(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """Pads by half the kernel on every side, as PyTorch does."""
    size = kernel.shape[-1]
    pad = size // 2
    height, width = x.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    outputs = [
        np.einsum(
            "nihw,oi->nohw",
            padded[:, :, i : i + height : stride, j : j + width : stride],
            kernel[:, :, i, j],
        )
        for i in range(size)
        for j in range(size)
    ]
    return np.sum(outputs, axis=0)


def normalised(x, mean, variance, epsilon, scale, offset):
    """Per channel [C], or per image and channel [B,C]."""

    def over_pixels(v):
        return np.asarray(v, float)[..., None, None]

    y = (x - over_pixels(mean)) / np.sqrt(over_pixels(variance) + epsilon)
    return y * over_pixels(scale) + over_pixels(offset)


def relu(x):
    return np.maximum(x, 0)


def halved(x):
    return (
        x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]
    ) / 4


def repeated(x):
    return x.repeat(2, axis=2).repeat(2, axis=3)


def interpolated(x):
    for axis in (2, 3):
        first, last = (np.take(x, [i], axis) for i in (0, -1))
        size = x.shape[axis]
        around = np.concatenate([first, x, last], axis)
        before = np.take(around, range(size), axis)
        after = np.take(around, range(2, size + 2), axis)
        pair = np.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis + 1)
        shape = [2 * n if i == axis else n for i, n in enumerate(x.shape)]
        x = pair.reshape(shape)
    return x


def sngan_generator(latents, layers, names, num_blocks, epsilon):
    """Latents [B,z] -> images [B,H,W,3].

    `names` are those of the first layer, and with gaps those of norms, convolutions
    and shortcuts of a block, and of the last norm and convolution.
    """
    first, norm, conv, shortcut, last_norm, last_conv = names
    x = layers.dense(latents, first)
    x = x.reshape(len(x), -1, 4, 4)
    for block in range(2, 2 + num_blocks):
        y = relu(layers.norm(x, norm.format(block, 1), epsilon))
        y = layers.conv(interpolated(y), conv.format(block, 1))
        y = relu(layers.norm(y, norm.format(block, 2), epsilon))
        y = layers.conv(y, conv.format(block, 2))
        x = y + layers.conv(interpolated(x), shortcut.format(block))
    last = 2 + num_blocks
    x = relu(layers.norm(x, last_norm.format(last), epsilon))
    return np.tanh(layers.conv(x, last_conv.format(last))).transpose(0, 2, 3, 1)


def sngan_energy(images, arrays, pools):
    """Images [B,H,W,3] -> energies [B,1]; whether each block after the stem pools."""
    layers = graph_layers(arrays)
    x = images.transpose(0, 3, 1, 2)
    y = layers.conv(relu(layers.conv(x, "conv_1/conv_1")), "conv_1/conv_2")
    x = halved(y) + layers.conv(halved(x), "conv_1/sc")
    for block, pool in enumerate(pools, start=2):
        y = layers.conv(relu(x), f"block{block}/conv_1")
        y = layers.conv(relu(y), f"block{block}/conv_2")
        if f"block{block}/sc/kernel" in arrays:
            x = layers.conv(x, f"block{block}/sc")
        x = halved(x + y) if pool else x + y
    return layers.dense(relu(x).mean((2, 3)), f"lin_{len(pools) + 2}")


def attended(x, layers, name, gamma):
    batch, channels, height, width = x.shape

    def pooled(y):
        return np.maximum(
            np.maximum(y[..., ::2, ::2], y[..., 1::2, ::2]),
            np.maximum(y[..., ::2, 1::2], y[..., 1::2, 1::2]),
        ).reshape(batch, y.shape[1], -1)

    queries = layers.conv(x, f"{name}theta").reshape(batch, -1, height * width)
    scores = np.einsum("bcq,bck->bqk", queries, pooled(layers.conv(x, f"{name}phi")))
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    values = pooled(layers.conv(x, f"{name}g"))
    y = np.einsum("bqk,bck->bcq", weights, values)
    y = y.reshape(batch, channels // 2, height, width)
    return x + gamma * layers.conv(y, f"{name}o_conv")


def biggan_energy(images, arrays, blocks, attention):
    """Images [B,H,W,3] -> energies [B,1]; blocks are (index in the list, pools)."""
    layers = graph_layers(arrays)
    x = layers.conv(images.transpose(0, 3, 1, 2), "rgb_conv")
    for index, pools in blocks:
        if index == attention + 1:
            name = f"layers_out/{attention}"
            gamma = arrays[f"{name}/gamma"]
            x = attended(x, layers, f"{name}/snconv1x1_", gamma)
        name = f"layers_out/{index}"
        y = x
        for conv in range(3):
            y = layers.conv(relu(y), f"{name}/conv_{conv}")
        y = relu(y)
        x, y = (halved(x), halved(y)) if pools else (x, y)
        if f"{name}/conv_sc/layer/kernel" in arrays:
            x = np.concatenate([x, layers.conv(x, f"{name}/conv_sc")], axis=1)
        x = x + layers.conv(y, f"{name}/conv_3")
    return layers.dense(relu(x).mean((2, 3)), "linear_head")


def biggan_generator(vectors, layers, blocks, names, gamma, norm, last_norm):
    """Vectors [B,D] -> images [B,H,W,3].

    Blocks are whether each doubles; `names` are those of the first layer, of the list
    with a gap for its index, and of the last convolution, then what joins a name and a
    part of it. `norm` maps (images, name) to images.
    """
    first, entry, last, join = names
    x = layers.dense(vectors, first)
    x = x.reshape(len(x), 4, 4, -1).transpose(0, 3, 1, 2)
    for number, doubles in enumerate(blocks):
        if number == 8:
            x = attended(x, layers, f"{entry.format(8)}{join}snconv1x1_", gamma)
        name = entry.format(number + (number >= 8)) + join
        y = layers.conv(relu(norm(x, f"{name}bn_0")), f"{name}conv_0")
        y = relu(norm(y, f"{name}bn_1"))
        y = layers.conv(repeated(y) if doubles else y, f"{name}conv_1")
        y = layers.conv(relu(norm(y, f"{name}bn_2")), f"{name}conv_2")
        y = layers.conv(relu(norm(y, f"{name}bn_3")), f"{name}conv_3")
        x = x[:, : y.shape[1]]
        x = y + (repeated(x) if doubles else x)
    x = layers.conv(relu(last_norm(x)), last)
    return np.tanh(x[:, :3]).transpose(0, 2, 3, 1)


def wide_resnet(images, arrays, num_blocks):
    """Images [B,H,W,3] -> logits [B,k]."""
    layers = graph_layers(arrays)
    x = layers.conv(images.transpose(0, 3, 1, 2), "conv1")
    for group, stride in ((1, 1), (2, 2), (3, 2)):
        for block in range(num_blocks):
            name, step = f"layer{group}/{block}", stride if block == 0 else 1
            y = layers.conv(
                relu(layers.norm(x, f"{name}/bn_1", 1e-5)), f"{name}/conv_1"
            )
            y = relu(layers.norm(y, f"{name}/bn_2", 1e-5))
            y = layers.conv(y, f"{name}/conv_2", step)
            if f"{name}/shortcut/kernel" in arrays:
                x = layers.conv(x, f"{name}/shortcut", step)
            x = x + y
    x = relu(layers.norm(x, "bn1", 1e-5))
    return layers.dense(x.mean((2, 3)), "linear")
