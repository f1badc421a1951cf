"""The learning step of a joint model: its energies, its terms, what it learns."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.chains import Hygiene, Persistent, Transient
from ebm_tf.config.joint import JointTerms, SharpnessAware
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.energies import joint_energy, marginal_energy, network
from ebm_tf.learning import joint
from ebm_tf.learning.joint import (
    Energies,
    JointBatch,
    Noise,
    Sampler,
    ascended,
    contrast,
)
from ebm_tf.learning.optimization import Learned, averaged, learned
from ebm_tf.models.ebm import class_energy, with_energy
from ebm_tf.models.ebm import marginal_energy as marginal_model
from ebm_tf.robust_objectives import cross_entropy
from ebm_tf.runtime.distribution import Replicas, distributed, replicated
from ebm_tf.sampling.chains import ChainState, chain_source, no_chains
from ebm_tf.sampling.initialization import data_start, noise_start, started
from ebm_tf.sampling.langevin import langevin, sampler

SEED = tf.constant([3, 4])
SHAPE, CLASSES = (1, 2, 1), 2
RNG = np.random.default_rng(0)
LOGITS = tf.constant(RNG.normal(0, 2, [6, 5]), tf.float32)
LABELS = tf.constant([0, 4, 2, 2, 1, 3], tf.int64)
NOTHING = tf.zeros([0])
NO_NOISE = Noise(0.0, 0.0)


def points_network(units: int = 32, *, normalised: bool = False) -> keras.Model:
    """A classifier of points in the plane, which are images of two pixels."""
    inputs = keras.Input(SHAPE)
    x = keras.layers.Flatten()(inputs)
    for index in range(2):
        x = keras.layers.Dense(units, activation="silu", name=f"dense{index}")(x)
        if normalised:
            x = keras.layers.BatchNormalization(name=f"norm{index}")(x)
    return keras.Model(inputs, keras.layers.Dense(CLASSES, name="logits")(x))


def points_sampler(classifier: Learned, batch: int, noise: float, settings) -> Sampler:
    """Langevin chains on E(x)."""
    energy = network(marginal_model(classifier.model))
    kernel = langevin(energy, drift=noise**2 / 2 or 0.05, noise=noise)

    def initializer(starts):
        return noise_start(SHAPE) if settings.start == "noise" else data_start(starts)

    return Sampler(
        chain_source(settings), sampler(lambda _: kernel, jit=False), initializer, batch
    )


def make_step(classifier, terms, sample=None, *, noise=NO_NOISE, by_batches=False):
    return joint.make_step(
        classifier, terms, sample, temperature=1.0, noise=noise, by_batches=by_batches
    )


def adam(rate: float) -> Learned:
    settings = Optimizer(learning_rate=rate, average_decay=0.0)
    return learned(settings, points_network)


def test_the_posterior_is_the_softmax_of_joint_and_marginal_energies():
    """-log p(y|x) = E(x, y) - E(x), and p(y|x) sums to one."""
    difference = joint_energy(LOGITS, LABELS) - marginal_energy(LOGITS)
    np.testing.assert_allclose(difference, cross_entropy(LOGITS, LABELS), rtol=1e-5)
    joints = [joint_energy(LOGITS, tf.fill([6], label)) for label in range(5)]
    posterior = tf.exp(marginal_energy(LOGITS)[None] - tf.stack(joints))
    np.testing.assert_allclose(tf.reduce_sum(posterior, 0), np.ones(6), rtol=1e-6)


def test_the_gradient_of_the_marginal_is_the_mean_of_those_of_the_joints():
    """d logsumexp f(x) / dx = sum over y of p(y|x) df(x)[y] / dx."""
    model = points_network()
    images = tf.constant(RNG.uniform(-1, 1, [7, *SHAPE]), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(images)
        logits = model(images)
        marginal = tf.reduce_logsumexp(logits, -1)
        parts = tf.unstack(logits, axis=-1)
    posterior = tf.nn.softmax(logits)
    expected = sum(
        posterior[:, y, None, None, None] * tape.gradient(part, images)
        for y, part in enumerate(parts)
    )
    np.testing.assert_allclose(tape.gradient(marginal, images), expected, atol=1e-6)


def test_a_shift_of_all_logits_moves_the_energy_and_not_the_posterior():
    shifted = LOGITS + 3.0
    np.testing.assert_allclose(
        cross_entropy(shifted, LABELS), cross_entropy(LOGITS, LABELS), atol=1e-5
    )
    np.testing.assert_allclose(
        marginal_energy(shifted), marginal_energy(LOGITS) - 3.0, rtol=1e-6
    )


def test_the_terms_by_hand():
    positive = Energies(tf.constant([1.0, 3.0]), tf.constant([2.0, 4.0]))
    negative = Energies(tf.constant([0.0, 1.0]), tf.constant([5.0, 7.0]))
    terms = JointTerms(marginal=2.0, joint=0.5, energy_l2=0.1)
    loss, metrics = contrast(terms, positive, negative, temperature=0.5)
    squares = (4.0 + 36.0) / 2 + (0.0 + 4.0) / 2
    assert float(loss) == pytest.approx(2 * 3.0 + 0.5 * -6.0 + 0.1 * squares)
    assert {name: float(v) for name, v in metrics.items()} == {
        "energy_difference": 3.0,
        "energy_data": 4.0,
        "energy_samples": 1.0,
    }
    only_joint = JointTerms(marginal=0.0, joint=1.0)
    loss, metrics = contrast(only_joint, positive, negative, temperature=0.5)
    assert float(loss) == float(metrics["energy_difference"]) == -6.0


def test_unhealthy_chains_teach_nothing():
    """A chain of NaN leaves the update that the other one alone makes."""
    images, labels = points(8)
    results = []
    for hygiene, poison in ((None, 0.0), (Hygiene(max_energy_deviation=None), np.nan)):
        keras.utils.set_random_seed(5)
        classifier = adam(1e-2)
        settings = Persistent(start="noise", bank_size=2, num_steps=1, hygiene=hygiene)
        broken = np.full_like(images[:1], poison)
        chains = started(tf.constant(np.concatenate([broken, images[1:2]])))
        if hygiene is None:  # the healthy chain twice has the same mean
            chains = started(tf.constant(images[[1, 1]]))
        sample = points_sampler(classifier, 2, 0.0, settings)
        step = make_step(classifier, JointTerms(), sample)
        state = ChainState(chains, tf.constant(0, tf.int64), no_chains())
        state, metrics, _ = step(state, batch_of(images, labels), SEED)
        results.append((float(metrics["loss"]), classifier.model.get_weights()))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-6)
    for first, second in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-7)
    assert float(metrics["unhealthy"]) == 0.5
    assert np.isfinite(state.bank.images).all()


def test_a_classifier_with_energy_is_that_classifier():
    model = points_network()
    both = with_energy(model)
    images = tf.constant(RNG.uniform(-1, 1, [5, *SHAPE]), tf.float32)
    logits, energies = both(images)
    np.testing.assert_array_equal(logits, model(images))
    np.testing.assert_allclose(energies[:, 0], marginal_energy(logits), rtol=1e-6)
    assert [id(v) for v in both.variables] == [id(v) for v in model.variables]
    of_labels = class_energy(marginal_model(model))(tf.constant([0, 1, 0, 1, 1]))
    np.testing.assert_allclose(
        of_labels(images)[:, 0],
        joint_energy(logits, tf.constant([0, 1, 0, 1, 1])),
        rtol=1e-6,
    )


def batch_of(images, labels, positives=(), starts=NOTHING) -> JointBatch:
    return JointBatch(tf.constant(images), tf.constant(labels), positives, starts)


def points(count: int) -> tuple[np.ndarray, np.ndarray]:
    """A mixture: a quarter of class 0 on the left, the rest of class 1."""
    labels = (np.arange(count) % 4 > 0).astype(np.int64)
    centres = np.where(labels, 0.5, -0.5)[:, None] * [1.0, 0.0]
    spread = np.random.default_rng(1).normal(0, 0.25, [count, 2])
    return (centres + spread).reshape(-1, *SHAPE).astype(np.float32), labels


def test_without_chains_a_step_is_one_of_cross_entropy():
    """The baseline: no chain, and the update that Keras makes."""
    images, labels = points(16)
    classifier = learned(
        Optimizer(name="sgd", learning_rate=0.5, average_decay=0.0), points_network
    )
    twin = points_network()
    twin.set_weights(classifier.model.get_weights())
    step = make_step(classifier, JointTerms(marginal=0.0))
    state, metrics, outputs = step((), batch_of(images, labels), SEED)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    twin.compile(keras.optimizers.SGD(0.5), loss)
    assert twin.train_on_batch(images, labels) == pytest.approx(
        float(metrics["loss"]), rel=1e-5
    )
    assert state == () and set(metrics) == {
        "loss",
        "cross_entropy",
        "natural_accuracy",
        "grad_norm",
    }
    np.testing.assert_array_equal(outputs, images)
    for mine, keras_own in zip(
        classifier.model.get_weights(), twin.get_weights(), strict=True
    ):
        np.testing.assert_allclose(mine, keras_own, rtol=1e-4, atol=1e-6)


def test_only_images_with_labels_move_the_statistics():
    """Of a network that normalises by its batches, chains and images of p(x) do not."""
    images, labels = points(16)
    statistics = []
    for terms in (JointTerms(marginal=0.0), JointTerms()):
        keras.utils.set_random_seed(5)
        classifier = learned(
            Optimizer(average_decay=0.0), lambda: points_network(normalised=True)
        )
        sample = points_sampler(classifier, 16, 0.1, Transient(start="noise"))
        step = make_step(
            classifier, terms, sample if terms.marginal else None, by_batches=True
        )
        state = ChainState(no_chains(), tf.constant(0, tf.int64), no_chains())
        step(state, batch_of(images, labels, tf.constant(images[::-1])), SEED)
        statistics.append([v.numpy() for v in classifier.model.non_trainable_variables])
    for first, second in zip(*statistics, strict=True):
        np.testing.assert_array_equal(first, second)
    assert np.abs(statistics[0][0]).max() > 0


def test_two_replicas_make_the_update_of_one(one_replica, two_replicas):
    """Chains that start from data and have no noise are the same on both."""
    images, labels = points(16)
    weights, told = [], []
    for strategy in (one_replica, two_replicas):
        keras.utils.set_random_seed(5)
        replicas, count = Replicas(strategy, jit=False), strategy.num_replicas_in_sync
        with strategy.scope():
            classifier = adam(1e-2)
        settings = Transient(start="data", num_steps=5)
        sample = points_sampler(classifier, 16 // count, 0.0, settings)
        step = make_step(classifier, JointTerms(energy_l2=0.01), sample)
        parts = [
            batch_of(part, label, (), tf.constant(part))
            for part, label in zip(
                np.split(images, count), np.split(labels, count), strict=True
            )
        ]
        state = ChainState(no_chains(), tf.constant(0, tf.int64), no_chains())
        state = distributed(replicas, [state] * count)
        run = replicated(replicas, step)
        for _ in range(3):
            state, metrics, _ = run(state, distributed(replicas, parts), SEED)
        told.append(metrics)
        weights.append(classifier.model.get_weights())
    assert told[0] == pytest.approx(told[1], rel=1e-3, abs=1e-5)
    for first, second in zip(*weights, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_a_mixture_is_learned_with_the_weights_of_its_modes():
    """Two classes in the plane, a quarter left and three right, by the density."""
    images, labels = points(256)
    rates = ((5e-3, 0), (1e-3, 500))
    optimizer = Optimizer(learning_rate=rates, average_decay=0.99, average_warmup=False)
    classifier = learned(optimizer, points_network)
    settings = Persistent(
        start="noise", bank_size=1024, num_steps=20, rejuvenation=0.05, noise_scale=1.5
    )
    sample = points_sampler(classifier, 256, 0.15, settings)
    run = tf.function(make_step(classifier, JointTerms(), sample), autograph=False)
    begun = noise_start(SHAPE, 1.5)(1024, SEED)
    state: object = ChainState(begun, tf.constant(0, tf.int64), no_chains())
    batch = batch_of(images, labels)
    for update in range(800):
        state, metrics, _ = run(state, batch, tf.random.fold_in(SEED, update))
    assert metrics["natural_accuracy"] > 0.95
    side = np.linspace(-1.5, 1.5, 121, dtype=np.float32)
    grid = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape(-1, *SHAPE)
    energies = marginal_energy(averaged(classifier)(grid)).numpy()
    density = np.exp(energies.min() - energies)
    left = density[grid[:, 0, 0, 0] < 0].sum() / density.sum()
    assert left == pytest.approx(np.mean(images[:, 0, 0, 0] < 0), abs=0.06)
    mean = np.average(grid.reshape(-1, 2), axis=0, weights=density)
    np.testing.assert_allclose(mean, images.reshape(-1, 2).mean(0), atol=0.06)


@pytest.mark.parametrize("adaptive", [False, True])
def test_sharpness_aware_weights_lie_as_far_as_they_shall(adaptive):
    weights = [tf.constant([[1.0, -2.0]]), tf.constant([0.5])]
    gradients = [tf.constant([[0.3, 0.1]]), tf.constant([-0.4])]
    moved = ascended(weights, gradients, SharpnessAware(rho=0.5, adaptive=adaptive))
    w, g, found = (
        np.concatenate([np.ravel(part) for part in parts])
        for parts in (weights, gradients, moved)
    )
    scale = np.abs(w) if adaptive else np.ones_like(w)
    np.testing.assert_allclose(
        found - w, 0.5 * scale**2 * g / np.linalg.norm(scale * g), rtol=1e-5
    )
    assert np.linalg.norm((found - w) / scale) == pytest.approx(0.5, rel=1e-5)


def test_sharpness_aware_updates_use_the_gradients_there():
    images, labels = points(16)
    plain, aware = (
        learned(
            Optimizer(name="sgd", learning_rate=1.0, average_decay=0.0), points_network
        )
        for _ in range(2)
    )
    settings, begun = SharpnessAware(rho=0.3, adaptive=False), plain.model.get_weights()
    aware.model.set_weights(begun)
    batch, terms = batch_of(images, labels), JointTerms(marginal=0.0)
    step = joint.make_step(
        aware,
        terms,
        None,
        temperature=1.0,
        noise=NO_NOISE,
        by_batches=False,
        sharpness_aware=settings,
    )
    step((), batch, SEED)
    step = make_step(plain, terms)
    step((), batch, SEED)  # with a rate of 1 the weights moved by the gradients
    gradients = [a - b for a, b in zip(begun, plain.model.get_weights(), strict=True)]
    there = ascended([tf.constant(w) for w in begun], gradients, settings)
    plain.model.set_weights([np.array(w) for w in there])
    step((), batch, SEED)
    moves = zip(there, plain.model.get_weights(), begun, strict=True)
    for new, move in zip(
        aware.model.get_weights(), [(t - p, b) for t, p, b in moves], strict=True
    ):
        np.testing.assert_allclose(new, move[1] - move[0], rtol=1e-3, atol=1e-5)
