"""Drawing from a bank, writing to it, and choosing between chains."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.chains import BurnIn, Persistent, Transient
from ebm_tf.energies import gaussian
from ebm_tf.protocols import Chains
from ebm_tf.sampling.chains import (
    ChainState,
    bank_sizes,
    chain_source,
    choose,
    draw,
    is_due,
    put,
)
from ebm_tf.sampling.initialization import noise_start
from ebm_tf.sampling.langevin import langevin, sampler

SEED = tf.constant([4, 5])


def numbered(numbers, latent_size=2):
    """Chains all of whose fields are their number."""
    numbers = tf.constant(numbers, tf.int32)
    values = tf.cast(numbers, tf.float32)
    images = tf.tile(values[:, None, None, None], [1, 2, 2, 1])
    latents = tf.tile(values[:, None], [1, latent_size])
    return Chains(images, latents, numbers)


def assert_numbers(chains, numbers):
    expected = numbered(numbers, chains.latents.shape[1])
    tf.nest.map_structure(np.testing.assert_array_equal, chains, expected)


@pytest.mark.parametrize("n", [1, 5, 12])
def test_draws_are_distinct_and_whole(n):
    chains, slots = draw(numbered(range(12)), n, SEED)
    assert slots.shape == (n,) and len(set(slots.numpy().tolist())) == n
    assert_numbers(chains, slots.numpy())


def test_draws_are_uniform():
    num_draws, n, size = 3000, 4, 12
    keys = tf.random.split(SEED, num_draws)
    bank = numbered(range(size))
    slots = tf.map_fn(lambda key: draw(bank, n, key)[1], keys)
    shares = np.bincount(slots.numpy().ravel(), minlength=size) / num_draws
    error = np.sqrt(n / size * (1 - n / size) / num_draws)
    np.testing.assert_allclose(shares, n / size, atol=5 * error)
    np.testing.assert_array_equal(draw(bank, n, keys[0])[1], slots[0])


@pytest.mark.parametrize("latent_size", [0, 2])
def test_put_writes_the_drawn_slots_and_no_others(latent_size):
    bank = numbered(range(6), latent_size)
    written = put(bank, tf.constant([4, 1]), numbered([40, 10], latent_size))
    assert_numbers(written, [0, 10, 2, 3, 40, 5])
    assert_numbers(bank, range(6))


def test_what_is_drawn_and_put_back_leaves_the_bank():
    bank = numbered(range(9))
    chains, slots = draw(bank, 4, SEED)
    assert_numbers(put(bank, slots, chains), range(9))


def test_choose_takes_whole_chains():
    mask = tf.constant([True, False, False, True])
    chosen = choose(mask, numbered([10, 11, 12, 13]), numbered(range(4)))
    assert_numbers(chosen, [10, 1, 2, 13])


def test_a_nan_that_is_not_chosen_does_not_spread():
    poisoned = Chains(
        tf.fill([3, 2, 2, 1], np.nan), tf.fill([3, 2], np.nan), tf.zeros([3], tf.int32)
    )
    mask = tf.constant([False, True, False])
    one = tf.nest.map_structure(lambda leaf: leaf[:1], poisoned)
    for chosen in (
        choose(mask, poisoned, numbered(range(3))),
        put(numbered(range(3)), tf.constant([1]), one),
    ):
        for field in chosen[:2]:
            broken = np.isnan(field.numpy().reshape(3, -1)).all(1)
            assert broken.tolist() == [False, True, False]
            assert np.isfinite(field.numpy()[[0, 2]]).all()


@pytest.mark.parametrize(
    ("max_updates", "expected"),
    [(None, [False] * 4), (2, [False] * 3 + [True]), (0, [False] + [True] * 3)],
)
def test_due_by_age(max_updates, expected):
    due = is_due(tf.range(4), tf.constant(0.0), max_updates, SEED)
    assert due.numpy().tolist() == expected


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_due_by_chance(probability):
    n = 20_000
    due = is_due(tf.zeros([n], tf.int32), tf.constant(probability), None, SEED)
    error = 5 * np.sqrt(probability * (1 - probability) / n)
    assert due.numpy().mean() == pytest.approx(probability, abs=error)


@pytest.mark.parametrize(
    ("bank_size", "replicas", "batch", "slots"),
    [
        (10_000, 1, 128, 9984),
        (15_000, 1, 128, 14_976),
        (20_000, 1, 128, 19_968),
        (25_000, 1, 128, 24_960),
        (1000, 1, 128, 896),
        (10_000, 1, 64, 9984),
        (10_000, 8, 128, 1248),
        (15_000, 8, 128, 1872),
        (1000, 8, 128, 112),
        (100, 1, 100, 100),
    ],
)
def test_bank_sizes_of_a_replica(bank_size, replicas, batch, slots):
    settings = Persistent(start="noise", bank_size=bank_size)
    of_each = batch // replicas
    assert bank_sizes(settings, replicas, of_each) == (slots, 0)
    settings = BurnIn(start="noise", bank_size=3000, burn_in_size=bank_size)
    assert bank_sizes(settings, replicas, of_each).burn_in == slots


def test_transient_chains_have_no_bank():
    assert bank_sizes(Transient(start="noise"), 2, 8) == (0, 0)


@pytest.mark.parametrize(
    "settings",
    [
        Persistent(start="noise", num_steps=2, rejuvenation=0.5, burn_in=2),
        Transient(start="noise", num_steps=2),
        BurnIn(start="noise", num_steps=2, burn_in_steps=2, burn_in_visits=1),
    ],
)
def test_the_key_decides(settings):
    kernel = langevin(gaussian(1.0), drift=0.02, noise=0.2)
    sample = sampler(lambda _: kernel, jit=False)
    initialize = noise_start((2, 2, 1))
    banks = (initialize(6, key) for key in (SEED, SEED + 2))
    state = ChainState(next(banks), tf.constant(0, tf.int64), next(banks))
    first, again, other = (
        chain_source(settings)(state, sample, initialize, 4, key).chains.images
        for key in (SEED, SEED, SEED + 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.intersect1d(first, other).size
    assert np.unique(first).size == first.numpy().size
