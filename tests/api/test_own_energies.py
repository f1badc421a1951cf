"""Chains of a user's own energy: a normal distribution, whose moments are known."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import ebm_tf
from ebm_tf.errors import ConfigError

SHAPE = (2, 3, 1)
MEAN, STDDEV = 0.3, 0.1
STEP = ebm_tf.Langevin(noise=0.04)


def normal(images):
    """|x - m|^2 / (2 s^2) of images in [0, 1]."""
    return tf.reduce_sum((images - MEAN) ** 2, [1, 2, 3]) / (2 * STDDEV**2)


def test_samples_have_the_moments_of_the_energy():
    images = ebm_tf.sample(
        normal, 400, SHAPE, langevin=STEP, num_steps=200, pixel_range="0..1", batch=400
    )
    assert images.shape == (400, *SHAPE)
    assert images.mean() == pytest.approx(MEAN, abs=0.01)
    # The step is 0.02 of this range; the chain is stationary where its square is small.
    assert images.std() == pytest.approx(STDDEV, rel=0.05)


@pytest.mark.slow
def test_they_depend_on_neither_the_batch_nor_how_many_there_are():
    how: dict[str, Any] = {
        "langevin": STEP,
        "num_steps": 4,
        "pixel_range": "0..1",
        "seed": 3,
    }
    images = ebm_tf.sample(normal, 10, SHAPE, batch=10, **how)
    np.testing.assert_allclose(
        ebm_tf.sample(normal, 10, SHAPE, batch=4, **how), images, atol=1e-6
    )
    how["seed"] = 4
    other = ebm_tf.sample(normal, 10, SHAPE, batch=10, **how)
    assert not np.allclose(other, images)


def test_a_keras_model_is_an_energy():
    inputs = keras.Input(SHAPE)
    outputs = keras.layers.Dense(1)(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    images = np.random.default_rng(0).uniform(-1, 1, (5, *SHAPE)).astype(np.float32)
    still = ebm_tf.Langevin(noise=0.0, drift=0.5)
    moved = ebm_tf.purified(model, images, langevin=still, num_steps=3, temperature=2.0)
    slope = model.layers[-1].kernel.numpy().reshape(SHAPE)
    np.testing.assert_allclose(moved, images - 3 * 0.5 * slope / 2.0, atol=1e-5)


@pytest.mark.parametrize(
    ("energy", "how", "message"),
    [
        (lambda x: x, {}, r"one number for each of 2 images, got .*\[2, 2, 3, 1\]"),
        (tf.reduce_sum, {}, r"got an output of the shape \[\]"),
        (normal, {"temperature": 0.0}, "Expected temperature=0.0 > 0."),
    ],
)
def test_what_is_no_energy_is_told(energy, how, message):
    with pytest.raises(ConfigError, match=message):
        ebm_tf.purified(
            energy, np.zeros([2, *SHAPE]), langevin=STEP, num_steps=1, batch=4, **how
        )
