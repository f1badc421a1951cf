"""Values that change with the step."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.optimizers import Cosine, Linear, OneCycle, Warmup
from ebm_tf.schedules import (
    ScaledSchedule,
    cosine,
    linear,
    one_cycle,
    piecewise,
    value,
    warmup,
)

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


RATE = OneCycle(peak=0.1, first=0.004, last=4e-7, num_steps=39_100)
MOMENTUM = OneCycle(peak=0.85, first=0.95, last=0.95, num_steps=39_100)


def printed(number: float, digits: str) -> bool:
    """Whether a number agrees with one that is printed to all of its digits."""
    unit = float("1" + digits[digits.index("e") :]) if "e" in digits else 1.0
    return abs(number - float(digits)) <= 0.51 * unit * 10.0 ** -len(
        digits.partition("e")[0].partition(".")[2]
    )


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
@pytest.mark.parametrize(
    ("step", "rate", "momentum"),
    [
        (0, "0.004", "0.95"),
        (1000, "0.0064582", "0.94744"),
        (5000, "0.053743", "0.89818"),
        (9774, "0.1", "0.85"),
        (20_000, "0.0728796", "0.87712"),
        (30_000, "0.0219327", "0.92807"),
        (38_000, "3.46543e-4", "0.94965"),
        (39_099, "4e-7", "0.95"),
    ],
)
def test_a_cycle_has_the_published_values(step, rate, momentum, dtype):
    now = tf.constant(step, dtype)
    assert printed(float(one_cycle(RATE, now, tf.float32)), rate)
    assert printed(float(one_cycle(MOMENTUM, now, tf.float32)), momentum)


def test_ends_and_peak_of_a_cycle_are_exact():
    steps = [0, 9774, 39_099, 39_100, 10**6]
    values = [one_cycle(RATE, tf.constant(step), tf.float32) for step in steps]
    expected = np.array([0.004, 0.1, 4e-7, 4e-7, 4e-7], np.float32)
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_a_cycle_rises_once_and_falls_once():
    cycle = OneCycle(peak=1.0, first=0.5, last=0.0, num_steps=40, rise=0.3)
    values = [float(one_cycle(cycle, tf.constant(s), tf.float64)) for s in range(40)]
    changes = np.sign(np.diff(values))
    np.testing.assert_array_equal(changes, [1.0] * 11 + [-1.0] * 28)


@pytest.mark.parametrize("schedule", [0.25, STAIR, RATE])
def test_either_kind_of_schedule_has_a_value(schedule):
    function = one_cycle if schedule is RATE else piecewise
    now = tf.constant(60_000)
    assert value(schedule, now, tf.float32) == function(schedule, now, tf.float32)


def test_counts_stay_integers():
    counts = [
        piecewise(((3, 0), (5, 2)), tf.constant(step), tf.int32) for step in range(4)
    ]
    assert all(count.dtype == tf.int32 for count in counts)
    np.testing.assert_array_equal(counts, [3, 3, 5, 5])


@pytest.mark.parametrize(
    "schedule",
    [
        0.5,
        ((0.5, 0), (0.25, 1)),
        OneCycle(peak=0.7, first=0.5, last=0.1, num_steps=9, rise=0.5),
    ],
)
def test_the_factor_of_a_rate_can_be_set_after_tracing(schedule):
    rate = ScaledSchedule(schedule)
    rate_of = tf.function(lambda step: rate(step), autograph=False)
    before = [float(rate_of(tf.constant(step, tf.int64))) for step in range(2)]
    assert before[0] == 0.5
    rate.factor.assign(0.1)
    after = [float(rate_of(tf.constant(step, tf.int64))) for step in range(2)]
    np.testing.assert_allclose(after, np.array(before) * 0.1, rtol=1e-6)


DECAY = Linear(first=2e-4, num_steps=100_000)


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 2e-4), (25_000, 1.5e-4), (99_999, 2e-9), (100_000, 0.0), (10**9, 0.0)],
)
def test_golden_values_of_an_even_decay(step, expected, dtype):
    rate = linear(DECAY, tf.constant(step, dtype), tf.float32)
    assert rate.dtype == tf.float32 and rate.shape == ()
    assert float(rate) == pytest.approx(expected, rel=1e-6, abs=0.0)


def test_an_even_way_may_rise_and_end_anywhere():
    rise = Linear(first=0.1, last=0.5, num_steps=4)
    rates = [float(value(rise, tf.constant(k), tf.float32)) for k in range(6)]
    np.testing.assert_allclose(rates, [0.1, 0.2, 0.3, 0.4, 0.5, 0.5], rtol=1e-6)


def test_a_scaled_schedule_takes_an_even_decay():
    schedule = ScaledSchedule(DECAY)
    schedule.factor.assign(0.5)
    assert float(schedule(tf.constant(50_000, tf.int64))) == pytest.approx(5e-5)


HALF = Cosine(first=1e-4, last=1e-6, num_steps=78_200)


def half_cosine(settings: Cosine, step: int) -> float:
    """The definition in double precision."""
    part = min(step, settings.num_steps) / settings.num_steps
    way = (1 + np.cos(np.pi * part)) / 2
    return settings.last + (settings.first - settings.last) * way


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
@pytest.mark.parametrize("step", [0, 1, 1000, 39_100, 60_000, 78_199, 78_200, 10**9])
def test_half_a_cosine_is_its_definition(step, dtype):
    rate = cosine(HALF, tf.constant(step, dtype), tf.float32)
    assert rate.dtype == tf.float32 and rate.shape == ()
    assert float(rate) == pytest.approx(half_cosine(HALF, step), rel=1e-6)


def test_half_a_cosine_is_even_about_its_middle_and_may_end_at_0():
    fall = Cosine(first=0.5, num_steps=10)
    rates = np.array([cosine(fall, tf.constant(n), tf.float64) for n in range(12)])
    np.testing.assert_allclose(rates[:11] + rates[10::-1], 0.5)
    assert rates[0] == 0.5 and np.all(np.diff(rates[:11]) < 0)
    assert rates[10] == rates[11] == 0.0


@pytest.mark.parametrize("then", [0.1, ((0.1, 0), (0.03, 7), (0.01, 9)), HALF, DECAY])
def test_the_first_update_of_a_warmup_has_rate_0_and_the_rise_is_even(then):
    peak = float(value(then, tf.constant(0), tf.float32))
    rise = Warmup(num_steps=5, then=then)
    rates = [float(warmup(rise, tf.constant(n), tf.float32)) for n in range(12)]
    assert rates[0] == 0.0 and rates[5] == peak
    np.testing.assert_allclose(rates[:6], peak * np.arange(6) / 5, rtol=1e-6)
    # What follows counts from update 0, not from the end of the rise.
    expected = [float(value(then, tf.constant(n), tf.float32)) for n in range(6, 12)]
    assert rates[6:] == expected


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0.0), (1, 1e-7), (500, 5e-5), (1000, 1e-4)]
)
def test_golden_values_of_a_warmup(step, expected, dtype):
    rise = Warmup(num_steps=1000, then=HALF)
    rate = value(rise, tf.constant(step, dtype), tf.float32)
    assert float(rate) == pytest.approx(expected, rel=1e-6, abs=0.0)
    later = float(value(rise, tf.constant(1001, dtype), tf.float32))
    assert later == pytest.approx(half_cosine(HALF, 1001), rel=1e-6)


def test_a_step_within_the_rise_waits_for_its_end():
    rise = Warmup(num_steps=4, then=((1.0, 0), (0.25, 2)))
    rates = [float(value(rise, tf.constant(n), tf.float32)) for n in range(7)]
    assert rates == [0.0, 0.25, 0.5, 0.75, 1.0, 0.25, 0.25]


@pytest.mark.parametrize("jit", [False, True])
def test_a_scaled_schedule_takes_a_warmup(jit):
    schedule = ScaledSchedule(Warmup(num_steps=2, then=Cosine(first=0.4, num_steps=8)))
    rate = tf.function(lambda n: schedule(n), autograph=False, jit_compile=jit)
    schedule.factor.assign(0.5)
    rates = [float(rate(tf.constant(n, tf.int64))) for n in (0, 1, 2, 4, 8)]
    np.testing.assert_allclose(rates, [0.0, 0.1, 0.2, 0.1, 0.0], rtol=1e-6)
