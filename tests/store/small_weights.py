"""Small networks whose weights go to files and back, and runs that had them."""

import dataclasses

import keras
import numpy as np

from configs.digits_clean import config as clean
from configs_attack.digits import config as attack
from ebm_tf.models import sngan
from ebm_tf.runtime.run_folders import create
from ebm_tf.runtime.weight_files import read_weights
from ebm_tf.store.models import open_model
from ebm_tf.store.network_sources import CLASSIFIER
from ebm_tf.store.sources import find

STAMP = 1_700_000_000


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


def run_of(folder, config) -> str:
    """The folder of a run that has not begun to learn."""
    return create(str(folder), config, STAMP).folder


def classifier_of(source: str) -> keras.Model:
    """The classifier of a run, with weights of its own."""
    classifier = dataclasses.replace(clean.classifier, weights=source)
    config = dataclasses.replace(attack, classifier=classifier)
    return open_model(config, [CLASSIFIER]).networks[CLASSIFIER]
