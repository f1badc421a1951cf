"""Replicas on two logical devices."""

import os

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import ConfigError, DeviceError
from ebm_tf.protocols import Chains
from ebm_tf.runtime.distribution import (
    Replicas,
    distributed,
    gather,
    joined,
    local,
    make_replicas,
    on_each,
    replicated,
)
from tests.runs import ROOT, run_program

SEED = tf.constant([3, 4])


@pytest.fixture
def pair(two_replicas) -> Replicas:
    return Replicas(two_replicas, jit=False)


@pytest.fixture
def single(one_replica) -> Replicas:
    return Replicas(one_replica, jit=False)


def normal(shape, seed):
    return tf.random.stateless_normal(shape, seed)


def chains(value: float) -> Chains:
    return Chains(tf.fill([2, 4, 4, 1], value), tf.zeros([0]), tf.fill([2], int(value)))


def test_counts(pair, single):
    assert (pair.count, pair.num_local, pair.worker) == (2, 2, 0)
    assert (single.count, single.num_local, single.worker) == (1, 1, 0)


def test_a_batch_must_be_divisible(pair, single):
    assert pair.batch_of_each(10) == 5 and single.batch_of_each(9) == 9
    with pytest.raises(ConfigError, match="batch=9 to be divisible by 2 replicas"):
        pair.batch_of_each(9)


def test_all_logical_devices_are_replicas():
    replicas = make_replicas("cpu")
    assert replicas.count == 2 and not replicas.jit
    assert make_replicas("cpu") is replicas


def test_lanes_are_for_a_cpu_that_is_one_replica(monkeypatch, two_replicas):
    """Two replicas of a CPU are two lanes as it is."""
    assert make_replicas("cpu", True).lanes == 1
    assert make_replicas("cpu", True).strategy is two_replicas
    program = (
        "import tensorflow as tf;"
        "from ebm_tf.runtime.distribution import make_replicas;"
        "lanes = [make_replicas('cpu', given).lanes for given in (True, False)];"
        "print(lanes, tf.config.threading.get_intra_op_parallelism_threads())"
    )
    for given, threads in (("", max(1, (os.cpu_count() or 2) // 2)), ("3", 0)):
        env = {"TF_NUM_INTRAOP_THREADS": given} if given else {}
        done = run_program(program=["-c", program], env=env, cwd=ROOT)
        assert done.out.split("]") == ["[2, 1", f" {threads}\n"], done.err


def test_a_gpu_that_is_not_there_is_told():
    with pytest.raises(DeviceError, match="TensorFlow sees no GPU: run with --dev"):
        make_replicas("gpu")


def test_replicas_draw_different_noise(pair):
    draw = on_each(pair, lambda batch, seed: normal([5], seed))
    first, second = (part.numpy() for part in local(pair, draw(None, SEED)))
    assert not set(first) & set(second)
    again = local(pair, draw(None, SEED))
    np.testing.assert_array_equal(first, again[0])


def test_a_step_of_all_replicas(pair):
    """Noise differs, metrics are means, states stay apart."""

    def step(state, batch, seed):
        noise = normal([3], seed)
        metrics = {"mean": tf.reduce_mean(state), "other": tf.constant(2.0)}
        return state + noise + batch, metrics, noise

    run = replicated(pair, step)
    start = [tf.zeros([3]), tf.fill([3], 10.0)]
    batch = distributed(pair, [tf.constant(1.0), tf.constant(2.0)])
    state, metrics, noise = run(distributed(pair, start), batch, SEED)
    assert metrics == {"mean": 5.0, "other": 2.0}
    first, second = local(pair, noise)
    assert not set(first.numpy()) & set(second.numpy())
    states = local(pair, state)
    np.testing.assert_array_equal(states[0], first + 1.0)
    np.testing.assert_array_equal(states[1], second + 10.0 + 2.0)


def test_one_replica_is_the_first_of_two(pair, single):
    """The noise of a replica does not depend on how many there are."""
    parts = [
        local(
            replicas, on_each(replicas, lambda _, seed: normal([4], seed))(None, SEED)
        )
        for replicas in (single, pair)
    ]
    np.testing.assert_array_equal(parts[0][0], parts[1][0])


@pytest.mark.parametrize("name", ["single", "pair"])
def test_what_is_distributed_comes_back(name, request):
    replicas = request.getfixturevalue(name)
    parts = [chains(float(index)) for index in range(replicas.count)]
    back = local(replicas, distributed(replicas, parts))
    assert len(back) == replicas.count
    for part, other in zip(parts, back, strict=True):
        assert isinstance(other, Chains)
        tf.nest.map_structure(np.testing.assert_array_equal, part, other)


def test_arrays_can_be_distributed(pair):
    parts = [np.arange(3) + index for index in range(2)]
    back = local(pair, distributed(pair, parts))
    np.testing.assert_array_equal(back, parts)


@pytest.mark.parametrize("name", ["single", "pair"])
def test_a_number_of_the_only_worker_is_its_own(name, request):
    assert gather(request.getfixturevalue(name), 7) == [7]


def test_pieces_are_joined_replica_by_replica():
    pieces = [[chains(float(10 * r + piece)) for r in range(2)] for piece in range(3)]
    first, second = joined(iter(pieces), 3)
    assert isinstance(first, Chains)
    assert first.ages.numpy().tolist() == [0, 0, 1, 1, 2, 2]
    assert second.ages.numpy().tolist() == [10, 10, 11, 11, 12, 12]
    np.testing.assert_array_equal(second.images[:, 0, 0, 0], second.ages)
    assert first.latents.shape == [0]
    assert joined(iter([]), 0) == []
