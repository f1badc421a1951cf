"""Small networks whose weights go to files and back."""

import keras
import numpy as np

from ebm_tf.models import sngan
from ebm_tf.runtime.weight_files import read_weights
from ebm_tf.store.sources import find


def network(seed: int, width: int = 4, image_size: int = 8) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return sngan.energy(image_size, 1, width=width)


def same(first: keras.Model, second: keras.Model) -> bool:
    pairs = zip(first.get_weights(), second.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def weights_into(source: str, model: keras.Model, role: str) -> str:
    """Loads the best weights of a network that has them; their file."""
    path = find(source).file(role)
    read_weights(model, path, role)
    return path
