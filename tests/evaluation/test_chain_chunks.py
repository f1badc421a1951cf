"""Chunks: any number of rows, few shapes, the same rows on any devices."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import ConfigError
from ebm_tf.runtime.attacks.chain_chunks import chunked
from ebm_tf.runtime.distribution import Replicas


@pytest.fixture(params=["one_replica", "two_replicas"])
def replicas(request) -> Replicas:
    return Replicas(request.getfixturevalue(request.param), jit=False)


@pytest.mark.parametrize("num", [1, 2, 3, 31, 32, 33, 75])
def test_rows_come_back_in_their_order(replicas, num):
    sizes = []

    def function(values, keys):
        sizes.append(values.shape[0])
        return values * 2.0 + tf.cast(keys[:, :1], tf.float32), values[:, 0]

    values = np.arange(num * 3, dtype=np.float32).reshape(num, 3)
    keys = np.stack([np.arange(num), np.zeros(num)], 1).astype(np.int32)
    doubled, first = chunked(function, replicas, 32)(values, tf.constant(keys))
    np.testing.assert_array_equal(doubled, values * 2 + np.arange(num)[:, None])
    np.testing.assert_array_equal(first, values[:, 0])
    assert max(sizes) <= 32 // replicas.count


def test_few_shapes_are_compiled(replicas):
    traces = []

    def function(values):
        traces.append(values.shape)
        return values + 1.0

    call = chunked(function, replicas, 32)
    for num in range(1, 70):
        np.testing.assert_array_equal(
            call(np.zeros([num, 2], np.float32)), np.ones([num, 2])
        )
    assert {shape[0] * replicas.count for shape in traces} == {32, 8, 2}
    assert len(traces) <= 3 * replicas.count


def test_a_chunk_is_spread_evenly(replicas):
    if replicas.count == 2:
        with pytest.raises(ConfigError, match="batch=33 to be divisible by 2"):
            chunked(tf.identity, replicas, 33)
    else:
        values = np.ones([70, 1], np.float32)
        np.testing.assert_array_equal(
            chunked(tf.identity, replicas, 33)(values), values
        )
