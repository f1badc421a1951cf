"""Classifiers of Keras, with random weights in place of those that it fetches."""

import inspect
import pathlib
import sys
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.utils import file_utils

from ebm_tf.config.classifier import PretrainedClassifier
from ebm_tf.errors import ConfigError, WeightsError
from ebm_tf.models import pretrained

IMAGES = tf.random.stateless_uniform([2, 20, 20, 3], [1, 2], -1.0, 1.0)


def random(name: str, side: int) -> keras.Model:
    build = getattr(keras.applications, name)
    keras.utils.set_random_seed(7)
    shape = (side, side, 3)
    return build(weights=None, input_shape=shape, classifier_activation=None)


def settled(network: keras.Model) -> keras.Model:
    """With the statistics of some images, without which random networks fade out."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    shape = [4, *network.input_shape[1:]]
    network(tf.random.stateless_uniform(shape, [3, 4], -1.0, 1.0), training=True)
    return network


@pytest.fixture(scope="module")
def mobile_net(tmp_path_factory) -> tuple[keras.Model, str]:
    network = settled(random("MobileNet", 32))
    path = str(tmp_path_factory.mktemp("weights") / "mobile_net.weights.h5")
    network.save_weights(path)
    return network, path


def settings(path: str, **choices) -> PretrainedClassifier:
    given: dict[str, Any] = {
        "name": "MobileNet",
        "image_size": 32,
        "pixel_range": "0..255",
        "weights": path,
    }
    return PretrainedClassifier(**{**given, **choices})


@pytest.mark.parametrize(
    ("pixel_range", "scale", "offset"),
    [
        ("-1..1", 1.0, 0.0),
        ("0..1", 0.5, 0.5),
        ("0..255", 127.5, 127.5),
        (None, 1.0, 0.0),  # what Keras' MobileNet expects
    ],
)
def test_images_are_resized_and_mapped(mobile_net, pixel_range, scale, offset):
    network, path = mobile_net
    model = pretrained.classifier(settings(path, pixel_range=pixel_range), 20, 3)
    resized = tf.image.resize(IMAGES, [32, 32], "bilinear")
    expected = network(resized * scale + offset, training=False).numpy()
    logits = model(IMAGES, training=False)
    assert logits.dtype == tf.float32 and logits.shape == (2, 1000)
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-3 * expected.std())
    assert np.abs(expected[0] - expected[1]).max() > 1e-2 * expected.std()


def test_these_are_logits_whose_slope_reaches_the_images(mobile_net):
    model = pretrained.classifier(settings(mobile_net[1], pixel_range="-1..1"), 20, 3)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(IMAGES)
        logits = model(IMAGES, training=False)
    assert float(tf.reduce_min(logits)) < 0.0  # no softmax
    assert float(tf.norm(tape.gradient(logits, IMAGES))) > 0.0


@pytest.mark.slow
def test_the_file_of_an_efficientnet_means_what_it_means_to_keras(
    tmp_path, monkeypatch
):
    """Keras scales once more, but only where it fetched the file itself."""
    network = settled(random("EfficientNetB0", 224))
    path = str(tmp_path / "b0.weights.h5")
    network.save_weights(path)
    monkeypatch.setattr(file_utils, "get_file", lambda *_, **__: path)
    fetched, given = (
        pretrained.classifier(
            settings(weights, name="EfficientNetB0", image_size=224), 20, 3
        )(IMAGES, training=False).numpy()
        for weights in ("imagenet", path)
    )
    resized = tf.image.resize((IMAGES + 1) * 127.5, [224, 224])
    other = network(resized, training=False)
    np.testing.assert_allclose(given, fetched, rtol=1e-3, atol=1e-3 * fetched.std())
    assert np.abs(given - other).max() > 0.01 * fetched.std()


@pytest.mark.parametrize(
    ("name", "near"),
    [("MobilNet", "MobileNet,"), ("EfficientNet-B7", "EfficientNetB7")],
)
def test_an_unknown_name_tells_its_neighbours(name, near):
    with pytest.raises(ConfigError, match=f"'{name}'; the nearest are .*{near}"):
        pretrained.classifier(settings("imagenet", name=name), 20, 3)


def test_what_is_no_network_is_not_offered():
    with pytest.raises(ConfigError, match="Unknown classifier 'get_file'"):
        pretrained.classifier(settings("imagenet", name="get_file"), 20, 3)


# The networks of every module of keras.applications.
MODULES = {
    "convnext": [f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large")]
    + ["ConvNeXtXLarge"],
    "densenet": [f"DenseNet{depth}" for depth in (121, 169, 201)],
    "efficientnet": [f"EfficientNetB{number}" for number in range(8)],
    "efficientnet_v2": [f"EfficientNetV2{size}" for size in "SML"]
    + [f"EfficientNetV2B{number}" for number in range(4)],
    "inception_resnet_v2": ["InceptionResNetV2"],
    "inception_v3": ["InceptionV3"],
    "mobilenet": ["MobileNet"],
    "mobilenet_v2": ["MobileNetV2"],
    "mobilenet_v3": ["MobileNetV3Small", "MobileNetV3Large"],
    "nasnet": ["NASNetMobile", "NASNetLarge"],
    "resnet": [f"ResNet{depth}" for depth in (50, 101, 152)],
    "resnet50": ["ResNet50"],
    "resnet_v2": [f"ResNet{depth}V2" for depth in (50, 101, 152)],
    "vgg16": ["VGG16"],
    "vgg19": ["VGG19"],
    "xception": ["Xception"],
}
BYTES = np.random.default_rng(5).uniform(0, 255, [2, 5, 4, 3]).astype(np.float32)


def preprocessed(module: str, pixels: np.ndarray) -> np.ndarray:
    return getattr(keras.applications, module).preprocess_input(pixels.copy())


@pytest.mark.parametrize("module", MODULES)
def test_pixels_are_those_of_preprocess_input(module):
    expected = preprocessed(module, BYTES)
    for name in MODULES[module]:
        pixels = pretrained.KerasPixels(name)(tf.constant(BYTES / 127.5 - 1))
        np.testing.assert_allclose(pixels, expected, rtol=1e-6, atol=1e-4)


def test_there_are_no_other_networks_and_modules():
    offered = inspect.getmembers(keras.applications)
    networks = {name for name, value in offered if inspect.isfunction(value)}
    modules = {n for n, value in offered if hasattr(value, "preprocess_input")}
    assert networks == {name for names in MODULES.values() for name in names}
    assert modules == MODULES.keys() | {"imagenet_utils"}  # which has no network


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("vgg16", [-103.939, -116.779, -123.68]),  # blue first, less its mean
        ("mobilenet", [-1.0, -1.0, -1.0]),
        ("densenet", [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]),
        ("convnext", [0.0, 0.0, 0.0]),  # the network does it
    ],
)
def test_what_black_becomes(module, expected):
    black = tf.fill([1, 1, 1, 3], -1.0)
    pixels = pretrained.KerasPixels(MODULES[module][0])(black)
    np.testing.assert_allclose(pixels[0, 0, 0], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ResNet50", "DenseNet121", "EfficientNetV2B0"])
def test_networks_see_what_they_learned_from(name, tmp_path):
    network = settled(random(name, 32))
    path = str(tmp_path / "it.weights.h5")
    network.save_weights(path)
    model = pretrained.classifier(settings(path, name=name, pixel_range=None), 20, 3)
    resized = tf.image.resize((IMAGES + 1) * 127.5, [32, 32])
    module = sys.modules[getattr(keras.applications, name).__module__]
    expected = network(module.preprocess_input(resized), training=False).numpy()
    logits = model(IMAGES, training=False)
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-3 * expected.std())


def test_a_network_may_have_other_classes(tmp_path):
    build: Any = keras.applications.MobileNet
    network = build(weights=None, input_shape=(32, 32, 3), classes=7)
    path = str(tmp_path / "seven.weights.h5")
    network.save_weights(path)
    model = pretrained.classifier(settings(path, num_classes=7), 20, 3)
    assert model.output_shape == (None, 7)
    with pytest.raises(ConfigError, match="Keras cannot build MobileNet"):
        pretrained.classifier(settings("imagenet", num_classes=7), 20, 3)


def test_other_impossible_settings_are_told(mobile_net):
    with pytest.raises(ConfigError, match="channels=1 to be 3 for MobileNet"):
        pretrained.classifier(settings(mobile_net[1]), 20, 1)
    with pytest.raises(ConfigError, match="cannot build MobileNet for image_size=8"):
        pretrained.classifier(settings(mobile_net[1], image_size=8), 20, 3)


def test_weights_that_cannot_be_fetched_are_told(monkeypatch):
    def offline(*_, **__):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(file_utils, "get_file", offline)
    with pytest.raises(WeightsError) as caught:
        pretrained.classifier(settings("imagenet", image_size=224), 20, 3)
    assert str(caught.value) == (
        "Cannot fetch the weights of Keras' MobileNet: copy their file from "
        "~/.keras/models of a machine that can, and name it: --set "
        "classifier.weights=FILE.h5."
    )


def test_files_that_do_not_fit_are_told(mobile_net, tmp_path):
    path = tmp_path / "damaged.weights.h5"
    path.write_bytes(pathlib.Path(mobile_net[1]).read_bytes()[:1000])
    for source, name, message in [
        (str(tmp_path / "none.h5"), "MobileNet", "none.h5: expected a file of Keras'"),
        (str(path), "MobileNet", "are damaged or do not fit Keras' MobileNet"),
        (mobile_net[1], "MobileNetV2", "do not fit Keras' MobileNetV2 with its top"),
    ]:
        with pytest.raises(WeightsError, match=message):
            pretrained.classifier(settings(source, name=name), 20, 3)
