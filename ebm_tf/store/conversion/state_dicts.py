"""State dictionaries of PyTorch as people save them: which weights, what network."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from ebm_tf.config.networks import Standardised
from ebm_tf.errors import WeightsError
from ebm_tf.store.conversion.readers import Arrays, several

# The names of the mean of pixels and of their standard deviation.
_PIXELS = {"mean": "std", "mu": "sigma", "new_mean": "new_std"}
# Depths of ResNets by the number of blocks, and whether these are bottlenecks.
_DEPTHS = {(8, False): 18, (16, False): 34, (16, True): 50}


class Layout(NamedTuple):
    """By which names of weights the settings of a classifier are known.

    Attributes:
      block: a regular expression for the kernel of every block's first convolution.
      logits: the last layer.
    """

    block: str
    logits: str


def one_network(
    found: Mapping[str, Arrays], names: Collection[str], key: str | None, path: str
) -> Arrays:
    """The arrays of the one network that a file is taken for, by its own names.

    Files put a prefix before all of them, such as `module.`, `_orig_mod.` or `model.`,
    and hold averages of weights beside these; copies that are the same are one.

    Args:
      found: sets of arrays by the keys that lead there, as `read_state_dicts` gives.
      names: that the network has.
      key: a part of the keys or of the prefix, where there are several networks.
      path: of the file, for messages.

    Raises:
      WeightsError: if there are several networks, or none under the key.
    """
    places = _places(found, names)
    if key is not None:
        chosen = [place for place in places if key in _parts(place)]
        if not chosen:
            raise WeightsError(
                f"{path} has no weights under {key!r}; it has some under "
                f"{', '.join(map(_label, places))}."
            )
        places = chosen
    place, *others = sorted(places, key=lambda p: (len(_label(p)), p))
    if not all(_same(found, names, place, other) for other in others):
        raise several(path, map(_label, places))
    return _without_prefix(found[place[0]], names, place[1], _prefixes(found, names))


# The keys of a set of arrays, and what is before the names of a network in it.
_Place = tuple[str, str]


def _places(found: Mapping[str, Arrays], names: Collection[str]) -> list[_Place]:
    """Where most of the names are found; the first set where none is."""
    counts = Counter(
        (keys, name.removesuffix(wanted))
        for keys, arrays in found.items()
        for wanted in names
        for name in arrays
        if name == wanted or name.endswith(f".{wanted}")
    )
    most = max(counts.values(), default=0)
    return [p for p, n in counts.items() if n == most] or [(next(iter(found)), "")]


def _prefixes(found: Mapping[str, Arrays], names: Collection[str]) -> set[str]:
    return {prefix for _, prefix in _places(found, names)}


def _label(place: _Place) -> str:
    return ".".join(filter(None, _parts(place)))


def _parts(place: _Place) -> list[str]:
    return [*place[0].split("."), *place[1].rstrip(".").split(".")]


def _same(
    found: Mapping[str, Arrays], names: Collection[str], one: _Place, other: _Place
) -> bool:
    pairs = (
        (found[keys].get(prefix + name) for keys, prefix in (one, other))
        for name in names
    )
    return all(
        a is b or (a is not None and b is not None and np.array_equal(a, b))
        for a, b in pairs
    )


def _without_prefix(
    arrays: Arrays, names: Collection[str], prefix: str, others: set[str]
) -> Arrays:
    """Without the prefix, and without the copies that are under others."""
    copies = {other + name for other in others - {prefix} for name in names}
    long = tuple(o for o in others if o and o != prefix and not prefix.startswith(o))
    kept = {
        n: a for n, a in arrays.items() if n not in copies and not n.startswith(long)
    }
    return {name.removeprefix(prefix): array for name, array in kept.items()}


def known_settings(
    architecture: str, layout: Layout, arrays: Collection[Arrays]
) -> dict[str, Any]:
    """The settings of a classifier that the shapes of its weights tell.

    Args:
      architecture: of the classifier.
      layout: the names by which they tell it.
      arrays: sets of arrays, of which any may hold the network.

    Returns:
      Depth, width and number of classes, as far as they are known.
    """
    shapes = {name: a.shape for each in arrays for name, a in each.items()}
    blocks = {m[0]: s for n, s in shapes.items() if (m := _ends(layout.block, n))}
    last = rf"{layout.logits}\.weight"
    counts = [shape[0] for name, shape in shapes.items() if _ends(last, name)]
    if not blocks or not counts:
        return {}
    settings: dict[str, Any] = {"num_classes": counts[0]}
    if architecture.endswith("wrn"):
        width = min(shape[0] for shape in blocks.values()) // 16
        return settings | {"width": width, "depth": 2 * len(blocks) + 4}
    is_deep = any(_ends(r"layer\d\.\d+\.conv3\.weight", name) for name in shapes)
    settings["width"] = min(shape[0] for shape in blocks.values())
    if architecture == "preact_resnet":
        settings["final_norm"] = any(_ends(r"bn\.weight", name) for name in shapes)
    depth = _DEPTHS.get((len(blocks), is_deep))
    return settings | ({} if depth is None else {"depth": depth})


def _ends(pattern: str, name: str) -> re.Match | None:
    """What a name ends in, after its beginning or a point."""
    return re.search(rf"(?<![^.]){pattern}$", name)


def standardisation(arrays: Arrays, path: str) -> tuple[dict[str, Any], Arrays]:
    """The mean and the standard deviation of pixels that are kept with weights.

    Args:
      arrays: by name.
      path: of the file, for messages.

    Returns:
      They as settings, none where there are none, and the other arrays.

    Raises:
      WeightsError: if there are several, which differ.
    """
    settings: dict[str, Any] = {}
    rest = dict(arrays)
    for name in arrays:
        first, dot, last = name.rpartition(".")
        other = f"{first}{dot}{_PIXELS.get(last)}"
        if last not in _PIXELS or other not in arrays:
            continue
        mean, stddev = _numbers(rest.pop(name)), _numbers(rest.pop(other))
        here = {"pixel_range": Standardised(mean=mean, stddev=stddev)}
        if settings not in ({}, here):
            raise WeightsError(
                f"{path} holds several means of pixels, which differ: "
                f"{settings['pixel_range']} and {here['pixel_range']}."
            )
        settings = here
    return settings, rest


def _numbers(array: np.ndarray) -> float | tuple[float, ...]:
    """As they were written before they became float32."""
    first, *others = (float(f"{value:.7g}") for value in np.ravel(array))
    return (first, *others) if others else first
