"""Extractors give the same vectors alone, in batches, in functions and on replicas."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import WeightsError
from ebm_tf.evaluation import features
from ebm_tf.models import classifiers
from tests.evaluation.test_inception import expected, resize, stand_in

EXTRACTORS = ["pixels", "inception_2015", "inception_keras", "classifier"]


def draw(num_images: int, channels: int = 3) -> np.ndarray:
    numbers = np.random.default_rng(3)
    return numbers.integers(0, 256, (num_images, 8, 8, channels), np.uint8)


def pooling() -> keras.Model:
    """Stands in for Keras' InceptionV3: its features are means of the corners."""
    images = keras.Input((299, 299, 3))
    means = keras.layers.AveragePooling2D(11, strides=288)(images)
    return keras.Model(images, keras.layers.Flatten()(means))


def network(channels: int = 3) -> keras.Model:
    keras.utils.set_random_seed(4)
    return classifiers.wide_resnet(8, channels, depth=10, width=1, num_classes=6)


def build(name: str, channels: int = 3) -> features.Extractor:
    match name:
        case "pixels":
            return features.pixels(8, channels)
        case "inception_2015":
            return features.inception_2015(stand_in(), "a stand-in")
        case "inception_keras":
            return features.inception_keras(pooling(), "none")
        case _:
            return features.classifier(network(channels), "random")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", EXTRACTORS)
def test_a_known_number_of_images_stays_known(name, channels):
    extractor = build(name, channels)
    assert extractor.name == name

    @tf.function
    def extract(images):
        given = extractor.extract(images)
        assert given.vectors.shape == (images.shape[0], extractor.size)
        assert given.logits.shape[0] == images.shape[0]
        assert given.logits.shape[1] is not None
        return given

    for num_images in (1, 5):
        images = tf.constant(draw(num_images, channels))
        for ours, theirs in zip(
            extract(images), extractor.extract(images), strict=True
        ):
            assert ours.dtype == theirs.dtype == tf.float32
            assert ours.shape == theirs.shape
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", EXTRACTORS)
def test_images_do_not_see_their_companions(name):
    extract = build(name).extract
    images = tf.constant(draw(5))
    alone = [extract(image[None]) for image in images]
    for ours, parts in zip(extract(images), zip(*alone, strict=True), strict=True):
        np.testing.assert_allclose(ours, np.concatenate(parts), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", EXTRACTORS)
def test_replicas_give_what_one_gives(name, two_replicas):
    with two_replicas.scope():
        extractor = build(name)
    images = tf.constant(draw(6))

    @tf.function
    def extract():
        def one() -> features.Features:
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            return extractor.extract(tf.gather(tf.split(images, 2), replica))

        given = two_replicas.run(one)
        return [tf.concat(two_replicas.experimental_local_results(x), 0) for x in given]

    for ours, theirs in zip(extract(), extractor.extract(images), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_pixels_are_the_images():
    extractor = features.pixels(8, 3)
    given = extractor.extract(tf.constant(draw(2)))
    assert extractor.size == 192
    vectors = draw(2).reshape(2, 192) / 127.5 - 1.0
    np.testing.assert_allclose(given.vectors, vectors, atol=1e-6)
    white = features.pixels(8, 1).extract(tf.fill([1, 8, 8, 1], tf.uint8.max))
    np.testing.assert_array_equal(white.vectors, np.ones([1, 64]))


def test_the_inception_of_2015_sees_bytes_as_they_are():
    extractor = build("inception_2015")
    given = extractor.extract(tf.constant(draw(3)))
    for ours, theirs in zip(given, expected(draw(3), scaled=False), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    with pytest.raises(WeightsError, match="The file some.pb holds no TensorFlow"):
        features.inception_2015(b"nothing", "some.pb")


@pytest.mark.parametrize("name", ["inception_2015", "inception_keras"])
def test_grey_images_are_seen_in_colour(name):
    extract = build(name).extract
    grey = draw(2, channels=1)
    for ours, theirs in zip(
        extract(tf.constant(grey)),
        extract(tf.constant(np.repeat(grey, 3, -1))),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_keras_inception_sees_half_pixel_centres():
    given = build("inception_keras").extract(tf.constant(draw(2)))
    resized = resize(draw(2) / 127.5 - 1.0, 299, shift=0.5)
    corners = [
        resized[:, rows, columns].mean((1, 2))
        for rows in (slice(11), slice(-11, None))
        for columns in (slice(11), slice(-11, None))
    ]
    np.testing.assert_allclose(given.vectors, np.concatenate(corners, 1), atol=1e-5)


def test_a_classifier_gives_what_its_last_layer_takes_and_makes():
    model = network()
    images = tf.constant(draw(4))
    given = features.classifier(model, "random").extract(images)
    assert given.vectors.shape == (4, 64)
    floats = draw(4) / 127.5 - 1.0
    np.testing.assert_allclose(given.logits, model(floats, training=False), atol=1e-5)
    kernel, bias = model.layers[-1].get_weights()
    np.testing.assert_allclose(given.vectors @ kernel + bias, given.logits, atol=1e-5)


def test_extracting_changes_no_classifier():
    model = network()
    before = model.get_weights()
    features.classifier(model, "random").extract(tf.constant(draw(4)))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
