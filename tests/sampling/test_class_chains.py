"""Chains on E(x, y): each class has a law of its own, and a chain keeps its class."""

import dataclasses
import re
from statistics import NormalDist

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.chains import BurnIn, Persistent
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.parts import MomentumLangevin, Network
from ebm_tf.data.arrays import array_source
from ebm_tf.energies import joint_energy, marginal_energy
from ebm_tf.errors import ConfigError, DataError
from ebm_tf.models.ebm import class_energy
from ebm_tf.protocols import Chains
from ebm_tf.runtime.checkpoints import from_arrays, to_arrays
from ebm_tf.runtime.distribution import Replicas, distributed, joined, local, on_each
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.sampling.chain_runner import EbmSampling, class_order
from ebm_tf.sampling.chains import ChainState, chain_source, no_chains
from ebm_tf.sampling.initialization import started
from ebm_tf.sampling.langevin import langevin, sampler
from tests.runs import measuring, models_of, tiny
from tests.runtime.loops import beginning

SEED = tf.constant([3, 1])
CENTRES = tf.constant([-1.0, 0.0, 1.2])
STDDEV, NOISE = 0.5, 0.2
CLASSIFIER = ClassifierNetwork(architecture="small_cnn", width=2, num_classes=7)


def logits(images):
    """f(x)[y] = -|x - m_y|^2 / 2 s^2 of one pixel."""
    return -tf.square(images[:, 0, 0, :] - CENTRES) / (2 * STDDEV**2)


def kernel(labels):
    def energy(images):
        if isinstance(labels, tuple):
            return marginal_energy(logits(images))
        return joint_energy(logits(images), labels)

    return langevin(energy, drift=NOISE**2 / 2, noise=NOISE)


def test_chains_of_a_class_have_its_mean_and_variance():
    """x' - m = (1 - a)(x - m) + eps z has variance s^2 / (1 - eps^2 / 4 s^2)."""
    n = 30_000
    labels = tf.range(n) % 3
    chains = started(tf.zeros([n, 1, 1, 1]))._replace(labels=labels)
    chains, info = sampler(kernel, jit=False)(chains, 150, SEED)
    variance = STDDEV**2 / (1 - NOISE**2 / (4 * STDDEV**2))
    for label, centre in enumerate(CENTRES.numpy()):
        found = chains.images.numpy().ravel()[labels == label]
        error = 5 * np.sqrt(variance / len(found))
        assert found.mean() == pytest.approx(centre, abs=error)
        assert found.var() == pytest.approx(variance, rel=5 * np.sqrt(6 / n))
    np.testing.assert_array_equal(chains.labels, labels)
    assert info.energy.shape == [n]


def test_chains_without_a_class_mix_the_classes():
    """All from one place, they end in exp(-E(x)), the mixture of all classes."""
    n = 20_000
    begun = started(tf.fill([n, 1, 1, 1], 1.2))
    chains, _ = sampler(kernel, jit=False)(begun, 600, SEED)
    borders = [-0.5, 0.6]
    below = [
        np.mean([NormalDist(m, STDDEV).cdf(border) for m in CENTRES.numpy().tolist()])
        for border in borders
    ]
    found = [np.mean(chains.images < border) for border in borders]
    np.testing.assert_allclose(found, below, atol=0.02)


