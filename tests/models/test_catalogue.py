import math

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.parts import DiscriminatorNetwork, GeneratorNetwork, Network
from ebm_tf.errors import ConfigError
from ebm_tf.models import catalogue
from tests.runs import without_values

SEED = tf.constant([19, 20])


@pytest.mark.parametrize("architecture", catalogue.NETWORKS[Network])
def test_every_energy_can_be_built_from_settings(architecture):
    settings = Network(architecture=architecture, width=4, activation="silu")
    model = catalogue.build(settings, 64, 3, "float32")
    assert model(tf.zeros([2, 64, 64, 3])).shape == (2, 1)


@pytest.mark.parametrize("architecture", catalogue.NETWORKS[GeneratorNetwork])
def test_every_generator_takes_the_latents_of_its_prior(architecture):
    settings = GeneratorNetwork(architecture=architecture, width=4, latent_size=6)
    model = catalogue.build(settings, 64, 3, "float32")
    latents = catalogue.latent_prior(settings)(2, SEED)
    assert latents.shape[-1] == model.input_shape[-1]
    assert model(latents, training=False).shape == (2, 64, 64, 3)


def test_classes_of_a_generator_come_from_its_settings():
    settings = GeneratorNetwork(width=4, latent_size=6, num_classes=3)
    model = catalogue.build(settings, 8, 1, "float32")
    latents = catalogue.latent_prior(settings)(50, SEED)
    assert latents.shape == (50, 7) and set(latents[:, -1].numpy()) == {0, 1, 2}
    assert model(latents, training=False).shape == (50, 8, 8, 1)


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("spectral_norm", [True, False])
def test_discriminators_can_be_built_from_settings(num_classes, spectral_norm):
    settings = DiscriminatorNetwork(width=4, spectral_norm=spectral_norm)
    model = catalogue.build(settings, 8, 1, "float32", num_classes=num_classes)
    images = tf.zeros([2, 8, 8, 1])
    inputs = images if num_classes is None else [images, tf.constant([0, 2])]
    assert model(inputs, training=False).shape == (2, 1)
    assert bool(model.non_trainable_variables) == spectral_norm


@pytest.mark.parametrize(
    ("architecture", "depth", "num_features", "num_kernels"),
    [
        ("wide_resnet", 10, 128, 10),
        ("resnet", 34, 16, 36),
        ("small_cnn", 5, 8, 5),
        ("mlp", 3, 2, 3),
        ("sngan", None, 4, 8),
    ],
)
def test_every_classifier_can_be_built_from_settings(
    architecture, depth, num_features, num_kernels
):
    settings = ClassifierNetwork(
        architecture=architecture,
        depth=depth,
        width=2,
        num_classes=7,
        norm="none" if architecture == "sngan" else "batch",
    )
    model = catalogue.build(settings, 8, 1, "bfloat16")
    assert model(tf.zeros([2, 8, 8, 1])).shape == (2, 7)
    assert model.layers[-1].input.shape[-1] == num_features
    hidden = [layer for layer in model.layers[:-1] if hasattr(layer, "kernel")]
    assert {layer.compute_dtype for layer in hidden} == {"bfloat16"}
    assert len(hidden) == num_kernels


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        ("wide_resnet", "wide_resnet_28_10"),
        ("robustbench_wrn", "robustbench_wrn_34_10"),
        ("dm_wrn", "dm_wrn_28_10"),
        ("resnet", "resnet_18_64"),
        ("preact_resnet", "preact_resnet_18_64"),
        ("small_cnn", "small_cnn_4_16"),
        ("mlp", "mlp_2_1000"),
    ],
)
def test_a_classifier_without_depth_and_width_is_the_published_one(architecture, name):
    settings = ClassifierNetwork(architecture=architecture)
    with without_values():
        assert catalogue.build(settings, 8, 1, "float32").name == name


def test_every_classifier_is_tested_here():
    assert list(catalogue.NETWORKS[ClassifierNetwork]) == [
        "wide_resnet",
        "robustbench_wrn",
        "dm_wrn",
        "resnet",
        "preact_resnet",
        "small_cnn",
        "mlp",
        "sngan",
    ]


@pytest.mark.parametrize("architecture", list(catalogue.NETWORKS[ClassifierNetwork]))
def test_no_1x1_convolution_skips_pixels(architecture):
    # Its gradient writes past the memory of oneDNN where channels are few.
    settings = ClassifierNetwork(
        architecture=architecture,
        depth={"resnet": 50, "preact_resnet": 50}.get(architecture),
        norm="none" if architecture == "sngan" else "batch",
    )
    with without_values():
        model = catalogue.build(settings, 32, 3, "float32")
    convolutions = [layer for layer in model.layers if hasattr(layer, "kernel_size")]
    pointwise = [one for one in convolutions if one.kernel_size == (1, 1)]
    assert all(one.strides == (1, 1) for one in pointwise)
    assert bool(pointwise) == (architecture not in ("small_cnn", "mlp"))


def test_missing_settings_are_the_published_ones():
    assert catalogue.build(Network(), 32, 3, "float32").count_params() == (4_204_800)
    settings = GeneratorNetwork(architecture="biggan", width=4)
    model = catalogue.build(settings, 64, 3, "float32")
    assert model.get_layer("final_bn").epsilon == 1e-4
    settings = GeneratorNetwork(architecture="sngan", width=4)
    model = catalogue.build(settings, 8, 1, "float32")
    assert model.get_layer("final_bn").epsilon == 1e-3


