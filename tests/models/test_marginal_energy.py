"""A classifier as an energy: its value, and weights that go there and back."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import energies
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.parts import Network
from ebm_tf.energies import network
from ebm_tf.errors import WeightsError
from ebm_tf.models.catalogue import NETWORKS, build
from ebm_tf.models.ebm import NegativeLogSumExp, build_energy, marginal_energy
from ebm_tf.runtime.weight_files import save_weights
from tests.models.small_classifiers import LEAST_DEPTHS, NORMS
from tests.slow import first_fast
from tests.store.small_weights import weights_into

IMAGES = tf.random.stateless_uniform([3, 8, 8, 1], [4, 5], -1.0, 1.0)


def built(architecture: str, seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    settings = ClassifierNetwork(
        architecture=architecture,
        depth=LEAST_DEPTHS[architecture],
        width=2,
        num_classes=4,
        norm=NORMS.get(architecture, "batch"),
    )
    model = build(settings, 8, 1, "float32")
    numbers = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(weight + numbers.uniform(0.1, 0.2, weight.shape))
    return model


def energies_of(model: keras.Model) -> np.ndarray:
    return network(model)(IMAGES).numpy()


@pytest.mark.parametrize("architecture", first_fast(*NETWORKS[ClassifierNetwork]))
def test_weights_go_there_and_back(architecture, tmp_path):
    classifier, other = built(architecture, 1), built(architecture, 2)
    energy = marginal_energy(built(architecture, 3))
    expected = energies.marginal_energy(classifier(IMAGES, training=False))
    assert not np.allclose(energies_of(energy), expected, rtol=1e-3)
    there, back = str(tmp_path / "1.weights.h5"), str(tmp_path / "2.weights.h5")
    save_weights(classifier, there)
    weights_into(there, energy, "classifier")
    np.testing.assert_allclose(energies_of(energy), expected, rtol=1e-6)
    save_weights(energy, back)
    weights_into(back, other, "classifier")
    for ours, theirs in zip(classifier.weights, other.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_weights_of_another_classifier_are_told(tmp_path):
    path = str(tmp_path / "1.weights.h5")
    save_weights(built("resnet", 1), path)
    with pytest.raises(WeightsError, match="small_cnn_3_2_marginal"):
        weights_into(path, marginal_energy(built("small_cnn", 1)), "classifier")


@pytest.mark.parametrize(
    ("energy", "name"),
    [
        (Network(width=4), "sngan"),
        (ClassifierNetwork(architecture="small_cnn"), "small_cnn_4_16_marginal"),
    ],
)
def test_the_energy_may_be_a_classifier(energy, name):
    model = build_energy(energy, 8, 1, "float32")
    assert model.output_shape == (None, 1) and model.name.startswith(name)


def test_energies_of_low_precision_logits_are_float32():
    logits = tf.cast([[200.0, 200.0], [-3.0, 1.0]], tf.bfloat16)
    values = NegativeLogSumExp(dtype="float32", autocast=False)(logits)
    assert values.dtype == tf.float32
    np.testing.assert_allclose(values, [[-200.693147], [-1.0181499]], rtol=1e-6)


def test_low_precision_energies_are_float32_and_share_variables():
    settings = ClassifierNetwork(architecture="small_cnn", width=4)
    classifier = build(settings, 8, 1, "bfloat16")
    energy = marginal_energy(classifier)
    assert energy(IMAGES, training=False).dtype == tf.float32
    assert [id(v) for v in energy.variables] == [id(v) for v in classifier.variables]