@pytest.mark.parametrize(
    "settings",
    [
        Persistent(start="noise", num_steps=1, rejuvenation=0.5, burn_in=1),
        BurnIn(start="noise", burn_in_visits=1, num_steps=1, burn_in_steps=1),
    ],
)
def test_a_class_stays_with_its_chain(settings):
    """Latents and velocities name the class as well; all three must agree."""

    def marked(n, seed):
        labels = tf.random.stateless_uniform([n], seed, maxval=3, dtype=tf.int32)
        marks = tf.cast(labels, tf.float32)
        chains = started(tf.zeros([n, 1, 1, 1]), marks[:, None])
        return chains._replace(labels=labels, carry={"mark": marks})

    def stay(chains, num_steps, seed, *, start=0):
        del num_steps, seed, start
        return chains, ()

    banks = marked(12, SEED), marked(12, SEED + 1)
    state = ChainState(banks[0], tf.constant(0, tf.int64), banks[1])
    for visit in range(4):
        advance = chain_source(settings)(state, stay, marked, 5, SEED + visit)
        state = advance.state
        for chains in (advance.chains, state.bank, state.burn_in):
            np.testing.assert_array_equal(chains.labels, chains.latents[:, 0])
            np.testing.assert_array_equal(chains.labels, chains.carry["mark"])
    assert np.any(state.bank.labels != banks[0].labels)


def experiment(**changed):
    given = {"energy": CLASSIFIER, "conditional": True, "num_samples": 40}
    return measuring(tiny(), "none", start="noise", **given | changed)


def sampling(strategy, lanes=1, **changed) -> EbmSampling:
    config, replicas = experiment(**changed), Replicas(strategy, False, lanes)
    with replicas.strategy.scope():
        models = models_of(config)
    return EbmSampling(config, replicas, models, None)


GREYS = np.repeat([40, 160, 220], 4)  # one level of grey a class, four images of each
UNLABELLED = np.full(12, -1)


def gaussian_starts(strategy, labels, n: int, **changed) -> np.ndarray:
    """The mean of each chain of n begun from images of three greys."""
    config = experiment(**changed)
    config = dataclasses.replace(config, start="class_gaussian")
    images = np.broadcast_to(GREYS[:, None, None, None], [12, 8, 8, 1])
    source = array_source(
        images.astype(np.uint8), labels, name="greys", split="all", origin="a test"
    )
    chains = EbmSampling(config, Replicas(strategy, False), models_of(config), source)
    found = chains.start(tf.zeros([0]), tf.constant(0))(n, SEED)
    return np.mean(found.images, axis=(1, 2, 3))


def test_chains_without_classes_begin_from_those_of_the_data(one_replica):
    """Each class in turn; images without a label are one class."""
    greys = np.array([40, 160, 220]) / 127.5 - 1
    network = {"energy": Network(width=4), "conditional": False}
    labels = np.repeat([2, 5, 7], 4)
    found = gaussian_starts(one_replica, labels, 9, **network)
    np.testing.assert_allclose(found, np.tile(greys, 3), atol=0.01)
    found = gaussian_starts(one_replica, UNLABELLED, 500, **network)
    assert found.mean() == pytest.approx(greys.mean(), abs=0.1)
    assert found.std() == pytest.approx(greys.std(), rel=0.2)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (np.repeat([0, 1, 3], 4), 4, "greys has none of [2]"),
        (np.where(np.arange(12) < 9, np.arange(12) % 3, -1), 3, "without a label"),
    ],
)
def test_chains_with_classes_begin_from_images_of_each(
    labels, classes, message, one_replica
):
    classifier = dataclasses.replace(CLASSIFIER, num_classes=classes)
    with pytest.raises(DataError, match=re.escape(message)):
        gaussian_starts(one_replica, labels, 3, energy=classifier)


def bank_of(chains: EbmSampling, num_batches: int) -> list[Chains]:
    begin = on_each(chains.replicas, chains.begin)
    draws = chains.draws(Purpose.BANK, num_batches)
    parts = (local(chains.replicas, begin(*draw)) for draw in draws)
    return joined(parts, num_batches)


def test_classes_are_balanced_however_the_work_is_divided(two_replicas, one_replica):
    """Chain i of all has the class i mod 7, although batches are of 20 and of 10."""
    for strategy, batch in ((two_replicas, 20), (one_replica, 20), (two_replicas, 10)):
        chains = sampling(strategy, batch=batch)
        parts = [bank.labels.numpy() for bank in bank_of(chains, 2)]
        rows = [part.reshape(2, -1) for part in parts]
        labels = np.concatenate(rows, 1).ravel()
        np.testing.assert_array_equal(labels, np.arange(2 * batch) % 7)


