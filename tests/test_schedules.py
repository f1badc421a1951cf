"""Values that change with the step."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.schedules import ScaledSchedule, piecewise

STAIR = ((1e-4, 0), (1e-5, 50_000), (1e-6, 75_000), (1e-7, 100_000), (1e-8, 125_000))
CLASSIFIER = ((0.1, 0), (0.01, 19_961), (0.001, 29_941))
POINTS = [
    (STAIR, 0, 1e-4),
    (STAIR, 49_999, 1e-4),
    (STAIR, 50_000, 1e-5),
    (STAIR, 75_000, 1e-6),
    (STAIR, 124_999, 1e-7),
    (STAIR, 125_000, 1e-8),
    (STAIR, 10**9, 1e-8),
    (CLASSIFIER, 19_960, 0.1),
    (CLASSIFIER, 19_961, 0.01),
    (CLASSIFIER, 29_940, 0.01),
    (CLASSIFIER, 29_941, 0.001),
    (0.25, 7, 0.25),
]


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
@pytest.mark.parametrize(("schedule", "step", "value"), POINTS)
def test_golden_values(schedule, step, value, dtype):
    result = piecewise(schedule, tf.constant(step, dtype), tf.float32)
    assert result.shape == ()
    assert float(result) == pytest.approx(value)


def test_counts_stay_integers():
    counts = [
        piecewise(((3, 0), (5, 2)), tf.constant(step), tf.int32) for step in range(4)
    ]
    assert all(count.dtype == tf.int32 for count in counts)
    np.testing.assert_array_equal(counts, [3, 3, 5, 5])


@pytest.mark.parametrize("schedule", [0.5, ((0.5, 0), (0.25, 1))])
def test_the_factor_of_a_rate_can_be_set_after_tracing(schedule):
    rate = ScaledSchedule(schedule)
    rate_of = tf.function(lambda step: rate(step), autograph=False)
    before = [float(rate_of(tf.constant(step, tf.int64))) for step in range(2)]
    assert before[0] == 0.5
    rate.factor.assign(0.1)
    after = [float(rate_of(tf.constant(step, tf.int64))) for step in range(2)]
    np.testing.assert_allclose(after, np.array(before) * 0.1, rtol=1e-6)


def test_a_rate_is_rebuilt_from_what_it_tells():
    rebuilt = ScaledSchedule(**ScaledSchedule(STAIR).get_config())
    assert float(rebuilt(tf.constant(75_000))) == pytest.approx(1e-6)
