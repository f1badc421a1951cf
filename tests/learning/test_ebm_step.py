"""The whole learning step: chains, noise on data, updates, randomness."""

import math

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.chains import Hygiene, Persistent, Transient
from ebm_tf.energies import gaussian, network, tempered, total
from ebm_tf.learning.ebm import (
    EbmBatch,
    contrastive_update,
    cooperative_update,
    make_step,
)
from ebm_tf.learning.optimization import averaged
from ebm_tf.models.latents import standard_normal
from ebm_tf.protocols import Chains
from ebm_tf.runtime.distribution import Replicas, distributed, local, replicated
from ebm_tf.sampling.chains import ChainState, chain_source, no_chains
from ebm_tf.sampling.initialization import generator_start, noise_start
from ebm_tf.sampling.langevin import langevin, sampler
from tests.learning.small_networks import (
    SEED,
    SHAPE,
    affine_generator,
    descending,
    quadratic,
    scalars,
)

NOISE, TEMPERATURE = 0.3, 0.5
Settings = Persistent | Transient
TRANSIENT = Transient(start="noise", num_steps=3)
NOTHING = tf.zeros([0])


def quadratic_step(task, settings: Settings = TRANSIENT, *, tau=None, **parts):
    """A step of an energy of 2x2 pixels whose chains start from noise."""
    energy = tempered(network(task.model), TEMPERATURE)
    energy = energy if tau is None else total(energy, gaussian(tau))
    kernel = langevin(energy, drift=NOISE**2 / 2, noise=NOISE)
    defaults = {
        "initializer": lambda _: noise_start(SHAPE),
        "positives": lambda batch, _: batch.images,
        "temperature": TEMPERATURE,
        "data_epsilon": 0.0,
    }
    sample = sampler(lambda _: kernel, jit=False)
    return make_step(task, chain_source(settings), sample, **(defaults | parts))


def normal_data(count, stddev=0.5):
    """Pixels with exactly this deviation and no mean."""
    pixels = np.random.default_rng(0).normal(size=(count, *SHAPE))
    pixels = (pixels - pixels.mean()) / pixels.std() * stddev
    return tf.constant(pixels, tf.float32)


def begin(size=0):
    """A bank of chains at 0."""
    bank = Chains(
        tf.zeros([size, *SHAPE]), tf.zeros([size, 0]), tf.zeros([size], "int32")
    )
    return ChainState(bank, tf.constant(0, tf.int64), no_chains())


def learn(
    strategy,
    num_updates,
    *,
    seed=SEED,
    settings: Settings = TRANSIENT,
    size=64,
    rate=0.1,
):
    """Learns from normal data on all replicas; (task, metrics, last chains)."""
    replicas = Replicas(strategy, jit=False)
    with strategy.scope():
        task = descending(quadratic, rate, average_decay=0.98)
    run = replicated(replicas, quadratic_step(task, settings))
    data = tf.split(normal_data(size * replicas.count), replicas.count)
    batch = distributed(replicas, [EbmBatch(part, NOTHING) for part in data])
    state, records = distributed(replicas, [begin(size)] * replicas.count), []
    for update in range(num_updates):
        state, metrics, chains = run(state, batch, tf.random.fold_in(seed, update))
        records.append(metrics)
    return task, records, [part.images.numpy() for part in local(replicas, chains)]


def test_learning_finds_the_stiffness_whose_chains_have_the_variance_of_data(
    two_replicas,
):
    """The discretised chain, not the continuous one, has the variance of the data."""
    settings = Persistent(start="noise", bank_size=512, num_steps=10, rejuvenation=0.02)
    task, records, _ = learn(two_replicas, 300, settings=settings, size=128, rate=0.2)
    contraction = math.sqrt(1.0 - NOISE**2 / 0.5**2)
    stiffness = (1.0 - contraction) * 2.0 * TEMPERATURE / NOISE**2
    continuous = TEMPERATURE / 0.5**2
    assert stiffness - continuous == pytest.approx(0.22, abs=0.01)
    learned_stiffness, slope = scalars(averaged(task))
    assert learned_stiffness == pytest.approx(stiffness, abs=0.08)
    assert slope == pytest.approx(0.0, abs=0.1)
    late = [abs(metrics["energy_difference"]) for metrics in records[-100:]]
    assert abs(records[0]["energy_difference"]) > 2 * np.mean(late)
    assert all(math.isfinite(v) for metrics in records for v in metrics.values())


@pytest.mark.slow
def test_equal_seeds_learn_the_same_bits_and_others_do_not(two_replicas):
    first, again, other = (
        learn(two_replicas, 3, seed=seed) for seed in (SEED, SEED, SEED + 1)
    )
    assert first[1] == again[1] and scalars(first[0].model) == scalars(again[0].model)
    np.testing.assert_array_equal(first[2], again[2])
    assert scalars(first[0].model) != scalars(other[0].model)


