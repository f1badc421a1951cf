"""What published files hold: arrays by name, at any width, with random numbers."""

import re
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

Shapes = dict[str, tuple[int, ...]]

NUM_CLASSES, NUM_ROWS = 1000, 51
SNGAN_GENERATOR_WIDTHS = {
    32: (1, 1, 1, 1),
    64: (16, 8, 4, 2, 1),
    128: (16, 16, 8, 4, 2, 1),
}
SNGAN_ENERGY_WIDTHS = {
    32: (1, 1, 1, 1),
    64: (1, 2, 4, 8, 16),
    128: (1, 2, 4, 8, 16, 16),
}
# Widths between the blocks of BigGANs; of a generator every second block doubles.
BIGGAN_GENERATOR_WIDTHS = {
    64: (16, 16, 16, 16, 8, 8, 4, 4, 2, 2),
    128: (16, 16, 16, 16, 8, 8, 4, 4, 2, 2, 1),
    256: (16, 16, 16, 16, 8, 8, 8, 8, 4, 4, 2, 2, 1),
    512: (16, 16, 16, 16, 8, 8, 8, 8, 4, 4, 2, 2, 1, 1, 1),
}
# Widths between blocks, the index of attention, and whether the first block pools.
BIGGAN_ENERGIES = {
    64: ((1, 1, 2, 2, 4, 4, 8, 8, 16, 16), 1, False),
    128: ((1, 2, 2, 4, 4, 8, 8, 16, 16, 16, 16), 2, True),
    224: ((1, 2, 2, 4, 4, 8, 8, 8, 8, 16, 16, 16, 16), 4, True),
    256: ((1, 2, 2, 4, 4, 8, 8, 8, 8, 16, 16, 16, 16), 4, True),
}


def pairs(widths):
    return list(zip(widths, widths[1:], strict=False))


def torch_layer(name: str, *shape: int, bias=True) -> Shapes:
    """A layer of `shape` outputs, inputs and, of a convolution, two sides."""
    return {f"{name}.weight": shape} | ({f"{name}.bias": shape[:1]} if bias else {})


def torch_spectral(name: str, *shape: int, bias=True) -> Shapes:
    inputs = int(np.prod(shape[1:]))
    return {
        f"{name}.weight_orig": shape,
        f"{name}.weight_u": shape[:1],
        f"{name}.weight_v": (inputs,),
    } | ({f"{name}.bias": shape[:1]} if bias else {})


def torch_norm(name: str, channels: int) -> Shapes:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (channels,) for part in parts} | {
        f"{name}.num_batches_tracked": ()
    }


def mimicry(size: int, width: int, latents: int = 128) -> Shapes:
    widths = [width * multiple for multiple in SNGAN_GENERATOR_WIDTHS[size]]
    shapes = torch_layer("l1", 16 * widths[0], latents)
    for index, (before, after) in enumerate(pairs(widths), start=2):
        name = f"block{index}"
        shapes |= torch_layer(f"{name}.c1", after, before, 3, 3)
        shapes |= torch_layer(f"{name}.c2", after, after, 3, 3)
        shapes |= torch_layer(f"{name}.c_sc", after, before, 1, 1)
        shapes |= torch_norm(f"{name}.b1", before) | torch_norm(f"{name}.b2", after)
    last = len(widths) + 1
    shapes |= torch_norm(f"b{last}", widths[-1])
    return shapes | torch_layer(f"c{last}", 3, widths[-1], 3, 3)