@pytest.mark.parametrize("conditional", [True, False])
def test_chains_in_lanes_are_the_same(conditional, one_replica):
    found = []
    for lanes in (1, 2):
        keras.utils.set_random_seed(3)
        chains = sampling(one_replica, lanes, conditional=conditional)
        (bank,) = bank_of(chains, 1)
        found.append(chains.sample(bank, 3, SEED))
    tf.nest.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), *found
    )


def test_new_chains_of_learning_have_all_classes(one_replica):
    initialize = sampling(one_replica).initializer(tf.zeros([0]))
    labels = [initialize(3, SEED + n).labels.numpy() for n in range(60)]
    assert all(len(set(some)) == 3 for some in labels)
    assert min(np.bincount(np.ravel(labels))) > 10


def test_pictures_show_class_after_class():
    labels = np.array([2, 0, 1, 0, 2])
    assert class_order(labels).tolist() == [1, 3, 2, 0, 4]
    np.testing.assert_array_equal(labels[class_order(())], labels)


def test_the_energy_of_chains_is_that_of_their_class(one_replica):
    chains = sampling(one_replica)
    images = tf.random.stateless_uniform([7, 8, 8, 1], SEED, -1.0, 1.0)
    marginal = chains.models.energy(images, training=False)
    of_class = class_energy(chains.models.energy)
    joint = [of_class(tf.fill([7], label))(images)[:, 0] for label in range(7)]
    total = -tf.reduce_logsumexp(-tf.stack(joint, 1), 1)
    np.testing.assert_allclose(total, marginal[:, 0], rtol=1e-5)
    labels = tf.range(7)
    step = chains.kernel(labels)
    _, info = step.step(step.init(images)[0], SEED)
    expected = tf.linalg.diag_part(tf.stack(joint, 1)) / chains.config.temperature
    np.testing.assert_allclose(info.energy, expected, rtol=1e-5)


def test_a_checkpoint_keeps_classes_and_velocities(two_replicas):
    langevin = MomentumLangevin(noise=0.1, momentum=0.5)
    chains = sampling(two_replicas, langevin=langevin)
    count = tf.constant(3, tf.int64)
    states = [
        ChainState(chains.sample(bank, 2, SEED)[0], count, chains.no_chains)
        for bank in bank_of(chains, 2)
    ]
    position = beginning(distributed(chains.replicas, states))
    arrays = {
        name: np.asarray(value)
        for name, value in to_arrays(position, {}, chains.replicas)
    }
    structure = ChainState(chains.no_chains, tf.zeros([]), chains.no_chains)
    again = from_arrays(3, arrays, {}, structure, chains.replicas)
    for state, expected in zip(
        local(chains.replicas, again.state), states, strict=True
    ):
        tf.nest.map_structure(np.testing.assert_array_equal, state, expected)
        assert state.bank.labels.shape == [20] and np.any(state.bank.carry != 0)
    size = 4 * (2 * 64 + 2)  # image and velocity, class and age
    assert chains.chain_bytes == size


def test_chains_with_nothing_more_have_the_leaves_that_they_had(one_replica):
    """So that checkpoints of earlier versions open."""
    plain = sampling(one_replica, energy=Network(width=2), conditional=False)
    (bank,) = bank_of(plain, 1)
    for chains in (bank, plain.no_chains, no_chains()):
        assert [leaf.dtype for leaf in tf.nest.flatten(chains)] == [
            tf.float32,
            tf.float32,
            tf.int32,
        ]
    assert plain.chain_bytes == 4 * 65


def test_classes_need_a_classifier(one_replica):
    with pytest.raises(ConfigError, match="an energy that is a classifier"):
        sampling(one_replica, energy=Network(width=2))