def test_replicas_with_equal_chains_draw_different_noise(two_replicas):
    settings = Persistent(start="noise", bank_size=8, num_steps=1)
    _, _, (first, second) = learn(two_replicas, 1, settings=settings, size=4)
    assert np.unique(np.concatenate([first, second])).size == 2 * first.size


def test_only_the_energy_of_data_and_chains_moves_the_weights():
    """Neither the way of the chains nor the Gaussian factor enters the gradient."""
    task, plain = descending(quadratic, 0.1), descending(quadratic, 0.1)
    data = normal_data(6)
    step = quadratic_step(task, tau=0.2)
    state, metrics, chains = step(begin(), EbmBatch(data, NOTHING), SEED)
    expected = contrastive_update(plain, data, chains.images, TEMPERATURE)
    np.testing.assert_allclose(scalars(task.model), scalars(plain.model), rtol=1e-6)
    assert scalars(task.model)[0] != 1.0
    for name, value in expected.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-5)
    assert int(state.num_updates) == 1
    assert float(metrics["rejuvenated"]) == 1.0 and float(metrics["age"]) == 0.0


def test_the_share_of_unhealthy_chains_is_told_with_hygiene():
    settings = [
        Persistent(start="noise", bank_size=8, num_steps=1, hygiene=hygiene)
        for hygiene in (Hygiene(max_pixel=5.0), None)
    ]
    state = begin(8)
    far = tf.tensor_scatter_nd_update(
        state.bank.images, [[3]], tf.fill([1, *SHAPE], 9.0)
    )
    state = state._replace(bank=state.bank._replace(images=far))
    batch = EbmBatch(normal_data(8), NOTHING)
    told, untold = (
        quadratic_step(descending(quadratic, 0.1), chosen)(state, batch, SEED)
        for chosen in settings
    )
    assert float(told[1].pop("unhealthy")) == 1 / 8
    for name in ("rejuvenated", "age", "energy_data"):
        assert told[1][name] == untold[1][name]
    assert told[1]["drift_norm"] < untold[1]["drift_norm"]  # of the healthy ones
    assert told[1]["energy_samples"] < untold[1]["energy_samples"]
    np.testing.assert_array_equal(told[2].images, untold[2].images)
    assert float(tf.reduce_max(told[0].bank.images)) < 5.0
    assert float(tf.reduce_max(told[2].images)) > 5.0


def test_noise_of_its_deviation_is_added_to_data_alone():
    data, epsilon = tf.zeros([2000, *SHAPE]), 0.1
    step = quadratic_step(descending(quadratic, 0.0), data_epsilon=epsilon)
    _, metrics, chains = step(begin(), EbmBatch(data, NOTHING), SEED)
    expected = 4 * epsilon**2 / 2 / TEMPERATURE
    assert float(metrics["energy_data"]) == pytest.approx(expected, rel=5 / 63)
    clean = quadratic_step(descending(quadratic, 0.0))
    _, without, clean_chains = clean(begin(), EbmBatch(data, NOTHING), SEED)
    assert float(without["energy_data"]) == 0.0
    np.testing.assert_array_equal(chains.images, clean_chains.images)
    assert float(metrics["energy_samples"]) == float(without["energy_samples"])


def test_data_can_be_made_with_a_key_of_its_own():
    seen = []

    def positives(batch, seed):
        seen.append(seed)
        return tf.random.stateless_normal([5, *SHAPE], seed)

    step = quadratic_step(descending(quadratic, 0.1), positives=positives)
    batch = EbmBatch(NOTHING, NOTHING)
    _, _, chains = step(begin(), batch, SEED)
    step(begin(), batch, SEED + 1)
    assert chains.images.shape == (5, *SHAPE)
    assert np.any(seen[0] != seen[1])


def test_the_generator_learns_from_refined_chains_after_the_energy():
    generator, energy = (
        descending(affine_generator, 0.1),
        descending(lambda: quadratic(shape=(4, 4, 3)), 0.1),
    )

    def update(chains):
        assert scalars(energy.model)[0] != 1.0
        return cooperative_update(generator, chains, training=False)

    start = generator_start(generator.model, standard_normal(3))
    step = quadratic_step(energy, initializer=lambda _: start, update_generator=update)
    batch = EbmBatch(tf.ones([2, 4, 4, 3]), NOTHING)
    _, metrics, chains = step(begin(), batch, SEED)
    # The images were 0 when the chains began.
    moved = float(tf.reduce_sum(chains.images**2)) / 2
    assert moved > 0.1
    assert float(metrics["generator_loss"]) == pytest.approx(moved, rel=1e-5)
    assert np.abs(scalars(generator.model)).max() > 0.0
