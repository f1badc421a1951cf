"""Classifiers whose energy is an output of its own (JEM's unconditional head)."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation import features
from ebm_tf.models.catalogue import NETWORKS, build
from ebm_tf.models.ebm import build_energy, class_energy, marginal_energy, num_classes
from ebm_tf.runtime.weight_files import save_weights
from tests.models.small_classifiers import LEAST_DEPTHS, NORMS, unsettled
from tests.slow import first_fast
from tests.store.small_weights import same, weights_into

IMAGES = tf.random.stateless_uniform([3, 8, 8, 1], [4, 5], -1.0, 1.0)
EVERY = pytest.mark.parametrize("architecture", NETWORKS[ClassifierNetwork])


def settings(architecture: str, **choices) -> ClassifierNetwork:
    return ClassifierNetwork(
        architecture=architecture,
        depth=LEAST_DEPTHS[architecture],
        width=2,
        num_classes=4,
        norm=NORMS.get(architecture, "batch"),
        energy_head=True,
        **choices,
    )


def built(architecture: str, seed: int, dtype: str = "float32") -> keras.Model:
    keras.utils.set_random_seed(seed)
    return unsettled(build(settings(architecture), 8, 1, dtype))


@EVERY
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_energy_is_minus_the_last_output(architecture, dtype):
    classifier = built(architecture, 1, dtype)
    energy = marginal_energy(classifier)
    head = classifier.get_layer("logits")
    means = keras.Model(classifier.input, head.input)(IMAGES).numpy()
    kernel, bias = head.get_weights()
    assert kernel.shape[1] == 5
    outputs = means @ kernel + bias
    logits, values = classifier(IMAGES), energy(IMAGES)
    assert logits.dtype == values.dtype == tf.float32
    assert logits.shape == (3, 4) and values.shape == (3, 1)
    np.testing.assert_allclose(logits, outputs[:, :4], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(values, -outputs[:, 4:], rtol=1e-5, atol=1e-5)
    assert [id(v) for v in energy.variables] == [id(v) for v in classifier.variables]


@pytest.mark.parametrize("architecture", first_fast(*NETWORKS[ClassifierNetwork]))
def test_weights_go_there_and_back(architecture, tmp_path):
    classifier, other = built(architecture, 1), built(architecture, 2)
    energy = marginal_energy(built(architecture, 3))
    there, back = str(tmp_path / "1.weights.h5"), str(tmp_path / "2.weights.h5")
    save_weights(classifier, there)
    weights_into(there, energy, "classifier")
    expected = marginal_energy(classifier)(IMAGES)
    np.testing.assert_array_equal(energy(IMAGES), expected)
    save_weights(energy, back)
    weights_into(back, other, "classifier")
    assert same(classifier, other)


def test_the_energy_of_settings_has_it():
    keras.utils.set_random_seed(1)
    energy = build_energy(settings("small_cnn"), 8, 1, "float32")
    keras.utils.set_random_seed(1)
    classifier = build(settings("small_cnn"), 8, 1, "float32")
    np.testing.assert_array_equal(energy(IMAGES), marginal_energy(classifier)(IMAGES))


def test_there_are_no_energies_of_classes():
    energy = marginal_energy(built("small_cnn", 1))
    for ask in (num_classes, class_energy):
        with pytest.raises(ConfigError, match=r"energy_head=False .* E\(x, y\) needs"):
            ask(energy)


def test_features_are_what_the_linear_layer_gets():
    classifier = built("small_cnn", 1)
    extractor = features.classifier(classifier, "none")
    found = extractor.extract(tf.zeros([2, 8, 8, 1], tf.uint8))
    assert extractor.size == 8 and found.logits.shape == (2, 4)
