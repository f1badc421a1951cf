"""Datasets by name, and those of users."""

import difflib
import functools
from collections.abc import Callable

from ebm_tf.config.kinds import is_reference, load_function
from ebm_tf.config.parts import Data
from ebm_tf.data.array_files import arrays_source
from ebm_tf.data.arrays import digits, source_of
from ebm_tf.data.folders import folder_source
from ebm_tf.data.mnist35 import mnist35_source
from ebm_tf.data.prepared import held, streamed
from ebm_tf.data.sources import Source
from ebm_tf.data.spheres import spheres_source
from ebm_tf.data.squares import squares_source
from ebm_tf.data.tfds_datasets import PREFIX, is_known, tfds_source
from ebm_tf.errors import ConfigError, DataError

_MNIST_PROBE = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/t10k-labels-idx1-ubyte.gz"
)
_CIFAR_PROBE = "https://www.cs.toronto.edu/~kriz/cifar.html"
_SVHN_PROBE = "http://ufldl.stanford.edu/housenumbers/"

_mnist = functools.partial(held, "mnist", probe=_MNIST_PROBE)

# name -> (split, directory) -> source
DATASETS: dict[str, Callable[[str, str | None], Source]] = {
    "celeb_a": functools.partial(streamed, "celeb_a"),
    "cifar10": functools.partial(held, "cifar10", probe=_CIFAR_PROBE),
    "cifar100": functools.partial(held, "cifar100", probe=_CIFAR_PROBE),
    "digits": functools.partial(source_of, digits, "digits", origin="scikit-learn"),
    "imagenet2012": functools.partial(streamed, "imagenet2012"),
    "mnist": _mnist,
    "mnist35": functools.partial(mnist35_source, _mnist),
    "squares": functools.partial(squares_source, "squares"),
    "squares32": functools.partial(squares_source, "squares32"),
    "svhn": functools.partial(held, "svhn", probe=_SVHN_PROBE),
    "tiny_imagenet": functools.partial(streamed, "tiny_imagenet"),
}
# Points, in as many dimensions as a config asks for.
POINTS: dict[str, Callable[[Data], Source]] = {"spheres": spheres_source}
# Those of one's own, with a place.
OWN: dict[str, Callable[[Data], Source]] = {
    "folder": folder_source,
    "arrays": arrays_source,
}


def open_source(data: Data, *, images: bool = True) -> Source:
    """Finds the split of a dataset that a config names.

    Args:
      data: `name` is one of DATASETS, POINTS or OWN, FILE.py:function for
        `arrays.source_of`, or another dataset of TFDS.
      images: whether examples must be images: bytes, or floats of the config's shape.

    Raises:
      DataError: if the dataset is unknown, not prepared or damaged, or has no such
        split, or other examples; the message names a remedy.
    """
    source = _opened(data)
    wanted = (data.image_size, data.image_size, data.channels)
    if images and source.shape not in (None, wanted):
        raise DataError(
            f"Expected dataset {source.name} to have images, uint8 [N,H,W,C] or "
            f"float32 examples of the shape {wanted}, got those of {source.shape}."
        )
    return source


def _opened(data: Data) -> Source:
    name = data.name
    if name in OWN:
        return OWN[name](data)
    if data.path is not None:
        raise DataError(
            f"Expected no data.path where data.name={name!r}: it is for "
            f"data.name={' or '.join(map(repr, OWN))}."
        )
    if name in POINTS:
        return POINTS[name](data)
    if name in DATASETS:
        return DATASETS[name](data.split, data.directory)
    if is_reference(name):
        try:
            function = load_function(name)
        except ConfigError as error:
            raise DataError(str(error)) from error
        return source_of(function, name, data.split, data.directory)
    if name.startswith(PREFIX) or is_known(name, data.directory):
        return tfds_source(data)
    known = [*DATASETS, *POINTS]
    near = difflib.get_close_matches(name, [*OWN, *known], cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? There are" if near else "there are"
    raise DataError(
        f"Unknown dataset {name!r}: {hint} {', '.join(known)}; folder and arrays, "
        "with data.path; FILE.py:function; and all that TFDS knows."
    )
