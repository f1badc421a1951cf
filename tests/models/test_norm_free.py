"""Networks without normalisation, as those of JEM (Grathwohl et al., 2020)."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.parts import Network
from ebm_tf.models import classifiers
from ebm_tf.models.catalogue import build
from tests.models.small_classifiers import count, normal, unsettled
from tests.models.test_wide_resnet import numpy_conv
from tests.runs import without_values


def wide(depth=10, width=2, **how) -> keras.Model:
    keras.utils.set_random_seed(5)
    return classifiers.wide_resnet(
        8, 3, depth=depth, width=width, num_classes=4, norm="none", **how
    )


def small(**how) -> keras.Model:
    keras.utils.set_random_seed(5)
    return classifiers.small_cnn(8, 3, width=16, num_classes=4, norm="none", **how)


def with_weights(model: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if layer.weights]


def test_the_published_network():
    """36.46 million parameters, and 6,410 of the head, all of them trainable."""
    with without_values():
        model = classifiers.wide_resnet(32, 3, norm="none")
    head = model.get_layer("logits")
    assert count(head.weights) == 6410
    backbone = count(model.weights) - 6410
    assert round(backbone / 1e6, 2) == 36.46
    assert not model.non_trainable_variables
    # Its sister has a scale and an offset of every channel that it normalises besides.
    channels = 16 + 160 + 6 * 160 + 160 + 320 + 6 * 320 + 320 + 640 + 6 * 640 + 640
    assert count(model.weights) == 36_489_290 - 2 * channels


@pytest.mark.parametrize("build", [wide, small])
def test_there_is_no_normalisation_and_every_layer_has_a_bias(build):
    kinds = {type(layer) for layer in with_weights(build())}
    assert kinds == {keras.layers.Conv2D, keras.layers.Dense}
    assert all(layer.use_bias for layer in with_weights(build()))


@pytest.mark.parametrize("build", [wide, small])
def test_kernels_and_biases_begin_uniform_by_fan_in(build):
    """As `torch.nn.Conv2d` and `torch.nn.Linear`: in +-1 / sqrt(fan in)."""
    shares = []
    for layer in with_weights(build()):
        kernel, bias = (weight.numpy() for weight in layer.weights)
        bound = 1 / math.sqrt(math.prod(kernel.shape[:-1]))
        assert 0.9 * bound < np.abs(kernel).max() <= bound * (1 + 1e-6), layer.name
        assert np.std(kernel) * math.sqrt(3) / bound == pytest.approx(1, rel=0.12)
        assert 0 < np.abs(bias).max() <= bound, layer.name
        shares.append(bias / bound)
    biases = np.concatenate(shares)
    assert np.var(biases) == pytest.approx(1 / 3, rel=0.15)
    assert abs(biases.mean()) < 4 / math.sqrt(3 * biases.size)


@pytest.mark.parametrize("build", [wide, small])
def test_layers_of_one_shape_begin_differently(build):
    layers = with_weights(build(depth=16) if build is wide else build(depth=6))
    for i, first in enumerate(layers):
        for second in layers[i + 1 :]:
            for ours, theirs in zip(first.weights, second.weights, strict=True):
                if ours.shape == theirs.shape:
                    assert np.abs(ours.numpy() - theirs.numpy()).max() > 1e-3


@pytest.mark.parametrize("build", [wide, small])
def test_each_image_is_computed_by_itself_also_in_learning(build):
    model, images = build(), normal(5, 8, 8, 3)
    together = model(images, training=True)
    alone = tf.concat([model(image[None], training=True) for image in images], 0)
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(together, model(images, training=False))


def leaky(x):
    return np.maximum(x, 0) + 0.2 * np.minimum(x, 0)


def numpy_block(model, x, name, stride):
    y = numpy_conv(model.get_layer(f"{name}_1_conv"), leaky(x))
    y = numpy_conv(model.get_layer(f"{name}_2_conv"), leaky(y), stride)
    if f"{name}_shortcut" in {layer.name for layer in model.layers}:
        x = numpy_conv(model.get_layer(f"{name}_shortcut"), x, stride)
    return x + y


@pytest.mark.parametrize("depth", [10, 16])
def test_logits_are_those_of_the_formulas(depth):
    """Leaky rectifiers of slope 0.2; the second convolution of a block strides."""
    model = unsettled(wide(depth, activation="leaky_relu"))
    images = normal(2, 8, 8, 3)
    x = numpy_conv(model.get_layer("stem_conv"), images.numpy().astype(np.float64))
    for group, stride in ((1, 1), (2, 2), (3, 2)):
        for block in range(1, 1 + (depth - 4) // 6):
            name = f"group{group}_block{block}"
            x = numpy_block(model, x, name, stride if block == 1 else 1)
    kernel, bias = model.layers[-1].get_weights()
    expected = leaky(x).mean((1, 2)) @ kernel + bias
    np.testing.assert_allclose(model(images), expected, rtol=2e-4, atol=2e-4)


def test_low_precision_keeps_float32_where_it_matters():
    model, images = wide(dtype="bfloat16"), normal(4, 8, 8, 3)
    logits = model(images)
    assert logits.dtype == tf.float32
    assert {weight.dtype for weight in model.weights} == {"float32"}
    exact = wide()(images)
    assert tf.norm(logits - exact) / tf.norm(exact) < 0.05


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_sngan_classifier_is_the_energy_with_a_logit_of_each_class(dtype):
    """With the weights of the energy its one logit is that energy."""
    settings = ClassifierNetwork(
        architecture="sngan", width=4, norm="none", activation="silu", num_classes=2
    )
    classifier = build(settings, 16, 1, dtype)
    energy = build(Network(width=4, activation="silu"), 16, 1, dtype)
    assert len(classifier.layers) == len(energy.layers)
    *shared, kernel, bias = classifier.weights
    for mine, other in zip(shared, energy.weights[:-1], strict=True):
        mine.assign(other)
    column = energy.weights[-1].numpy()
    kernel.assign(np.concatenate([column, -column], 1))
    bias.assign([0.0, 1.0])
    images = np.random.default_rng(0).uniform(-1, 1, [3, 16, 16, 1]).astype(np.float32)
    logits, energies = classifier(images), energy(images)[:, 0]
    assert logits.dtype == "float32"
    np.testing.assert_allclose(logits[:, 0], energies, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(logits[:, 1], 1.0 - energies, rtol=1e-5, atol=1e-6)
