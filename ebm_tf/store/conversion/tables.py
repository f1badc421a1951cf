"""Tables of layers: what each is called here, what elsewhere, and how it is stored.

The names are facts about published files: those of mimicry's SNGAN, of the BigGAN-deep
of pytorch-pretrained-BigGAN, and of the object graphs that Hill et al. (2022) saved.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from ebm_tf.models.biggan import ENERGY_LAYOUTS
from ebm_tf.models.biggan_generators import ATTENTION_BLOCK

_TO_KERAS = {2: (1, 0), 4: (2, 3, 1, 0)}  # by rank: of a dense layer, of a convolution


class Stored(NamedTuple):
    """The arrays, by the end of their name, that make up one variable."""

    names: tuple[str, ...]
    transform: Callable[..., np.ndarray] = np.asarray


# The variables of a layer by their names here.
Variables = Mapping[str, Stored]


def channels_last(weight: np.ndarray) -> np.ndarray:
    """The kernel of a layer of PyTorch: [out,in] -> [in,out], OIHW -> HWIO.

    Raises:
      ValueError: if it is not that of a dense layer or of a convolution.
    """
    if weight.ndim not in _TO_KERAS:
        raise ValueError(f"Expected 2 or 4 axes, got {weight.ndim}.")
    return weight.transpose(_TO_KERAS[weight.ndim])


def spectrally_normalised(
    weight: np.ndarray, left: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """The kernel of a layer of PyTorch over its spectral norm (Miyato et al., 2018).

    Args:
      weight: [out,in] or OIHW, before the division.
      left: [out], the first left singular vector as power iteration has found it.
      right: [in] or [IHW], the right one.

    Raises:
      ValueError: if shapes do not belong together, or the norm is not positive.
    """
    kernel = channels_last(weight)
    norm = left @ weight.reshape(len(weight), -1) @ right
    if not (np.ndim(norm) == 0 and norm > 0):
        raise ValueError(f"Expected a positive norm, got {norm}.")
    return kernel / norm


def _as_is(*same: str, **names: str) -> dict[str, Stored]:
    names = dict(zip(same, same, strict=True)) | names
    return {ours: Stored((theirs,)) for ours, theirs in names.items()}


TORCH = {"kernel": Stored(("weight",), channels_last)} | _as_is("bias")
TORCH_SPECTRAL = _as_is("bias") | {
    "kernel": Stored(("weight_orig", "weight_u", "weight_v"), spectrally_normalised)
}
TORCH_NORM = _as_is(gamma="weight", beta="bias") | _as_is(
    moving_mean="running_mean", moving_variance="running_var"
)
TORCH_TABULATED_NORM = _as_is(
    means="running_means", variances="running_vars", gain="weight", offset="bias"
)
GRAPH = _as_is("kernel", "bias")
# Within a wrapper that can normalise, which the networks never used.
GRAPH_WRAPPED = _as_is(kernel="layer/kernel", bias="layer/bias")
GRAPH_NORM = _as_is("gamma", "beta", "moving_mean", "moving_variance")
GRAPH_TABULATED_NORM = _as_is("means", variances="vars", gain="weight", offset="bias")
ATTENTION = _as_is("gamma")

# Blocks by their index, which may differ elsewhere.
_CONV = r"block(?P<block>\d+)_(?P<part>conv_\d)"
_NORM = r"block(?P<block>\d+)_(?P<part>bn_\d)"
_SHORTCUT = r"block(?P<block>\d+)_shortcut"
_CONV_OR_CONDITION = r"block(?P<block>\d+)_(?P<part>conv_\d|bn_\d/(scale|offset))"

# What Keras saves beside the weights, and the vectors of power iteration.
_GRAPH_EXTRAS = r"save_counter|optimizer/.*|(.*/)?\.OPTIMIZER_SLOT/.*|(.*/)?(sn_)?u"
_TORCH_EXTRAS = r".*\.num_batches_tracked|n_averaged"


class Row(NamedTuple):
    """A layer, or several of one pattern.

    Attributes:
      layer: a regular expression for the layer's whole path in this project; a group
        `block` holds the index of a block.
      source: its name elsewhere, with {groups} of the pattern, {group_0} for a number
        that counts from 0 there, {place} for the index of the block there, and {last}
        for one more than the last index here.
      variables: how it is stored; each variable under its own name if None.
    """

    layer: str
    source: str
    variables: Variables | None


class Table(NamedTuple):
    """The layers of a network; of the rows, the first that matches holds.

    Attributes:
      rows: of layers.
      separator: between the name of a layer and that of an array.
      dropped: a regular expression for names of arrays that have no counterpart here.
      place: from the index of a block here to that elsewhere.
    """

    rows: tuple[Row, ...]
    separator: str
    dropped: str
    place: Callable[[int], int] = int


def torch_table(
    *rows: Row, place: Callable[[int], int] = int, dropped: str = ""
) -> Table:
    """A table of names that PyTorch's modules give, and of what is `dropped` too."""
    extras = f"{_TORCH_EXTRAS}|{dropped}" if dropped else _TORCH_EXTRAS
    return Table(rows, ".", extras, place)


def _graph(*rows: Row, place: Callable[[int], int] = int) -> Table:
    return Table(rows, "/", _GRAPH_EXTRAS, place)