def biggan_deep(size: int, width: int, latents: int = 128) -> Shapes:
    def tables(name: str, channels: int) -> Shapes:
        rows = (NUM_ROWS, channels)
        return {f"{name}.running_means": rows, f"{name}.running_vars": rows}

    def norm(name: str, channels: int) -> Shapes:
        projections = {}
        for part in ("scale", "offset"):
            projections |= torch_spectral(
                f"{name}.{part}", channels, 2 * latents, bias=False
            )
        return tables(name, channels) | projections

    widths = [width * multiple for multiple in BIGGAN_GENERATOR_WIDTHS[size]]
    shapes = {"embeddings.weight": (latents, NUM_CLASSES)}
    shapes |= torch_spectral("generator.gen_z", 16 * widths[0], 2 * latents)
    for block, (before, after) in enumerate(pairs(widths)):
        if block == 8:
            shapes |= _torch_attention("generator.layers.8", before)
        name = f"generator.layers.{block + (block >= 8)}"
        middle = before // 4
        for index, channels in enumerate((before, middle, middle, middle)):
            shapes |= norm(f"{name}.bn_{index}", channels)
        shapes |= torch_spectral(f"{name}.conv_0", middle, before, 1, 1)
        shapes |= torch_spectral(f"{name}.conv_1", middle, middle, 3, 3)
        shapes |= torch_spectral(f"{name}.conv_2", middle, middle, 3, 3)
        shapes |= torch_spectral(f"{name}.conv_3", after, middle, 1, 1)
    shapes |= tables("generator.bn", width)
    shapes |= {f"generator.bn.{part}": (width,) for part in ("weight", "bias")}
    return shapes | torch_spectral("generator.conv_to_rgb", width, width, 3, 3)


def _torch_attention(name: str, channels: int) -> Shapes:
    shapes: Shapes = {f"{name}.gamma": (1,)}
    for part, outputs, inputs in _attention_sides(channels):
        layer = f"{name}.snconv1x1_{part}"
        shapes |= torch_spectral(layer, outputs, inputs, 1, 1, bias=False)
    return shapes


