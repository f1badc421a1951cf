"""Discriminators and mappers of one's own: what they take beside images, and give."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from ebm_tf.config.mapper import MapperNetwork
from ebm_tf.config.networks import AnyNetwork, Standardised
from ebm_tf.config.parts import DiscriminatorNetwork
from ebm_tf.errors import ConfigError
from ebm_tf.models.adapted import adapted
from ebm_tf.models.catalogue import build

IMAGES = np.random.default_rng(0).uniform(-1, 1, [5, 8, 8, 3]).astype(np.float32)
CLASSES = np.array([0, 1, 2, 0, 1], np.int32)
OTHERS = np.array([1, 0, 1, 2, 2], np.int32)
DISCRIMINATOR = DiscriminatorNetwork(architecture="my.keras")
MAPPER = MapperNetwork(architecture="my.keras", num_classes=3)


def symbols(*more: str, dtype: str = "int32") -> list[Any]:
    """Images, and classes under names."""
    classes = [keras.Input((), name=name, dtype=dtype) for name in more]
    return [keras.Input((8, 8, 3), name="pictures"), *classes]


def made(model: keras.Model, settings: AnyNetwork, **choices: int) -> Any:
    return adapted(model, settings, 8, 3, **choices)


def mean(images: Any) -> Any:
    return ops.mean(images, (1, 2, 3))


@pytest.mark.parametrize("classes", [{}, {"num_classes": 3}])
def test_a_discriminator_may_take_images_alone(classes):
    (images,) = symbols()
    found = made(keras.Model(images, mean(images)), DISCRIMINATOR, **classes)
    assert len(found.inputs) == 1 and found.output_shape == (None, 1)
    np.testing.assert_allclose(found(IMAGES)[:, 0], mean(IMAGES), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", ["int32", "float32"])
@pytest.mark.parametrize("pixel_range", ["-1..1", "0..1"])
def test_a_discriminator_sees_classes_and_the_pixels_that_it_declares(
    dtype, pixel_range
):
    images, classes = given = symbols("y", dtype=dtype)
    model = keras.Model(given, mean(images) + 10.0 * ops.cast(classes, "float32"))
    settings = DiscriminatorNetwork(architecture="my.keras", pixel_range=pixel_range)
    found = made(model, settings, num_classes=3)
    seen = IMAGES if pixel_range == "-1..1" else IMAGES / 2 + 0.5
    np.testing.assert_allclose(
        found([IMAGES, CLASSES])[:, 0], mean(seen) + 10 * CLASSES, rtol=1e-4, atol=1e-6
    )


def test_for_the_multi_hinge_it_gives_features_too():
    (images,) = symbols()
    features = ops.mean(images, (1, 2))
    model = keras.Model(images, [layers.Dense(4)(features), features])
    scores, found = made(model, DISCRIMINATOR, num_outputs=4)(IMAGES)
    assert scores.shape == (5, 4)
    np.testing.assert_allclose(found, IMAGES.mean((1, 2)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "pixel_range", ["-1..1", "0..255", Standardised(mean=0.3, stddev=0.25)]
)
def test_differences_of_a_mapper_are_in_units_of_its_pixels(pixel_range):
    """Whatever these are, x - x' moves the image to x'."""
    images, labels, wrong = given = symbols("from", "to")
    turned = ops.flip(images, axis=1)
    weight = ops.cast(ops.not_equal(labels, wrong), "float32")[:, None, None, None]
    model = keras.Model(given, weight * (turned - images))
    settings = MapperNetwork(
        architecture="my.keras", num_classes=3, pixel_range=pixel_range
    )
    differences = made(model, settings)([IMAGES, CLASSES, OTHERS])
    np.testing.assert_allclose(IMAGES + differences, IMAGES[:, ::-1], atol=1e-5)
    still = made(model, settings)([IMAGES, CLASSES, CLASSES])
    np.testing.assert_allclose(still, 0.0, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "choices", "expected"),
    [
        (DiscriminatorNetwork, {}, "8, 3, None, 5, False, None"),
        (DiscriminatorNetwork, {"num_classes": 3}, "8, 3, 3, 5, False, None"),
        (DiscriminatorNetwork, {"num_outputs": 4}, "8, 3, 4, 5, False, 4"),
    ],
)
def test_a_function_gets_settings_and_the_number_of_classes(
    tmp_path, settings, choices, expected
):
    path = tmp_path / "mine.py"
    path.write_text(
        "def network(side, colours, classes, width, spectral_norm, num_outputs=None):\n"
        "    given = side, colours, classes, width, spectral_norm, num_outputs\n"
        "    raise ValueError(', '.join(map(str, given)))\n"
    )
    network = settings(architecture=f"{path}:network", width=5, spectral_norm=False)
    with pytest.raises(ConfigError, match=f"raised ValueError: {expected}"):
        build(network, 8, 3, "float32", **choices)


def scoring(*more: str, dropout: bool = False) -> keras.Model:
    images, *classes = given = symbols(*more)
    seen = layers.Dropout(0.5)(images) if dropout else images
    return keras.Model(given, mean(seen) + sum(ops.cast(c, "float32") for c in classes))


def mapping(*between: layers.Layer) -> keras.Model:
    images, *classes = symbols("from", "to")
    seen: Any = images
    for layer in between:
        seen = layer(seen)
    return keras.Model([images, *classes], seen)


@pytest.mark.parametrize(
    ("make", "settings", "choices", "message"),
    [
        (lambda: scoring("y"), DISCRIMINATOR, {}, "to take images alone, got 2 inputs"),
        (
            lambda: scoring("y", "z"),
            DISCRIMINATOR,
            {"num_classes": 3},
            "to take images and classes, got 3 inputs",
        ),
        (scoring, DISCRIMINATOR, {"num_outputs": 4}, "as two outputs, got 1"),
        (
            lambda: mapping(layers.Conv2D(1, 1)),
            DISCRIMINATOR,
            {},
            "to take images alone, got 3 inputs",
        ),
        (
            lambda: mapping(layers.Conv2D(1, 1)),
            MAPPER,
            {},
            r"differences of images \[B, 8, 8, 3\], got \[B, 8, 8, 1\]",
        ),
        (scoring, MAPPER, {}, "take images and labels and wrong, got 1 inputs"),
        (lambda: mapping(layers.Dropout(0.5)), MAPPER, {}, "to draw no random numbers"),
    ],
)
def test_what_does_not_fit_is_told_in_a_line(
    make: Callable[[], keras.Model], settings, choices, message
):
    with pytest.raises(ConfigError, match=message) as error:
        made(make(), settings, **choices)
    assert "\n" not in str(error.value)
