"""Hygiene of the replay buffer: poisoned chains leave it, the others know nothing."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.chains import BurnIn, Hygiene, Persistent, Transient
from ebm_tf.energies import gaussian
from ebm_tf.sampling.chains import ChainState, chain_source, is_healthy, no_chains
from ebm_tf.sampling.initialization import started
from ebm_tf.sampling.langevin import LangevinInfo, momentum_langevin, sampler
from tests.slow import first_fast, slow

SEED = tf.constant([6, 7])
SHAPE = (2, 2, 1)
POISONS = [np.nan, np.inf, -np.inf, 1e6, -3e38]
POISONED = [1, 4]
CLEAN = Hygiene()


def images_of(n, seed):
    return tf.random.stateless_uniform([n, *SHAPE], seed, -1.0, 1.0)


def at_rest(n, seed):
    images = images_of(n, seed)
    return started(images)._replace(carry=tf.zeros_like(images))


def moving(n, *, poison=None, slots=POISONED):
    """A buffer of n chains that move, with one pixel of some of them poisoned."""
    images = images_of(n, SEED + 1).numpy()
    if poison is not None:
        images[slots, 0, 1, 0] = poison
    ages = tf.range(3, 3 + n)
    velocities = 0.01 * images_of(n, SEED + 2)
    return started(tf.constant(images))._replace(ages=ages, carry=velocities)


@functools.cache
def visit(batch, jit, **settings):
    """A visit of chains of a Gaussian energy with momentum, compiled once."""
    kernel = momentum_langevin(gaussian(1.0), drift=0.05, noise=0.1, momentum=0.5)
    sample = sampler(lambda _: kernel, jit=False)
    source = chain_source(Persistent(start="noise", num_steps=3, **settings))
    return tf.function(
        lambda state, seed: source(state, sample, at_rest, batch, seed),
        autograph=False,
        jit_compile=jit,
    )


def visits(bank, *, hygiene: Hygiene | None = CLEAN, batch=8, jit=False, **settings):
    """Yields what every visit returns."""
    step = visit(batch, jit, hygiene=hygiene, **settings)
    state = ChainState(bank, tf.constant(0, tf.int64), no_chains())
    for index in itertools.count():
        advance = step(state, tf.random.fold_in(SEED, index))
        yield advance
        state = advance.state


def rows(chains, chosen):
    return tf.nest.map_structure(lambda leaf: leaf.numpy()[chosen], chains)


def assert_same(first, second):
    tf.nest.map_structure(np.testing.assert_array_equal, first, second)


@pytest.mark.parametrize("jit", first_fast(False, True))
@pytest.mark.parametrize("poison", POISONS)
def test_a_poisoned_chain_is_gone_after_its_visit_and_the_others_do_not_know(
    poison, jit
):
    n = 8
    advance = next(visits(moving(n, poison=poison), jit=jit))
    bank, unpoisoned = advance.state.bank, next(visits(moving(n), jit=jit)).state.bank
    others = np.setdiff1d(np.arange(n), POISONED)
    assert_same(rows(bank, others), rows(unpoisoned, others))
    begun = rows(bank, POISONED)
    assert begun.ages.tolist() == [0, 0] and not np.any(begun.carry)
    assert np.all(np.abs(begun.images) <= 1.0) and np.unique(begun.images).size == 8
    assert advance.info.healthy.numpy().sum() == n - len(POISONED)


def test_the_chains_that_are_returned_stay_as_they_are():
    poisoned = moving(8, poison=np.nan)
    clean, as_before = (
        next(visits(poisoned, hygiene=hygiene)) for hygiene in (CLEAN, None)
    )
    assert_same(clean.chains, as_before.chains)
    assert_same(clean.info.step, as_before.info.step)
    broken = np.isnan(clean.chains.images).any((1, 2, 3))
    assert clean.info.healthy.numpy().tolist() == (~broken).tolist()
    assert as_before.info.healthy == ()


@pytest.mark.parametrize(
    ("hygiene", "jit"),
    [
        (CLEAN, False),
        slow(CLEAN, True),
        (Hygiene(max_pixel=5.0), False),
        slow(Hygiene(max_pixel=5.0), True),
    ],
)
def test_nothing_happens_to_a_healthy_bank(hygiene, jit):
    settings = {"batch": 8, "jit": jit, "rejuvenation": 0.3}
    clean, without = (
        itertools.islice(visits(moving(16), hygiene=given, **settings), 5)
        for given in (hygiene, None)
    )
    for first, second in zip(clean, without, strict=True):
        assert_same(first.chains, second.chains)
        assert_same(first.state, second.state)
        assert first.info.healthy.numpy().tolist() == [1.0] * 8


def test_slots_that_are_not_drawn_wait_for_their_visit():
    few = Hygiene(max_energy_deviation=None)  # of three the deviation tells nothing
    lives = visits(moving(12, poison=np.nan), batch=3, hygiene=few)
    remaining, replaced = [2], []
    for advance in itertools.islice(lives, 20):
        remaining.append(int(np.isnan(advance.state.bank.images).any((1, 2, 3)).sum()))
        replaced.append(int(np.sum(1.0 - advance.info.healthy.numpy())))
    assert remaining[-1] == 0 and sum(replaced) == 2
    np.testing.assert_array_equal(-np.diff(remaining), replaced)


def test_a_start_that_is_broken_is_replaced_by_one_of_another_key():
    """Here that one is broken too, so that the next visit finds it again."""
    used = []

    def initialize(n, seed):
        used.append(tuple(seed.numpy()))
        return started(tf.fill([n, 1, 1, 1], np.nan))

    def stay(chains, num_steps, seed, *, start=0):
        del num_steps, start
        used.append(tuple(seed.numpy()))
        nothing = tf.zeros(chains.images.shape[:1])
        return chains, LangevinInfo(nothing, nothing)

    settings = Persistent(start="noise", rejuvenation=1.0, hygiene=CLEAN)
    bank = started(tf.zeros([4, 1, 1, 1]))
    state = ChainState(bank, tf.constant(0), no_chains())
    advance = chain_source(settings)(state, stay, initialize, 4, SEED)
    assert len(set(used)) == 3
    assert advance.info.healthy.numpy().tolist() == [0.0] * 4
    assert advance.info.reinitialised.numpy().tolist() == [1.0] * 4


@pytest.mark.parametrize(
    "settings",
    [
        Transient(start="noise", num_steps=2),
        BurnIn(start="noise", num_steps=2, burn_in_steps=2, burn_in_visits=1),
    ],
)
def test_other_chains_are_not_judged(settings):
    kernel = momentum_langevin(gaussian(1.0), drift=0.05, noise=0.1, momentum=0.5)
    sample = sampler(lambda _: kernel, jit=False)
    state = ChainState(moving(6), tf.constant(0, tf.int64), moving(6))
    info = chain_source(settings)(state, sample, at_rest, 4, SEED).info
    assert info.healthy == ()


def healthy_by_energy(energies, most: float | None = 10.0, *, jit=False):
    """Whether chains of healthy images are healthy, by their energies."""
    images = tf.zeros([len(energies), *SHAPE])
    settings = Hygiene(max_energy_deviation=most)
    judge = tf.function(
        lambda energies: is_healthy(settings, images, energies),
        autograph=False,
        jit_compile=jit,
    )
    return judge(tf.constant(energies, tf.float32)).numpy().tolist()


@pytest.mark.parametrize("jit", first_fast(False, True))
@pytest.mark.parametrize("n", [1, 2, 7, 8, 101])
@pytest.mark.parametrize("num_broken", [0, 1, 3])
def test_energies_are_judged_as_by_numpy(n, num_broken, jit):
    energies = np.random.default_rng(n).standard_cauchy(n) * 50.0 - 1000.0
    deviations = np.abs(energies - np.median(energies))
    expected = deviations <= 3.0 * (1.4826 * np.median(deviations) + 1e-3)
    assert n < 100 or 5 < np.sum(~expected) < 50
    broken = [np.nan, np.inf, -np.inf][:num_broken]
    judged = healthy_by_energy([*broken, *energies], 3.0, jit=jit)
    assert judged == [False] * num_broken + expected.tolist()


@pytest.mark.parametrize("level", [0.0, -7.5, 3e7])
def test_equal_energies_are_no_outliers_and_others_among_them_are(level):
    assert healthy_by_energy([level] * 5) == [True] * 5
    nearly = np.nextafter(np.float32(level), np.float32(np.inf))
    assert healthy_by_energy([level] * 5 + [nearly]) == [True] * 6
    far = level + 1e-4 * (1 + abs(level))
    assert healthy_by_energy([level] * 5 + [far]) == [True] * 5 + [False]
    assert healthy_by_energy([level] * 5 + [far], None) == [True] * 6


def test_energies_none_of_which_is_a_number():
    assert healthy_by_energy([np.nan, np.inf, -np.inf]) == [False] * 3
    assert healthy_by_energy([np.nan, np.inf, 2.0]) == [False, False, True]
    assert healthy_by_energy([np.nan, 2.0], None) == [False, True]


def test_energies_whose_distance_is_too_large_for_a_float():
    energies = [-3e38, 3e38, 3e38, 3e38]
    assert healthy_by_energy(energies) == [False, True, True, True]
    assert healthy_by_energy([3e38, 3e38]) == [True, True]


def test_pixels_have_a_bound_of_their_own():
    images = tf.constant([0.5, 2.0, -2.0, 2.1, -9.0, np.nan])[:, None, None, None]
    images = tf.concat([images, tf.zeros_like(images)], 2)
    energies = tf.zeros([6])
    bounded = is_healthy(Hygiene(max_pixel=2.0), images, energies)
    assert bounded.numpy().tolist() == [True] * 3 + [False] * 3
    free = is_healthy(Hygiene(), images, energies)
    assert free.numpy().tolist() == [True] * 5 + [False]
