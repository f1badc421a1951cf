"""The loop over kernels: a chain is the same chain however it is run."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.kernels import Kernel, iterate, pull_back, there_and_back, trace

SEED = tf.constant([5, 6])


def random_walk() -> Kernel:
    """A position with its number of steps; the info is the key of the step."""

    def init(position):
        return (position, tf.constant(0)), tf.zeros([2], tf.int32)

    def step(state, seed):
        position, count = state
        moved = position + tf.random.stateless_normal(position.shape, seed)
        return (moved, count + 1), seed

    return Kernel(init, step)


def walk(num_steps, seed=SEED, *, start=0, state=None, info=None):
    if state is None:
        state, info = random_walk().init(tf.zeros([3]))
    return iterate(random_walk(), state, info, num_steps, seed, start=start)


def assert_same(first, second):
    tf.nest.map_structure(np.testing.assert_array_equal, first, second)


def test_every_step_is_run_once():
    (_, count), _ = walk(7)
    assert int(count) == 7


def test_a_chain_stops_where_it_is_told_to():
    state, info = random_walk().init(tf.zeros([3]))
    stopped = iterate(
        random_walk(), state, info, 10, SEED, until=lambda state: state[1] >= 4
    )
    assert_same(stopped, walk(4))
    held = iterate(random_walk(), *stopped, 10, SEED, until=lambda _: tf.constant(True))
    assert_same(held, stopped)


@pytest.mark.parametrize("cuts", [[4, 6], [1, 1, 8], [0, 10], [9, 0, 1]])
def test_a_chain_in_pieces_is_the_same_chain(cuts):
    whole = walk(10)
    state, info, start = None, None, 0
    for num_steps in cuts:
        state, info = walk(num_steps, start=start, state=state, info=info)
        start += num_steps
    assert_same((state, info), whole)


def test_a_piece_that_forgets_its_place_is_another_chain():
    state, info = walk(5)
    (position, _), _ = walk(5, state=state, info=info)
    assert np.all(position != walk(10)[0][0])


@pytest.mark.parametrize("start", [0, 100])
def test_the_key_of_a_step_is_folded_with_its_absolute_index(start):
    _, key = walk(3, start=start)
    np.testing.assert_array_equal(key, tf.random.fold_in(SEED, start + 2))


def test_no_steps_change_nothing():
    state, info = (tf.ones([3]), tf.constant(4)), tf.constant([7, 8])
    assert_same(walk(0, state=state, info=info), (state, info))


def test_the_number_of_steps_may_be_known_late():
    graph = tf.function(walk, autograph=False)
    for num_steps in (3, 6):
        assert_same(graph(tf.constant(num_steps)), walk(num_steps))
    assert graph.experimental_get_tracing_count() == 1


def test_equal_keys_give_equal_bits_and_others_do_not():
    assert_same(walk(4), walk(4))
    (position, _), _ = walk(4)
    (other, _), _ = walk(4, tf.constant([5, 7]))
    assert np.all(position != other)


@pytest.mark.parametrize(("every", "start"), [(1, 0), (3, 0), (2, 11)])
def test_a_trace_records_what_iterate_gives(every, start):
    kernel = random_walk()
    begun = kernel.init(tf.zeros([3]))
    state, info, records = trace(kernel, *begun, 4, SEED, every=every, start=start)
    pieces = [walk(every * n, start=start) for n in range(1, 5)]
    assert_same((state, info), pieces[-1])
    assert_same(records, tf.nest.map_structure(lambda *parts: tf.stack(parts), *pieces))


def bent_walk() -> Kernel:
    """A curved step whose slope depends on the noise of the step."""

    def step(state, seed):
        noise = tf.random.stateless_normal(state.shape, seed)
        return tf.sin(state * (1.0 + 0.5 * noise)) + 0.1 * tf.reduce_sum(state), ()

    return Kernel(lambda position: (position, ()), step)


def test_pull_back_is_the_product_of_all_slopes():
    kernel, start = bent_walk(), tf.constant([0.3, -0.2, 0.9])
    weights = tf.constant([1.0, -2.0, 0.5])
    with tf.GradientTape() as tape:
        tape.watch(start)
        end, _ = iterate(kernel, start, (), 5, SEED)
        number = tf.reduce_sum(weights * end)
    expected = tape.gradient(number, start)
    _, _, (moved, _) = trace(kernel, start, (), 5, SEED, stacked=False)
    found = pull_back(kernel, start, moved, weights, SEED)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    other = pull_back(kernel, start, moved, weights, tf.constant([6, 6]))
    assert not np.allclose(other, expected, rtol=1e-2)


@pytest.mark.parametrize("segment", [None, 1, 2, 3, 6])
def test_segments_that_are_made_again_change_no_bit(segment):
    kernel, start = bent_walk(), tf.constant([0.3, -0.2, 0.9])

    def gradient(segment):
        return there_and_back(
            kernel, start, (), 6, SEED, lambda end: 2.0 * end, segment=segment
        )

    with tf.GradientTape() as tape:
        tape.watch(start)
        number = tf.reduce_sum(tf.square(iterate(kernel, start, (), 6, SEED)[0]))
    found = gradient(segment)
    np.testing.assert_allclose(found, tape.gradient(number, start), rtol=1e-5)
    np.testing.assert_array_equal(found, gradient(None))


def test_another_kernel_may_be_differentiated_at_the_states_of_the_first():
    """Forward it walks; back, the slope of each step is 3 at wherever that was."""
    walk, seen = bent_walk(), []

    def triple(state, seed):
        seen.append(state)
        return 3.0 * state, ()

    start = tf.constant([0.3, -0.2, 0.9])
    found = there_and_back(
        walk, start, (), 4, SEED, lambda end: end, back=Kernel(walk.init, triple)
    )
    end, _ = iterate(walk, start, (), 4, SEED)
    np.testing.assert_allclose(found, 81.0 * end, rtol=1e-6)
    before_last, _ = iterate(walk, start, (), 3, SEED)
    np.testing.assert_array_equal(seen[0], before_last)