def test_settings_reach_the_network():
    settings = GeneratorNetwork(width=3, latent_size=9, batch_norm_epsilon=1e-5)
    model = catalogue.build(settings, 8, 1, "bfloat16")
    assert model.input_shape == (None, 9)
    assert model.get_layer("final_bn").epsilon == 1e-5
    assert model.get_layer("block2_conv_1").filters == 3
    assert model.get_layer("block2_conv_1").compute_dtype == "bfloat16"


def test_truncation_scales_latents_and_chooses_statistics():
    kinds = [
        GeneratorNetwork(
            architecture="biggan_conditional",
            width=4,
            latent_size=6,
            truncation=truncation,
        )
        for truncation in (None, 1.0, 0.5)
    ]
    drawn = [catalogue.latent_prior(settings)(3, SEED) for settings in kinds]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[2][:, :-1], 0.5 * drawn[1][:, :-1])
    np.testing.assert_array_equal(drawn[2][:, -1], drawn[1][:, -1])
    rows = [
        catalogue.build(settings, 64, 3, "float32").get_layer("final_bn").rows
        for settings in (kinds[0], kinds[2])
    ]
    assert [row.lower for row in rows] == [50, 25]


@pytest.mark.parametrize(
    ("architecture", "truncation", "message"),
    [
        ("biggan_conditional", 0.0, r"truncation=0.0 in \(0, 1\]"),
        ("biggan_conditional", 1.5, r"truncation=1.5 in \(0, 1\]"),
        ("sngan", 0.5, "no truncation=0.5 where architecture='sngan'"),
        ("biggan", 0.5, "no truncation=0.5 where architecture='biggan'"),
    ],
)
def test_truncation_is_checked(architecture, truncation, message):
    with pytest.raises(ConfigError, match=message):
        GeneratorNetwork(architecture=architecture, truncation=truncation)


def test_a_generator_may_begin_for_rectifiers():
    """Lee and Town (2020): in blocks Glorot's bound times the root of 2; else, once."""
    for for_rectifiers, scale in ((False, 1.0), (True, 2.0)):
        settings = GeneratorNetwork(
            width=40, latent_size=6, for_rectifiers=for_rectifiers
        )
        model = catalogue.build(settings, 8, 3, "float32")
        for name, factor in (
            ("block2_conv_1", scale),
            ("block2_conv_2", scale),
            ("block2_shortcut", 1.0),
            ("latent_dense", 1.0),
            ("final_conv", 1.0),
        ):
            kernel = model.get_layer(name).kernel
            field = math.prod(kernel.shape[:-2])
            bound = math.sqrt(6.0 * factor / (field * sum(kernel.shape[-2:])))
            assert bound * 0.99 < np.abs(kernel).max() <= bound * 1.0001, name


def test_only_an_sngan_begins_for_rectifiers():
    with pytest.raises(ConfigError, match="for_rectifiers=False where .*'biggan'"):
        GeneratorNetwork(architecture="biggan", for_rectifiers=True)


def test_a_seed_of_keras_decides_the_weights():
    tf.keras.utils.set_random_seed(1)
    first = catalogue.build(Network(width=2), 8, 1, "float32")
    tf.keras.utils.set_random_seed(1)
    second = catalogue.build(Network(width=2), 8, 1, "float32")
    for ours, theirs in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_unknown_architectures_are_refused():
    with pytest.raises(ConfigError) as raised:
        catalogue.build(Network(architecture="resnet"), 32, 3, "float32")
    assert str(raised.value) == (
        "Expected architecture='resnet' of a Network to be one of sngan, biggan."
    )
    with pytest.raises(ConfigError, match="of a ClassifierNetwork to be .*small_cnn"):
        catalogue.build(ClassifierNetwork(architecture="biggan"), 8, 1, "float32")
    with pytest.raises(
        ConfigError, match="of a GeneratorNetwork to be .*biggan_conditional"
    ):
        catalogue.latent_prior(GeneratorNetwork(architecture="stylegan"))


@pytest.mark.parametrize(
    ("n", "lanes", "sizes"), [(6, 2, [3, 3]), (5, 2, [5]), (6, 1, [6])]
)
def test_lanes_compute_the_function_of_the_whole_batch(n, lanes, sizes):
    """With its gradients in images and in weights; in parts where they divide."""
    model, seen = catalogue.build(Network(width=2), 8, 1, "float32"), []
    images = tf.random.stateless_normal([n, 8, 8, 1], SEED)

    def function(part, training):
        seen.append(len(part))
        energies = model(part, training=training)
        return {"energies": energies, "squares": energies**2}

    def gradients(function):
        with tf.GradientTape() as tape:
            tape.watch(images)
            found = function(images, training=False)
            total = tf.reduce_sum(found["energies"] + found["squares"])
        return found, tape.gradient(total, [images, *model.trainable_variables])

    parted = gradients(catalogue.in_lanes(function, lanes))
    assert seen == sizes
    tf.nest.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
        parted,
        gradients(function),
    )


def test_images_of_unknown_number_are_computed_as_a_whole():
    spec = tf.TensorSpec([None, 2])
    doubled = tf.function(
        catalogue.in_lanes(lambda x: 2 * x, 2), input_signature=[spec]
    )
    assert not [
        x
        for x in doubled.get_concrete_function().graph.get_operations()
        if "split" in x.name
    ]
    np.testing.assert_array_equal(doubled(tf.ones([4, 2])), tf.fill([4, 2], 2.0))
