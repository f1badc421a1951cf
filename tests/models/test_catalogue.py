import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import ConfigError
from ebm_tf.models import catalogue

SEED = tf.constant([19, 20])


@dataclasses.dataclass(frozen=True)
class Network:
    architecture: str = "sngan"
    width: int | None = None
    activation: str = "relu"


@dataclasses.dataclass(frozen=True)
class GeneratorNetwork:
    architecture: str = "sngan"
    width: int | None = None
    latent_size: int = 6
    num_classes: int | None = None
    batch_norm_epsilon: float | None = None


@dataclasses.dataclass(frozen=True)
class DiscriminatorNetwork:
    architecture: str = "sngan"
    width: int | None = None
    spectral_norm: bool = True


@dataclasses.dataclass(frozen=True)
class ClassifierNetwork:
    architecture: str = "wide_resnet"
    depth: int | None = 10
    width: int | None = 2
    num_classes: int = 7


@pytest.mark.parametrize("architecture", catalogue.ENERGIES)
def test_every_energy_can_be_built_from_settings(architecture):
    settings = Network(architecture, width=4, activation="silu")
    model = catalogue.build_energy(settings, 64, 3, "float32")
    assert model(tf.zeros([2, 64, 64, 3])).shape == (2, 1)


@pytest.mark.parametrize("architecture", catalogue.GENERATORS)
def test_every_generator_takes_the_latents_of_its_prior(architecture):
    settings = GeneratorNetwork(architecture, width=4)
    model = catalogue.build_generator(settings, 64, 3, "float32")
    latents = catalogue.latent_prior(settings)(2, SEED)
    assert latents.shape[-1] == model.input_shape[-1]
    assert model(latents, training=False).shape == (2, 64, 64, 3)


def test_classes_of_a_generator_come_from_its_settings():
    settings = GeneratorNetwork(width=4, num_classes=3)
    model = catalogue.build_generator(settings, 8, 1, "float32")
    latents = catalogue.latent_prior(settings)(50, SEED)
    assert latents.shape == (50, 7) and set(latents[:, -1].numpy()) == {0, 1, 2}
    assert model(latents, training=False).shape == (50, 8, 8, 1)


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("spectral_norm", [True, False])
def test_discriminators_can_be_built_from_settings(num_classes, spectral_norm):
    settings = DiscriminatorNetwork(width=4, spectral_norm=spectral_norm)
    model = catalogue.build_discriminator(
        settings, 8, 1, "float32", num_classes=num_classes
    )
    images = tf.zeros([2, 8, 8, 1])
    inputs = images if num_classes is None else [images, tf.constant([0, 2])]
    assert model(inputs, training=False).shape == (2, 1)
    assert bool(model.non_trainable_variables) == spectral_norm


@pytest.mark.parametrize(
    ("architecture", "depth", "num_features", "num_convolutions"),
    [("wide_resnet", 10, 128, 10), ("resnet", 34, 16, 36), ("small_cnn", 5, 8, 5)],
)
def test_every_classifier_can_be_built_from_settings(
    architecture, depth, num_features, num_convolutions
):
    settings = ClassifierNetwork(architecture, depth)
    model = catalogue.build_classifier(settings, 8, 1, "bfloat16")
    assert model(tf.zeros([2, 8, 8, 1])).shape == (2, 7)
    assert model.layers[-1].input.shape[-1] == num_features
    convolutions = [x for x in model.layers if isinstance(x, tf.keras.layers.Conv2D)]
    assert {layer.compute_dtype for layer in convolutions} == {"bfloat16"}
    assert len(convolutions) == num_convolutions


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        ("wide_resnet", "wide_resnet_28_10"),
        ("resnet", "resnet_18_64"),
        ("small_cnn", "small_cnn_4_16"),
    ],
)
def test_a_classifier_without_depth_and_width_is_the_published_one(architecture, name):
    settings = ClassifierNetwork(architecture, None, None)
    assert catalogue.build_classifier(settings, 8, 1, "float32").name == name


def test_every_classifier_is_tested_here():
    assert list(catalogue.CLASSIFIERS) == ["wide_resnet", "resnet", "small_cnn"]


def test_missing_settings_are_the_published_ones():
    assert catalogue.build_energy(Network(), 32, 3, "float32").count_params() == (
        4_204_800
    )
    settings = GeneratorNetwork("biggan", width=4)
    model = catalogue.build_generator(settings, 64, 3, "float32")
    assert model.get_layer("final_bn").epsilon == 1e-4
    settings = GeneratorNetwork("sngan", width=4)
    model = catalogue.build_generator(settings, 8, 1, "float32")
    assert model.get_layer("final_bn").epsilon == 1e-3


def test_settings_reach_the_network():
    settings = GeneratorNetwork(width=3, latent_size=9, batch_norm_epsilon=1e-5)
    model = catalogue.build_generator(settings, 8, 1, "bfloat16")
    assert model.input_shape == (None, 9)
    assert model.get_layer("final_bn").epsilon == 1e-5
    assert model.get_layer("block2_conv_1").filters == 3
    assert model.get_layer("block2_conv_1").compute_dtype == "bfloat16"


def test_a_seed_of_keras_decides_the_weights():
    tf.keras.utils.set_random_seed(1)
    first = catalogue.build_energy(Network(width=2), 8, 1, "float32")
    tf.keras.utils.set_random_seed(1)
    second = catalogue.build_energy(Network(width=2), 8, 1, "float32")
    for ours, theirs in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_unknown_architectures_are_told():
    with pytest.raises(ConfigError) as raised:
        catalogue.build_energy(Network("resnet"), 32, 3, "float32")
    assert str(raised.value) == (
        "Expected architecture='resnet' to be one of sngan, biggan for an energy."
    )
    with pytest.raises(ConfigError, match="small_cnn for a classifier"):
        catalogue.build_classifier(ClassifierNetwork("sngan"), 8, 1, "float32")
    with pytest.raises(ConfigError, match="biggan_conditional for a generator"):
        catalogue.latent_prior(GeneratorNetwork("stylegan"))