def _attention(projections: str, layer: str, variables: Variables) -> tuple[Row, ...]:
    return (
        Row("attention/(?P<part>theta|phi|g)", f"{projections}{{part}}", variables),
        Row("attention/o", f"{projections}o_conv", variables),
        Row("attention", layer, ATTENTION),
    )


def _after(attention: int) -> Callable[[int], int]:
    return lambda block: block + (block >= attention)


MIMICRY_GENERATOR = torch_table(
    Row("latent_dense", "l1", TORCH),
    Row(r"block(?P<block>\d+)_bn_(?P<n>\d)", "block{place}.b{n}", TORCH_NORM),
    Row(r"block(?P<block>\d+)_conv_(?P<n>\d)", "block{place}.c{n}", TORCH),
    Row(_SHORTCUT, "block{place}.c_sc", TORCH),
    Row("final_bn", "b{last}", TORCH_NORM),
    Row("final_conv", "c{last}", TORCH),
)

_TORCH_BLOCK = "generator.layers.{place}.{part}"
_TORCH_ATTENTION = f"generator.layers.{ATTENTION_BLOCK}"
BIGGAN_DEEP = torch_table(
    Row("class_embedding", "embeddings", TORCH),
    Row("latent_dense", "generator.gen_z", TORCH_SPECTRAL),
    Row(_CONV_OR_CONDITION, _TORCH_BLOCK, TORCH_SPECTRAL),
    Row(_NORM, _TORCH_BLOCK, TORCH_TABULATED_NORM),
    *_attention(f"{_TORCH_ATTENTION}.snconv1x1_", _TORCH_ATTENTION, TORCH_SPECTRAL),
    Row("final_bn", "generator.bn", TORCH_TABULATED_NORM),
    Row("final_conv", "generator.conv_to_rgb", TORCH_SPECTRAL),
    place=_after(ATTENTION_BLOCK),
)

SNGAN_ENERGY_GRAPH = _graph(
    Row(r"stem_(?P<part>conv_\d)", "conv_1/{part}", GRAPH),
    Row("stem_shortcut", "conv_1/sc", GRAPH),
    Row(_CONV, "block{place}/{part}", GRAPH),
    Row(_SHORTCUT, "block{place}/sc", GRAPH),
    Row("energy", "lin_{last}", GRAPH),
)

SNGAN_GENERATOR_GRAPH = _graph(
    Row("latent_dense", "lin_1", GRAPH),
    Row(_NORM, "block{place}/{part}", GRAPH_NORM),
    Row(_CONV, "block{place}/{part}", GRAPH),
    Row(_SHORTCUT, "block{place}/sc", GRAPH),
    Row("final_bn", "bn_{last}", GRAPH_NORM),
    Row("final_conv", "conv_{last}", GRAPH),
)

_GRAPH_BLOCK = "layers_out/{place}/{part}"


def _graph_attention(index: int) -> tuple[Row, ...]:
    layer = f"layers_out/{index}"
    return _attention(f"{layer}/snconv1x1_", layer, GRAPH_WRAPPED)


def _biggan_energy_graph(attention: int) -> Table:
    return _graph(
        Row("stem_conv", "rgb_conv", GRAPH_WRAPPED),
        Row(_CONV, _GRAPH_BLOCK, GRAPH_WRAPPED),
        Row(_SHORTCUT, "layers_out/{place}/conv_sc", GRAPH_WRAPPED),
        *_graph_attention(attention),
        Row("energy", "linear_head", GRAPH_WRAPPED),
        place=_after(attention),
    )


# By image size.
BIGGAN_ENERGY_GRAPHS = {
    size: _biggan_energy_graph(each.attention) for size, each in ENERGY_LAYOUTS.items()
}


def _biggan_generator_graph(norm: Variables) -> Table:
    return _graph(
        Row("class_embedding", "embeddings", GRAPH),
        Row("latent_dense", "gen_z", GRAPH_WRAPPED),
        Row(_CONV_OR_CONDITION, _GRAPH_BLOCK, GRAPH_WRAPPED),
        Row(_NORM, _GRAPH_BLOCK, norm),
        *_graph_attention(ATTENTION_BLOCK),
        Row("final_bn", "bn", norm),
        Row("final_conv", "conv_to_rgb", GRAPH_WRAPPED),
        place=_after(ATTENTION_BLOCK),
    )


BIGGAN_GENERATOR_GRAPH = _biggan_generator_graph(GRAPH_NORM)
BIGGAN_CONDITIONAL_GRAPH = _biggan_generator_graph(GRAPH_TABULATED_NORM)

_WIDE_BLOCK = r"group(?P<group>\d)_block(?P<block>\d+)"
WIDE_RESNET_GRAPH = _graph(
    Row("stem_conv", "conv1", GRAPH),
    Row(rf"{_WIDE_BLOCK}_(?P<n>\d)_conv", "layer{group}/{place}/conv_{n}", GRAPH),
    Row(rf"{_WIDE_BLOCK}_(?P<n>\d)_bn", "layer{group}/{place}/bn_{n}", GRAPH_NORM),
    Row(rf"{_WIDE_BLOCK}_shortcut", "layer{group}/{place}/shortcut", GRAPH),
    Row("final_bn", "bn1", GRAPH_NORM),
    Row("logits", "linear", GRAPH),
    place=lambda index: index - 1,
)

OWN_NAMES = Table((Row("(?P<path>.+)", "{path}", None),), "/", dropped="")
