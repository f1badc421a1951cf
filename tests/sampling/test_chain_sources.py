"""Where chains live: the life of a chain from visit to visit."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.chains import Persistent, Transient
from ebm_tf.protocols import Chains
from ebm_tf.sampling.chains import ChainState, chain_source, no_chains
from ebm_tf.sampling.langevin import LangevinInfo

SEED = tf.constant([6, 7])


def count_steps(chains, num_steps, seed, *, start=0):
    """A sampler whose images count the steps since their start."""
    del seed, start
    nothing = tf.zeros(chains.images.shape[:1])
    images = chains.images + tf.cast(num_steps, tf.float32)
    return chains._replace(images=images), LangevinInfo(nothing, nothing)


def zeros(n, seed):
    del seed
    return Chains(tf.zeros([n, 1, 1, 1]), tf.zeros([n, 0]), tf.zeros([n], tf.int32))


def visits(settings, batch, *, bank=None, sample=count_steps, initialize=zeros):
    """Yields what every visit returns; the bank is as large as the batch."""
    source = chain_source(settings)
    step = tf.function(
        lambda state, seed: source(state, sample, initialize, batch, seed),
        autograph=False,
    )
    bank = bank or zeros(batch, SEED)
    state = ChainState(bank, tf.constant(0, tf.int64), no_chains())
    for index in itertools.count():
        advance = step(state, tf.random.fold_in(SEED, index))
        yield advance
        state = advance.state


def nth(iterator, index):
    return next(itertools.islice(iterator, index, None))


def persistent(**settings):
    return Persistent(start="noise", bank_size=1, **settings)


def test_without_chance_chains_are_begun_anew_at_every_fourth_visit():
    lives = itertools.islice(visits(persistent(num_steps=5, max_updates=2), 3), 13)
    for visit, advance in enumerate(lives, start=1):
        assert advance.info.reinitialised.numpy().tolist() == [visit % 4 == 0] * 3
        assert advance.chains.ages.numpy().tolist() == [visit % 4] * 3
        since = visit if visit < 4 else visit % 4 + 1
        np.testing.assert_array_equal(
            advance.chains.images[:, 0, 0, 0], [5 * since] * 3
        )
        assert int(advance.state.num_updates) == visit


def test_ages_under_chance_and_cap():
    n = 20_000
    advance = nth(
        visits(persistent(num_steps=5, rejuvenation=0.5, max_updates=2), n), 15
    )
    shares = np.bincount(advance.chains.ages.numpy()) / n
    np.testing.assert_allclose(
        shares, np.array([8, 4, 2, 1]) / 15, atol=5 * 0.5 / n**0.5
    )
    lives = advance.chains.images.numpy().ravel() / 5
    np.testing.assert_array_equal(lives, advance.chains.ages + 1)
    assert lives.mean() == pytest.approx(1.7333, abs=5 * 0.93 / n**0.5)
    begun = advance.info.reinitialised.numpy()
    assert begun.mean() == pytest.approx(8 / 15, abs=5 * 0.5 / n**0.5)


def test_ages_without_cap_are_geometric():
    n = 20_000
    advance = nth(visits(persistent(num_steps=1, rejuvenation=0.2), n), 80)
    lives = advance.chains.images.numpy()
    assert lives.mean() == pytest.approx(5.0, abs=5 * 4.47 / n**0.5)


def test_a_visit_writes_back_what_it_drew_and_nothing_else():
    bank = Chains(
        tf.reshape(tf.range(100.0, 900.0, 100.0), [8, 1, 1, 1]),
        tf.zeros([8, 0]),
        tf.zeros([8], tf.int32),
    )
    advance = next(visits(persistent(num_steps=3), 3, bank=bank))
    before, after = (
        bank.images.numpy().ravel(),
        advance.state.bank.images.numpy().ravel(),
    )
    visited = before != after
    assert visited.sum() == 3
    np.testing.assert_array_equal(after - before, 3.0 * visited)
    np.testing.assert_array_equal(advance.state.bank.ages, visited)
    moved = advance.chains.images.numpy().ravel()
    np.testing.assert_array_equal(np.sort(moved), after[visited])


def test_burn_in_moves_only_what_was_just_begun_anew():
    settings = persistent(num_steps=5, rejuvenation=0.5, burn_in=70)
    before, after = itertools.islice(visits(settings, 200), 3, 5)
    begun = after.info.reinitialised.numpy().astype(bool)
    assert 50 < begun.sum() < 150
    now, slots = (np.sort(a.state.bank.images.numpy().ravel()) for a in (after, before))
    fresh = after.chains.images.numpy().ravel()[begun]
    np.testing.assert_array_equal(fresh, [75.0] * begun.sum())
    kept = after.chains.images.numpy().ravel()[~begun]
    assert set(kept) <= set(slots + 5.0)
    np.testing.assert_array_equal(now, np.sort(np.concatenate([fresh, kept])))


@pytest.mark.parametrize("jit", [False, True])
def test_burn_in_costs_nothing_where_no_chain_is_due(jit):
    moved = []

    def sample(chains, num_steps, seed, *, start=0):
        moved.append(num_steps)
        return count_steps(chains, num_steps, seed, start=start)

    settings = persistent(num_steps=5, max_updates=1, burn_in=70)
    source = chain_source(settings)

    @tf.function(jit_compile=jit, autograph=False)
    def steps_of_a_visit(bank):
        moved.clear()
        state = ChainState(bank, tf.constant(0, tf.int64), no_chains())
        source(state, sample, zeros, 4, SEED)
        return tf.stack(moved)

    young = zeros(4, SEED)
    old = young._replace(ages=tf.constant([0, 2, 0, 0]))
    assert steps_of_a_visit(young).numpy().tolist() == [0, 5]
    assert steps_of_a_visit(old).numpy().tolist() == [70, 5]


def test_schedules_switch_at_their_update():
    settings = persistent(
        num_steps=((3, 0), (5, 2)),
        rejuvenation=((0.0, 0), (1.0, 3)),
        burn_in=((0, 0), (70, 4)),
    )
    lives = itertools.islice(visits(settings, 2), 6)
    images = [float(advance.chains.images[0, 0, 0, 0]) for advance in lives]
    assert images == [3.0, 6.0, 11.0, 5.0, 75.0, 75.0]


def test_kept_chains_keep_their_latents():
    def initialize(n, seed):
        latents = tf.random.stateless_normal([n, 1], seed)
        return Chains(latents[:, None, None], latents, tf.zeros([n], tf.int32))

    def stay(chains, num_steps, seed):
        return count_steps(chains, 0, seed)

    settings = persistent(rejuvenation=0.5)
    bank = initialize(40, SEED)
    parts = {"sample": stay, "initialize": initialize, "bank": bank}
    for advance in itertools.islice(visits(settings, 20, **parts), 4):
        for chains in (advance.chains, advance.state.bank):
            np.testing.assert_array_equal(chains.images[:, 0, 0], chains.latents)
    assert len(np.intersect1d(bank.latents, advance.state.bank.latents)) not in (0, 40)


def test_a_broken_start_does_not_reach_chains_that_go_on():
    def broken(n, seed):
        return zeros(n, seed)._replace(images=tf.fill([n, 1, 1, 1], np.nan))

    lives = visits(persistent(rejuvenation=0.5, burn_in=1), 100, initialize=broken)
    advance = next(lives)
    broken_chains = np.isnan(advance.chains.images.numpy().ravel())
    np.testing.assert_array_equal(broken_chains, advance.info.reinitialised)


def test_transient_chains_are_begun_anew_and_leave_no_trace():
    settings = Transient(start="noise", num_steps=((4, 0), (6, 1)))
    lives = itertools.islice(visits(settings, 3, bank=no_chains()), 3)
    for update, advance in enumerate(lives):
        steps = 4 if update < 1 else 6
        assert advance.chains.images.numpy().ravel().tolist() == [steps] * 3
        assert advance.chains.ages.numpy().tolist() == [0] * 3
        assert advance.info.reinitialised.numpy().tolist() == [1.0] * 3
        assert int(advance.state.num_updates) == update + 1
        assert advance.state.bank.images.shape == (0,)


def test_every_consumer_has_a_key_of_its_own():
    used = [SEED]

    def sample(chains, num_steps, seed, *, start=0):
        used.append(seed)
        return count_steps(chains, num_steps, seed, start=start)

    def initialize(n, seed):
        used.append(seed)
        return zeros(n, seed)

    source = chain_source(persistent(rejuvenation=0.5, burn_in=1))
    state = ChainState(zeros(4, SEED), tf.constant(0), no_chains())
    source(state, sample, initialize, 4, SEED)
    assert len({tuple(key.numpy()) for key in used}) == 4
