import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import ConfigError
from ebm_tf.models.conditional_norm import (
    ConditionalTabulatedNorm,
    TabulatedNorm,
    interpolation,
)

IMAGES = tf.random.stateless_normal([2, 3, 3, 4], tf.constant([7, 8]))
ROWS = np.arange(51.0, dtype=np.float32)[:, np.newaxis] * np.ones(4, np.float32)


@pytest.mark.parametrize("row", range(51))
def test_every_tabulated_truncation_names_its_row(row):
    # 0.58 and 0.94 are the ones that floating-point division gets wrong.
    found = interpolation(row / 50)
    assert (found.lower, found.weight) == (row, 0.0)
    assert found.upper <= 50


def test_rows_between_are_weighted_by_nearness():
    lower, upper, weight = interpolation(0.505)
    assert (lower, upper) == (25, 26)
    assert weight == pytest.approx(0.25)


@pytest.mark.parametrize("truncation", [-0.1, 1.01, float("nan")])
def test_truncation_must_be_a_fraction(truncation):
    with pytest.raises(ConfigError, match=r"^Expected truncation=.* in \[0, 1\]\.$"):
        interpolation(truncation)


def test_fresh_tables_hold_mean_0_and_variance_1():
    outputs = TabulatedNorm(0.5, 1e-4)(IMAGES)
    np.testing.assert_allclose(outputs, IMAGES / np.sqrt(1 + 1e-4), rtol=1e-5)


def test_statistics_are_interpolated():
    layer = TabulatedNorm(0.505, 1e-4)
    layer.build(IMAGES.shape)
    layer.means.assign(ROWS)
    layer.variances.assign(ROWS**2)
    layer.gain.assign([1.0, 2.0, 3.0, 4.0])
    layer.offset.assign([0.0, 1.0, 2.0, 3.0])
    variance = 0.75 * 25**2 + 0.25 * 26**2
    expected = (IMAGES.numpy() - 25.25) / np.sqrt(variance + 1e-4)
    expected = expected * layer.gain.numpy() + layer.offset.numpy()
    np.testing.assert_allclose(layer(IMAGES), expected, rtol=1e-4, atol=1e-5)


def test_gain_and_offset_are_linear_in_the_condition():
    layer = ConditionalTabulatedNorm(1.0, 1e-4)
    condition = tf.random.stateless_normal([2, 5], tf.constant([9, 10]))
    layer.build(IMAGES.shape, condition.shape)
    layer.means.assign(ROWS / 50)
    gain = 1 + (condition @ layer.scale.kernel).numpy()
    offset = (condition @ layer.offset.kernel).numpy()
    expected = (IMAGES.numpy() - 1) / np.sqrt(1 + 1e-4)
    expected = expected * gain[:, None, None] + offset[:, None, None]
    np.testing.assert_allclose(layer(IMAGES, condition), expected, atol=1e-5)


def test_statistics_are_not_learnt():
    layer = TabulatedNorm(1.0, 1e-4)
    layer.build(IMAGES.shape)
    assert not layer.trainable_weights
    assert [weight.name for weight in layer.weights] == [
        "means",
        "variances",
        "gain",
        "offset",
    ]
