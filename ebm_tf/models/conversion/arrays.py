"""How other programs store the variables of a layer."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

_TO_KERAS = {2: (1, 0), 4: (2, 3, 1, 0)}  # by rank: of a dense layer, of a convolution


class Stored(NamedTuple):
    """The arrays, by the end of their name, that make up one variable."""

    names: tuple[str, ...]
    transform: Callable[..., np.ndarray]


# Variables of a layer by their name in this project.
Variables = Mapping[str, Stored]


def same(array: np.ndarray) -> np.ndarray:
    """Returns the array."""
    return array


def channels_last(weight: np.ndarray) -> np.ndarray:
    """The kernel of a layer of PyTorch: [out,in] -> [in,out], OIHW -> HWIO.

    Raises:
      ValueError: if it is neither that of a dense layer nor of a convolution.
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


def _as_is(**names: str) -> Variables:
    return {ours: Stored((theirs,), same) for ours, theirs in names.items()}


TORCH_LAYER: Variables = {
    "kernel": Stored(("weight",), channels_last),
    **_as_is(bias="bias"),
}
TORCH_SPECTRAL_LAYER: Variables = {
    "kernel": Stored(("weight_orig", "weight_u", "weight_v"), spectrally_normalised),
    **_as_is(bias="bias"),
}
TORCH_BATCH_NORM = _as_is(
    gamma="weight",
    beta="bias",
    moving_mean="running_mean",
    moving_variance="running_var",
)
TORCH_TABULATED_NORM = _as_is(
    means="running_means", variances="running_vars", gain="weight", offset="bias"
)

GRAPH_LAYER = _as_is(kernel="kernel", bias="bias")
# A wrapper that normalises, of which the networks never made use.
GRAPH_WRAPPED_LAYER = _as_is(kernel="layer/kernel", bias="layer/bias")
GRAPH_BATCH_NORM = _as_is(
    gamma="gamma",
    beta="beta",
    moving_mean="moving_mean",
    moving_variance="moving_variance",
)
GRAPH_TABULATED_NORM = _as_is(
    means="means", variances="vars", gain="weight", offset="bias"
)

ATTENTION = _as_is(gamma="gamma")
