"""The threes and fives of MNIST, as classes 0 and 1.

Source: Bigolin Lanfredi et al. (2023).
"""

from collections.abc import Callable

import numpy as np

from ebm_tf.data.arrays import array_source, slice_of
from ebm_tf.data.sources import Source
from ebm_tf.errors import DataError

DIGITS = (3, 5)
SPLITS = ("train", "validation", "test")


def mnist35_source(
    mnist: Callable[[str, str | None], Source], split: str, directory: str | None
) -> Source:
    """A split of the threes and fives: 10,397, 1,155 and 1,902 images.

    Of those in file order, shuffled by a fixed seed, the first tenth is the validation
    split. The published program has the file order of MNIST's authors, TFDS another.

    Args:
      mnist: what opens a split of MNIST.
      split: one of SPLITS, or a slice of one.
      directory: where TFDS datasets lie.

    Raises:
      DataError: if there is no such split, or as for MNIST.
    """
    whole = split.partition("[")[0]
    if whole not in SPLITS:
        raise DataError(
            f"Dataset mnist35 has no split {split!r}: it has {', '.join(SPLITS)}."
        )
    source = mnist("test" if whole == "test" else "train", directory)
    decoded = source.in_order().batch(4096).map(source.decode)
    parts = list(decoded.as_numpy_iterator())
    labels = np.concatenate([part["label"] for part in parts])
    images = np.concatenate([part["image"] for part in parts])
    places = np.flatnonzero(np.isin(labels, DIGITS))
    if whole != "test":
        np.random.RandomState(0).shuffle(places)
        tenth = len(places) // 10
        places = places[:tenth] if whole == "validation" else places[tenth:]
    places = places[slice_of(split, "mnist35", len(places))]
    found = array_source(
        images[places],
        np.searchsorted(DIGITS, labels[places]),
        name="mnist35",
        split=split,
        origin=source.origin,
    )
    return found._replace(classes=tuple(map(str, DIGITS)))
