"""Laws of functions over rows: what one call gives, row by row, on any replicas."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import ConfigError
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.rows import fitting, over_rows, parts

PARTS = (1, 4, 16)


@pytest.fixture(params=["one_replica", "two_replicas"])
def replicas(request) -> Replicas:
    return Replicas(request.getfixturevalue(request.param), jit=False)


class Pair(NamedTuple):
    """A nest."""

    values: Any
    signs: Any


def of_nests(pair: Pair, keys: tf.Tensor) -> dict:
    signed = pair.values * pair.signs[:, None]
    return {
        "sums": Pair(tf.reduce_sum(signed, 1) + tf.cast(keys[:, 0], tf.float32), keys),
        "large": pair.values > 0.5,
    }


def nests(num: int) -> tuple[Pair, np.ndarray]:
    draw = np.random.default_rng(num)
    values = draw.uniform(size=[num, 3]).astype(np.float32)
    signs = draw.choice([-1.0, 1.0], num).astype(np.float32)
    return Pair(values, signs), draw.integers(0, 9, [num, 2]).astype(np.int32)


@pytest.mark.parametrize("num", [1, 2, 31, 32, 33, 75])
@pytest.mark.parametrize("divisors", [(1,), PARTS])
@pytest.mark.parametrize("together", [True, False])
def test_any_number_of_rows_is_as_one_call(replicas, num, divisors, together):
    run = over_rows(of_nests, replicas, 32, size_of=parts(*divisors), together=together)
    pair, keys = nests(num)
    found, expected = run(pair, tf.constant(keys)), of_nests(Pair(*pair), keys)
    tf.nest.assert_same_structure(found, expected)
    for one, other in zip(
        tf.nest.flatten(found), tf.nest.flatten(expected), strict=True
    ):
        assert isinstance(one, np.ndarray)
        np.testing.assert_array_equal(one, other)


def test_padding_is_the_last_row_and_is_never_seen(replicas):
    seen = []

    def function(values):
        def note(array):
            seen.append(array)
            return array

        return tf.numpy_function(note, [values], tf.int64, stateful=True)

    def known(values):
        return tf.ensure_shape(function(values), values.shape)

    found = over_rows(known, replicas, 4)(np.arange(6))
    np.testing.assert_array_equal(found, np.arange(6))
    given = np.sort(np.concatenate(seen))
    np.testing.assert_array_equal(given, [0, 1, 2, 3, 4, 5, 5, 5])


@pytest.mark.parametrize(("divisors", "sizes"), [((1,), {32}), (PARTS, {32, 8, 2})])
def test_each_size_is_compiled_once(replicas, divisors, sizes):
    traces = []

    def function(values):
        traces.append(values.shape[0] * replicas.count)
        return values + 1.0

    run = over_rows(function, replicas, 32, size_of=parts(*divisors))
    for num in range(1, 70):
        assert run(np.zeros([num, 2], np.float32)).shape == (num, 2)
    assert set(traces) == sizes and len(traces) <= len(sizes) * replicas.count


def test_what_is_left_is_filled_up_to_the_next_of_a_few_sizes(replicas):
    traces = []

    def function(values):
        traces.append(values.shape[0] * replicas.count)
        return values + 1.0

    run = over_rows(function, replicas, 32, size_of=fitting)
    for num in range(1, 70):
        found = run(np.full([num, 2], float(num), np.float32))
        np.testing.assert_array_equal(found, np.full([num, 2], num + 1.0))
    sizes = sorted(set(traces))
    least = {1: [1, 2, 3, 4, 6, 8, 12, 16, 24, 32], 2: [2, 4, 6, 8, 12, 16, 24, 32]}
    assert sizes == least[replicas.count]
    assert len(traces) <= len(sizes) * replicas.count


def test_what_is_left_of_few_rows_is_filled_up_to_parts_of_these(replicas):
    traces = set()

    def function(values):
        traces.add(values.shape[0] * replicas.count)
        return values + 1.0

    run = over_rows(function, replicas, 32, size_of=fitting)
    for num in (22, 21, 16, 12, 11):
        found = run(np.full([num, 2], float(num), np.float32), of=22)
        np.testing.assert_array_equal(found, np.full([num, 2], num + 1.0))
    assert traces == {1: {22, 17, 11}, 2: {22, 18, 12}}[replicas.count]
    with_more = run(np.zeros([40, 2], np.float32), of=40)  # in whole batches
    assert with_more.shape == (40, 2) and 32 in traces


def test_some_tensors_are_common_to_all_rows(replicas):
    run = over_rows(lambda rows, more: rows * more, replicas, 4)
    found = run(np.arange(6), common=(tf.constant(3, tf.int64),))
    np.testing.assert_array_equal(found, 3 * np.arange(6))


def noise(rows: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    return tf.random.stateless_normal([*rows.shape, 2], key)


def test_each_replica_has_the_key_of_its_batch(replicas):
    key, share = tf.constant([3, 4]), 8 // replicas.count

    def keys(index, replica):
        return tf.random.fold_in(key, index * replicas.count + replica)

    found = over_rows(noise, replicas, 8)(np.arange(21), keys=keys)
    drawn = [
        tf.random.stateless_normal([share, 2], tf.random.fold_in(key, number))
        for number in range(3 * replicas.count)
    ]
    np.testing.assert_array_equal(found, np.concatenate(drawn)[:21])


def test_two_replicas_are_one_with_half_the_batch(one_replica, two_replicas):
    found = []
    for strategy, batch in ((one_replica, 4), (two_replicas, 8)):
        replicas = Replicas(strategy, jit=False)

        def keys(index, replica, count=replicas.count):
            return tf.random.fold_in([1, 2], index * count + replica)

        found.append(over_rows(noise, replicas, batch)(np.arange(19), keys=keys))
    np.testing.assert_array_equal(*found)


def test_a_batch_is_spread_evenly(two_replicas):
    with pytest.raises(ConfigError, match="batch=33 to be divisible by 2"):
        over_rows(tf.identity, Replicas(two_replicas, jit=False), 33)