def _attention_sides(channels: int):
    return (
        ("theta", channels // 8, channels),
        ("phi", channels // 8, channels),
        ("g", channels // 2, channels),
        ("o_conv", channels, channels // 2),
    )


def graph_layer(name: str, *shape: int, bias=True) -> Shapes:
    """A layer of `shape` sides of a convolution, inputs and outputs."""
    return {f"{name}/kernel": shape} | ({f"{name}/bias": shape[-1:]} if bias else {})


def graph_wrapped(name: str, *shape: int, bias=True) -> Shapes:
    inner = graph_layer(f"{name}/layer", *shape, bias=bias)
    return inner | {f"{name}/u": (1, shape[-1])}


def graph_norm(name: str, channels: int) -> Shapes:
    parts = ("gamma", "beta", "moving_mean", "moving_variance")
    return {f"{name}/{part}": (channels,) for part in parts}


def graph_attention(name: str, channels: int) -> Shapes:
    shapes: Shapes = {f"{name}/gamma": (1,)}
    for part, outputs, inputs in _attention_sides(channels):
        layer = f"{name}/snconv1x1_{part}"
        shapes |= graph_wrapped(layer, 1, 1, inputs, outputs, bias=False)
    return shapes


def sngan_energy(size: int, width: int) -> Shapes:
    widths = [width * multiple for multiple in SNGAN_ENERGY_WIDTHS[size]]
    shapes = graph_layer("conv_1/conv_1", 3, 3, 3, width)
    shapes |= graph_layer("conv_1/conv_2", 3, 3, width, width)
    shapes |= graph_layer("conv_1/sc", 1, 1, 3, width)
    for index, (before, after) in enumerate(pairs(widths), start=2):
        shapes |= graph_layer(f"block{index}/conv_1", 3, 3, before, after)
        shapes |= graph_layer(f"block{index}/conv_2", 3, 3, after, after)
        if before != after or sngan_pools(size)[index - 2]:
            shapes |= graph_layer(f"block{index}/sc", 1, 1, before, after)
    return shapes | graph_layer(f"lin_{len(widths) + 1}", widths[-1], 1, bias=False)


def sngan_pools(size: int) -> tuple[bool, ...]:
    """Whether each block after the stem pools."""
    return {
        32: (True, False, False),
        64: (True, True, True, True),
        128: (True, True, True, True, False),
    }[size]


def sngan_generator(size: int, width: int, latents: int = 128) -> Shapes:
    widths = [width * multiple for multiple in SNGAN_GENERATOR_WIDTHS[size]]
    shapes = graph_layer("lin_1", latents, 16 * widths[0])
    for index, (before, after) in enumerate(pairs(widths), start=2):
        name = f"block{index}"
        shapes |= graph_norm(f"{name}/bn_1", before)
        shapes |= graph_norm(f"{name}/bn_2", after)
        shapes |= graph_layer(f"{name}/conv_1", 3, 3, before, after)
        shapes |= graph_layer(f"{name}/conv_2", 3, 3, after, after)
        shapes |= graph_layer(f"{name}/sc", 1, 1, before, after)
    last = len(widths) + 1
    shapes |= graph_norm(f"bn_{last}", widths[-1])
    return shapes | graph_layer(f"conv_{last}", 3, 3, widths[-1], 3)


def _bottleneck(name: str, before: int, after: int) -> Shapes:
    middle = before // 4
    return (
        graph_wrapped(f"{name}/conv_0", 1, 1, before, middle)
        | graph_wrapped(f"{name}/conv_1", 3, 3, middle, middle)
        | graph_wrapped(f"{name}/conv_2", 3, 3, middle, middle)
        | graph_wrapped(f"{name}/conv_3", 1, 1, middle, after)
    )


def biggan_energy(size: int, width: int) -> Shapes:
    multiples, attention, _ = BIGGAN_ENERGIES[size]
    widths = [width * multiple for multiple in multiples]
    shapes = graph_wrapped("rgb_conv", 3, 3, 3, width)
    for block, (before, after) in enumerate(pairs(widths)):
        if block == attention:
            shapes |= graph_attention(f"layers_out/{attention}", before)
        name = f"layers_out/{block + (block >= attention)}"
        shapes |= _bottleneck(name, before, after)
        if before != after:
            shapes |= graph_wrapped(f"{name}/conv_sc", 1, 1, before, after - before)
    return shapes | graph_wrapped("linear_head", widths[-1], 1, bias=False)


def biggan_pools(size: int) -> list[tuple[int, bool]]:
    """The index of each block in its list, and whether it pools."""
    multiples, attention, first = BIGGAN_ENERGIES[size]
    return [
        (block + (block >= attention), block % 2 == (0 if first else 1))
        for block in range(len(multiples) - 1)
    ]


def biggan_generator(
    size: int, width: int, latents: int = 128, *, classes: bool
) -> Shapes:
    def norm(name: str, channels: int) -> Shapes:
        if not classes:
            return graph_norm(name, channels)
        shapes: Shapes = {
            f"{name}/{p}": (NUM_ROWS, channels) for p in ("means", "vars")
        }
        for part in ("scale", "offset"):
            layer = f"{name}/{part}"
            shapes |= graph_wrapped(layer, 2 * latents, channels, bias=False)
        return shapes

    widths = [width * multiple for multiple in BIGGAN_GENERATOR_WIDTHS[size]]
    shapes: Shapes = {}
    if classes:
        shapes |= {"embeddings/kernel": (NUM_CLASSES, latents)}
    inputs = 2 * latents if classes else latents
    shapes |= graph_wrapped("gen_z", inputs, 16 * widths[0])
    for block, (before, after) in enumerate(pairs(widths)):
        if block == 8:
            shapes |= graph_attention("layers_out/8", before)
        name = f"layers_out/{block + (block >= 8)}"
        shapes |= norm(f"{name}/bn_0", before)
        for index in (1, 2, 3):
            shapes |= norm(f"{name}/bn_{index}", before // 4)
        shapes |= _bottleneck(name, before, after)
    last = widths[-1]
    if classes:
        shapes |= {f"bn/{part}": (NUM_ROWS, last) for part in ("means", "vars")}
        shapes |= {f"bn/{part}": (last,) for part in ("weight", "bias")}
    else:
        shapes |= graph_norm("bn", last)
    return shapes | graph_wrapped("conv_to_rgb", 3, 3, last, width)


def wide_resnet(depth: int, width: int) -> Shapes:
    shapes = graph_layer("conv1", 3, 3, 3, 16)
    before = 16
    for group, stride in ((1, 1), (2, 2), (3, 2)):
        after = 8 * 2**group * width
        for block in range((depth - 4) // 6):
            name = f"layer{group}/{block}"
            shapes |= graph_norm(f"{name}/bn_1", before)
            shapes |= graph_norm(f"{name}/bn_2", after)
            shapes |= graph_layer(f"{name}/conv_1", 3, 3, before, after)
            shapes |= graph_layer(f"{name}/conv_2", 3, 3, after, after)
            if before != after or (block == 0 and stride == 2):
                shapes |= graph_layer(f"{name}/shortcut", 1, 1, before, after)
            before = after
    return shapes | graph_norm("bn1", before) | graph_layer("linear", before, 10)


def filled(shapes: Shapes, seed: int) -> dict[str, np.ndarray]:
    """Random float32 arrays; variances positive, singular vectors the true ones."""
    numbers = np.random.default_rng(seed)
    arrays: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            arrays[name] = np.array(100_000)
            continue
        if "var" in name:
            array = numbers.uniform(0.5, 2.0, shape)
        elif name.endswith(("kernel", "weight", "weight_orig")) and len(shape) > 1:
            fan_in = np.prod(shape) / shape[-1 if "kernel" in name else 0]
            array = numbers.normal(size=shape) * np.sqrt(2 / fan_in)
            if re.search("scale|offset|theta|phi|conv_3", name):
                array *= 0.3  # else rounding grows from block to block
        elif name.endswith("gamma") and shape == (1,):
            array = np.array([0.7])
        else:
            array = numbers.normal(size=shape) * 0.3 + 0.1
        arrays[name] = array.astype(np.float32)
    for name in [n for n in arrays if n.endswith("weight_orig")]:
        matrix = arrays[name].reshape(len(arrays[name]), -1)
        left, _, right = np.linalg.svd(matrix, full_matrices=False)
        arrays[name.replace("orig", "u")] = left[:, 0]
        arrays[name.replace("orig", "v")] = right[0]
    return arrays


# Where variables were added under one name and then kept under another.
_ALIASES = {"means": "mean", "vars": "var", "weight": "w", "bias": "b", "u": "sn_u"}


def write_graph(
    prefix: str, arrays: Mapping[str, np.ndarray], *, within: str | None = None
) -> list[str]:
    """Writes a checkpoint of objects as Keras 2 and its add-ons laid them out.

    Args:
      prefix: of the files.
      arrays: by the attributes that lead to them.
      within: the attribute that holds the network, if it is not the root.

    Returns:
      The keys in the file.
    """
    tree: dict = {}
    for name, array in arrays.items():
        *parts, leaf = name.split("/")
        node = tree
        for part in parts:
            node = node.setdefault(part, {})
        node[leaf] = array
    module = _module(tree)
    if within:
        outer = tf.Module()
        setattr(outer, within, module)
        setattr(outer, "layer-1", module)
        module = outer
    tf.train.Checkpoint(root=module).write(prefix)
    return sorted(tf.train.load_checkpoint(prefix).get_variable_to_shape_map())


def _module(tree: Mapping) -> tf.Module:
    module = tf.Module()
    for name, value in tree.items():
        if isinstance(value, np.ndarray):
            variable = tf.Variable(value)
            is_plain = name == "bias" and "means" not in tree
            if name in _ALIASES and not is_plain:
                setattr(module, _ALIASES[name], variable)
            setattr(module, name, variable)
        elif set(value) <= {str(index) for index in range(len(value))}:
            setattr(
                module, name, [_module(value[key]) for key in sorted(value, key=int)]
            )
        else:
            setattr(module, name, _module(value))
    if "layer" in tree:
        # The add-on kept the kernel of the layer that it wraps as its own `w` too.
        module.w = module.layer.kernel  # pyright: ignore
    return module
