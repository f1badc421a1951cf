"""Chains that count for learning once they are old."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.chains import BurnIn
from ebm_tf.protocols import Chains
from ebm_tf.sampling.chains import ChainState, chain_source
from tests.sampling.test_chain_sources import SEED, count_steps, zeros


def visits(settings, batch, *, young=None, bank=None, first=1):
    """Yields what every visit returns; the banks are as large as the batch."""
    source = chain_source(settings)

    def initialize(n, seed):
        return zeros(n, seed)

    step = tf.function(
        lambda state, seed: source(state, count_steps, initialize, batch, seed),
        autograph=False,
    )
    state = ChainState(
        bank or zeros(batch, SEED),
        tf.constant(first, tf.int64),
        young or zeros(batch, SEED),
    )
    for index in itertools.count():
        advance = step(state, tf.random.fold_in(SEED, index))
        yield advance
        state = advance.state


def burn_in(**settings):
    return BurnIn(start="noise", bank_size=1, burn_in_size=1, **settings)


def test_chains_that_began_together_are_moved_at_every_fourth_visit():
    settings = burn_in(num_steps=10, burn_in_steps=3, burn_in_visits=3)
    lives = itertools.islice(visits(settings, 4), 12)
    for visit, advance in enumerate(lives, start=1):
        moved = visit % 4 == 0
        assert advance.info.reinitialised.numpy().tolist() == [moved] * 4
        young, bank = advance.state.burn_in, advance.state.bank
        assert young.ages.numpy().tolist() == [visit % 4] * 4
        assert young.images.numpy().ravel().tolist() == [3 * (visit % 4)] * 4
        # Learning uses the chains of the bank, not those that replace them.
        used = 10 * visit if visit <= 4 else 12 + 10 * ((visit - 1) % 4 + 1)
        assert advance.chains.images.numpy().ravel().tolist() == [used] * 4
        expected = 12 if moved else used
        assert bank.images.numpy().ravel().tolist() == [expected] * 4
        assert (
            bank.ages.numpy().tolist()
            == [4 if moved else int(advance.chains.ages[0])] * 4
        )


def test_only_what_is_of_age_is_moved_and_the_banks_are_drawn_apart():
    def numbered(first, ages):
        n = len(ages)
        images = tf.reshape(tf.range(n, dtype=tf.float32) + first, [n, 1, 1, 1])
        return Chains(images, tf.zeros([n, 0]), tf.constant(ages))

    settings = burn_in(num_steps=1, burn_in_steps=1, burn_in_visits=2)
    young = numbered(1000.0, [0, 1, 2, 3] * 5)
    bank = numbered(0.0, [7] * 20)
    advance = next(visits(settings, 8, young=young, bank=bank))
    grown = advance.info.reinitialised.numpy().astype(bool)
    assert 0 < grown.sum() < 8
    after = advance.state.bank.images.numpy().ravel()
    moved_in = after[after >= 1000]
    assert len(moved_in) == grown.sum()
    numbers = (moved_in - 1001).astype(int)  # they were sampled before they moved
    assert all(np.array(young.ages)[numbers] >= 2)
    ages = advance.state.burn_in.ages.numpy()
    begun = np.flatnonzero(advance.state.burn_in.images.numpy().ravel() == 0)
    assert sorted(begun) == sorted(numbers) and not ages[begun].any()
    assert (advance.chains.images.numpy().ravel() < 1000).all()


@pytest.mark.parametrize("first", [0, 5])
def test_ages_are_spread_at_the_beginning_and_where_full_age_changes(first):
    n = 20_000
    settings = burn_in(burn_in_visits=((10, 0), (750, 5)))
    advance = next(visits(settings, n, first=first))
    full_age = 10 if first == 0 else 750
    ages = advance.state.burn_in.ages.numpy() - 1
    assert ages.min() == 0 and ages.max() == full_age - 1
    spread = full_age / np.sqrt(12)
    assert ages.mean() == pytest.approx((full_age - 1) / 2, abs=5 * spread / n**0.5)


def test_ages_go_on_where_full_age_stays():
    settings = burn_in(burn_in_visits=((10, 0), (750, 5)))
    advance = next(visits(settings, 50, first=6))
    assert advance.state.burn_in.ages.numpy().tolist() == [1] * 50


def aged(ages) -> Chains:
    n = len(ages)
    return Chains(tf.zeros([n, 1, 1, 1]), tf.zeros([n, 0]), tf.constant(ages))


def test_golden_pace_of_promotions():
    """128 of 896 drawn chains a step, of age 0 .. 750: 128 / 751 a step.

    Of 751 that are all drawn it is one a step, and exactly so.
    """
    settings = burn_in(num_steps=1, burn_in_steps=1, burn_in_visits=750)
    young = aged(list(range(751)))
    for advance in itertools.islice(visits(settings, 751, young=young), 760):
        assert float(tf.reduce_sum(advance.info.reinitialised)) == 1.0


def test_pace_of_promotions_where_a_part_is_drawn():
    """One of every full_age + 1 drawn chains, whatever the size of the bank."""
    settings = burn_in(num_steps=1, burn_in_steps=1, burn_in_visits=3)
    young = aged([0, 1, 2, 3] * 140)
    lives = itertools.islice(visits(settings, 80, young=young), 400)
    counts = [float(tf.reduce_sum(advance.info.reinitialised)) for advance in lives]
    # A full age of one more or less makes 16 or 27 of them.
    assert np.mean(counts) == pytest.approx(20.0, rel=0.02)
