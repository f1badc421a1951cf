"""Attacks on a user's classifier are those of attack.py, in the user's units."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import ebm_tf
from ebm_tf import pixels
from ebm_tf.config import attacks
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.parts import Data
from ebm_tf.config.robustness import RobustnessMeasurement
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.errors import ConfigError, DataError
from tests.runs import learn_here

# Two classes by the sign of w x + b, whose distance from the boundary is known.
WEIGHTS, BIAS = np.array([1.0, -2.0, 0.5, 1.0], np.float32), -0.1
IMAGES = np.random.default_rng(0).uniform(0.2, 0.8, [8, 2, 2, 1]).astype(np.float32)
SCORES = IMAGES.reshape(8, 4) @ WEIGHTS + BIAS
LABELS = (SCORES > 0).astype(int)


def linear(images):
    """Logits [n, 2] of images in [0, 1]."""
    score = tf.linalg.matvec(tf.reshape(images, [-1, 4]), WEIGHTS) + BIAS
    return tf.stack([tf.zeros_like(score), score], 1)


def test_the_ball_is_in_the_units_of_the_user():
    """A linear classifier is broken where epsilon |w|_1 exceeds the score."""
    needed = np.abs(SCORES) / np.abs(WEIGHTS).sum()
    epsilon = float(np.median(needed))
    result = ebm_tf.pgd(
        linear, IMAGES, LABELS, epsilon=epsilon, pixel_range="0..1", batch=8
    )
    assert np.array_equal(result.broken, needed < epsilon)
    assert np.abs(result.images - IMAGES).max() <= epsilon + 1e-6
    assert np.array_equal(result.natural_predictions, LABELS)
    assert result.metrics["robust_accuracy"] == np.mean(needed >= epsilon)
    wrong = linear(result.images).numpy().argmax(1) != LABELS
    assert np.array_equal(wrong, result.broken) and result.distances is None


@pytest.mark.slow
def test_every_range_says_the_same():
    found = []
    for pixel_range, (low, high) in pixels.BOUNDS.items():
        images = low + (high - low) * IMAGES

        def classifier(x, low=low, high=high):
            return linear((x - low) / (high - low))

        result = ebm_tf.pgd(
            classifier,
            images,
            LABELS,
            epsilon=0.05 * (high - low),
            pixel_range=pixel_range,  # pyright: ignore[reportArgumentType]
            start="natural",
            batch=8,
        )
        found.append((result.images - low) / (high - low))
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)
    np.testing.assert_allclose(found[2], found[0], atol=1e-5)


@pytest.mark.slow
def test_carlini_and_wagner_find_the_distance_to_the_boundary():
    result = ebm_tf.carlini_wagner(
        linear,
        IMAGES,
        LABELS,
        pixel_range="0..1",
        settings=attacks.CarliniWagner(
            num_steps=200, learning_rate=0.02, num_targets=1
        ),
        batch=8,
    )
    exact = np.abs(SCORES) / np.linalg.norm(WEIGHTS)
    assert result.distances is not None and result.broken.all()
    np.testing.assert_allclose(result.distances, exact, rtol=0.05, atol=1e-3)


@pytest.mark.slow
def test_auto_attack_takes_a_keras_model_with_probabilities():
    inputs = keras.Input((2, 2, 1))
    hidden = keras.layers.Dense(4, activation="relu")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(5, activation="softmax")(hidden))
    labels = model(IMAGES).numpy().argmax(1)
    how = {"epsilon": 0.3, "pixel_range": "0..1", "batch": 8}
    assert "notes" not in ebm_tf.pgd(linear, IMAGES, LABELS, **how).metrics
    with pytest.raises(ConfigError, match="say outputs='probabilities'"):
        ebm_tf.auto_attack(model, IMAGES, labels, **how)
    result = ebm_tf.auto_attack(
        model,
        IMAGES,
        labels,
        settings=attacks.AutoAttack(num_steps=5, num_targets=2, num_queries=20),
        outputs="probabilities",
        **how,
    )
    assert result.metrics["natural_accuracy"] == 1.0
    assert set(result.metrics["by_attack"]) == {"apgd_ce", "apgd_t", "fab_t", "square"}
    predictions = model(result.images).numpy().argmax(1)
    assert np.array_equal(predictions != labels, result.broken)


@pytest.mark.slow
def test_the_images_are_those_of_attack_py(tmp_path):
    data = Data(name="digits", image_size=8, channels=1, split="train[1437:]")
    config = RobustnessMeasurement(
        name="attacked",
        data=data,
        classifier=ClassifierNetwork(),
        weights="release:digits_weat_adv",
        ball=attacks.Ball(epsilon=20.0),
        pgd=attacks.Pgd(num_steps=4, step_size=5.0),
        auto_attack=None,
        num_images=20,
        subset="first",
        batch=8,
        seed=7,
    )
    folder, results = learn_here(config, tmp_path)
    with np.load(folder / "record.npz") as record:
        theirs = dict(record)
    images, labels = load_images(open_source(data), data, limit=20)
    found = ebm_tf.pgd(
        ebm_tf.load("release:digits_weat_adv"),
        images,
        labels,
        epsilon=20 * 2 / 255,
        step_size=5 * 2 / 255,
        num_steps=4,
        pixel_range="-1..1",
        batch=8,
        seed=7,
    )
    assert np.array_equal(found.images, theirs["adversarial"])
    assert np.array_equal(found.broken, theirs["broken_by"] >= 0)
    assert found.metrics["robust_accuracy"] == results["robust_accuracy"]


@pytest.mark.parametrize(
    ("classifier", "labels", "message"),
    [
        (linear, LABELS[:3], "labels to be 8 integers, one for each image, got int64"),
        (linear, LABELS * 0.5, "got float64"),
        (linear, LABELS + 1, "Expected labels of 2 classes, got 1 to 2."),
        (lambda x: x, LABELS, r"gives \[n, k\] for 8 images, got .*\[8, 2, 2, 1\]"),
    ],
)
def test_what_does_not_fit_is_told(classifier, labels, message):
    with pytest.raises((ConfigError, DataError), match=message):
        ebm_tf.pgd(classifier, IMAGES, labels, epsilon=0.1, pixel_range="0..1", batch=8)


def test_a_radius_of_0_is_told():
    with pytest.raises(ConfigError, match="Expected epsilon=0.0 > 0."):
        ebm_tf.pgd(
            linear, IMAGES, LABELS, epsilon=0.0, pixel_range="0..1", step_size=1.0
        )
