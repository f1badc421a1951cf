"""Datasets by name."""

import difflib
import functools
from collections.abc import Callable

from ebm_tf.config.parts import Data
from ebm_tf.data.arrays import digits
from ebm_tf.data.prepared import held, streamed
from ebm_tf.data.sources import Source
from ebm_tf.errors import DataError

_MNIST_PROBE = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/t10k-labels-idx1-ubyte.gz"
)
_CIFAR_PROBE = "https://www.cs.toronto.edu/~kriz/cifar.html"
_SVHN_PROBE = "http://ufldl.stanford.edu/housenumbers/"

# name -> (split, directory) -> source
DATASETS: dict[str, Callable[[str, str | None], Source]] = {
    "celeb_a": functools.partial(streamed, "celeb_a"),
    "cifar10": functools.partial(held, "cifar10", probe=_CIFAR_PROBE),
    "cifar100": functools.partial(held, "cifar100", probe=_CIFAR_PROBE),
    "digits": digits,
    "imagenet2012": functools.partial(streamed, "imagenet2012"),
    "mnist": functools.partial(held, "mnist", probe=_MNIST_PROBE),
    "svhn": functools.partial(held, "svhn", probe=_SVHN_PROBE),
    "tiny_imagenet": functools.partial(streamed, "tiny_imagenet"),
}


def open_source(data: Data) -> Source:
    """Finds the split of a dataset that a config names.

    Raises:
      DataError: if the dataset is unknown, not prepared or damaged, or has no such
        split; the message says what to do.
    """
    if data.name not in DATASETS:
        near = difflib.get_close_matches(data.name, DATASETS, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}? There are" if near else "there are"
        raise DataError(f"Unknown dataset {data.name!r}: {hint} {', '.join(DATASETS)}.")
    return DATASETS[data.name](data.split, data.directory)
