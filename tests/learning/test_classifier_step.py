"""The step of a classifier: whose gradients, whose statistics, on any devices."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.config.classification import WeightPerturbation
from ebm_tf.config.objectives import Clean, MailTrades, Sat, Trades, WeatAdv
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.directions.alignment import aligned
from ebm_tf.directions.opening import OpenDirections
from ebm_tf.learning.adversary import adversary
from ebm_tf.learning.classifier import ClassifierState, Reward, make_step
from ebm_tf.learning.optimization import LabelledBatch, Learned, learned
from ebm_tf.models.catalogue import in_inference
from ebm_tf.models.classifiers import small_cnn
from ebm_tf.runtime.distribution import Replicas, distributed, replicated
from tests.learning.small_networks import SEED, weights_of
from tests.slow import slow

SHAPE = (6, 6, 1)
RATE = 0.5
IMAGES = tf.random.stateless_uniform([8, *SHAPE], [5, 6], -1.0, 1.0)
LABELS = tf.constant([0, 1, 2, 0, 1, 2, 1, 0], tf.int64)
BATCH = LabelledBatch(IMAGES, LABELS)
NATURAL = Pgd(loss="cross_entropy", num_steps=2, step_size=20.0, start="natural")
BALL = Ball(epsilon=30.0)


def network() -> keras.Model:
    """Batch normalisation of the images themselves, so that statistics are known."""
    keras.utils.set_random_seed(4)
    inputs = keras.Input(SHAPE)
    x = keras.layers.BatchNormalization(momentum=0.9, synchronized=True)(inputs)
    x = keras.layers.Conv2D(4, 3, activation="silu")(x)
    x = keras.layers.BatchNormalization(momentum=0.9, synchronized=True)(x)
    return keras.Model(
        inputs, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))
    )


def descending() -> Learned:
    settings = Optimizer(name="sgd", learning_rate=RATE, average_decay=0.0)
    return learned(settings, network)


def stepped(classifier: Learned, settings, update=0, **parts):
    """One update; the new state, metrics and outputs."""
    step = tf.function(make_step(classifier, settings, **parts), autograph=False)
    state = ClassifierState(tf.constant(update, tf.int64))
    return step(state, BATCH, SEED)


def shifting(amount: float):
    """An attack whose images are known."""
    return lambda images, labels, seed: images + amount


def test_a_clean_step_follows_the_gradient_of_keras():
    classifier, other = descending(), network()
    state, metrics, _ = stepped(classifier, Clean())
    with tf.GradientTape() as tape:
        logits = other(IMAGES, training=True)
        loss = tf.reduce_mean(
            keras.losses.sparse_categorical_crossentropy(
                LABELS, logits, from_logits=True
            )
        )
    assert metrics["loss"].numpy() == pytest.approx(loss.numpy(), rel=1e-5)
    gradients = tape.gradient(loss, other.trainable_variables)
    for new, old, gradient in zip(
        classifier.model.trainable_variables,
        other.trainable_variables,
        gradients,
        strict=True,
    ):
        np.testing.assert_allclose(
            new.numpy(), old.numpy() - RATE * gradient, rtol=1e-4, atol=1e-6
        )
    for new, old in zip(
        classifier.model.non_trainable_variables,
        other.non_trainable_variables,
        strict=True,
    ):
        np.testing.assert_allclose(new.numpy(), old.numpy(), rtol=1e-5, atol=1e-7)
    assert state.update.numpy() == 1


def moving_mean(classifier: Learned) -> float:
    return classifier.model.layers[1].moving_mean.numpy().item()


@pytest.mark.parametrize(
    ("settings", "parts", "passes"),
    [
        (Clean(), {}, [0.0]),
        (Sat(), {"attack": shifting(1.0)}, [1.0]),
        (Trades(), {"attack": shifting(1.0)}, [0.0, 1.0]),
        (
            WeatAdv(),
            {
                "attack": shifting(1.0),
                "weight_perturbation": WeightPerturbation(gamma=0.1),
            },
            [0.0, 1.0],
        ),
    ],
    ids=["clean", "sat", "trades", "perturbed"],
)
def test_statistics_move_by_the_natural_and_then_by_the_attacked_batch(
    settings, parts, passes
):
    classifier = descending()
    stepped(classifier, settings, **parts)
    expected, mean = 0.0, tf.reduce_mean(IMAGES).numpy()
    for shift in passes:
        expected = 0.9 * expected + 0.1 * (mean + shift)
    assert moving_mean(classifier) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", ["cross_entropy", "kl"])
def test_the_attack_is_in_inference_and_leaves_the_network_as_it_is(loss):
    model = network()
    before = weights_of(model)
    settings = Pgd(loss=loss, num_steps=3, step_size=9.0, start="natural")
    if loss == "kl":  # the gradient is 0 at the image itself
        settings = Pgd(loss=loss, num_steps=3, step_size=9.0, start="normal")
    attack = adversary(in_inference(model), settings, BALL)
    attacked = attack(IMAGES, LABELS, SEED).numpy()
    for first, second in zip(before, weights_of(model), strict=True):
        np.testing.assert_array_equal(first, second)
    assert np.abs(attacked).max() <= 1
    assert 0.5 * 60 / 255 < np.abs(attacked - IMAGES).max() <= 60 / 255 + 1e-6
    if loss == "cross_entropy":
        # Batch statistics would let the other images of the batch have a say.
        alone = attack(IMAGES[:2], LABELS[:2], SEED)
        np.testing.assert_allclose(alone, attacked[:2], atol=1e-6)


@pytest.mark.slow
def test_an_update_with_dropout_is_a_function_of_its_key():
    def updated(seed: tf.Tensor) -> list[np.ndarray]:
        keras.utils.set_random_seed(4)
        settings = Optimizer(name="sgd", learning_rate=RATE, average_decay=0.0)
        classifier = learned(
            settings, lambda: small_cnn(6, 1, width=4, num_classes=3, dropout=0.5)
        )
        parts = {"attack": shifting(0.1), "weight_perturbation": WeightPerturbation()}
        step = tf.function(make_step(classifier, Trades(), **parts), autograph=False)
        step(ClassifierState(tf.constant(0, tf.int64)), BATCH, seed)
        return classifier.model.get_weights()

    first, again, other = updated(SEED), updated(SEED), updated(SEED + 1)
    for ours, theirs in zip(first, again, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert np.abs(first[-2] - other[-2]).max() > 1e-4


def test_no_gradient_passes_the_attacked_images():
    attack = adversary(in_inference(network()), NATURAL, BALL)
    fixed = attack(IMAGES, LABELS, SEED)
    assert np.abs(fixed - IMAGES).max() > 0.1

    results = []
    for chosen in (None, lambda images, labels, seed: tf.constant(fixed.numpy())):
        classifier = descending()
        own = adversary(in_inference(classifier.model), NATURAL, BALL)
        stepped(classifier, Trades(), attack=chosen or own)
        results.append(weights_of(classifier.model))
    begun = weights_of(network())
    for own, constant in zip(*results, strict=True):
        np.testing.assert_allclose(own, constant, rtol=1e-5, atol=1e-6)
    assert np.abs(results[0][2] - begun[2]).max() > 1e-4


def test_what_metrics_say():
    classifier = descending()
    model = network()
    _, metrics, outputs = stepped(classifier, WeatAdv(), attack=shifting(0.25))
    np.testing.assert_allclose(outputs, IMAGES + 0.25, rtol=1e-6)
    natural, attacked = (
        model(images, training=True).numpy() for images in (IMAGES, IMAGES + 0.25)
    )
    energies = [-np.log(np.exp(z).sum(axis=1)) for z in (natural, attacked)]
    own = [-z[np.arange(8), LABELS] for z in (natural, attacked)]
    expected = {
        "natural_accuracy": np.mean(natural.argmax(axis=1) == LABELS),
        "attacked_accuracy": np.mean(attacked.argmax(axis=1) == LABELS),
        "weight": np.mean(1 / np.log1p(np.exp(np.abs(energies[0])))),
        "positive_share": np.mean(energies[0] > 0),
        "delta_marginal": np.mean(energies[0] - energies[1]),
        "delta_joint": np.mean(own[0] - own[1]),
    }
    assert set(metrics) == {"loss", "grad_norm", *expected}
    for name, value in expected.items():
        assert metrics[name].numpy() == pytest.approx(value, rel=1e-4, abs=1e-5), name
    _, metrics, _ = stepped(classifier, Sat(), attack=shifting(0.25))
    assert set(metrics) == {"loss", "attacked_accuracy", "grad_norm"}


def test_gradients_are_those_of_perturbed_weights_and_move_the_weights_themselves():
    settings = WeightPerturbation(gamma=0.3)
    classifier, other = descending(), network()
    begun = [v.numpy() for v in other.trainable_variables]

    def gradients(weights):
        for variable, value in zip(other.trainable_variables, weights, strict=True):
            variable.assign(value)
        with tf.GradientTape() as tape:
            logits = other(IMAGES, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, logits)
            loss = tf.reduce_mean(losses)
        return [g.numpy() for g in tape.gradient(loss, other.trainable_variables)]

    moved = [
        w + 0.3 * np.linalg.norm(w) / np.linalg.norm(g) * g if w.ndim > 1 else w
        for w, g in zip(begun, gradients(begun), strict=True)
    ]
    stepped(classifier, Clean(), weight_perturbation=settings)
    for new, old, gradient in zip(
        classifier.model.trainable_variables, begun, gradients(moved), strict=True
    ):
        np.testing.assert_allclose(
            new.numpy(), old - RATE * gradient, rtol=1e-3, atol=1e-5
        )


def test_a_reward_adds_the_gradient_of_alignments_in_inference_mode():
    ways = tf.random.stateless_normal(IMAGES.shape, SEED)
    plain, rewarded, other = descending(), descending(), network()
    _, metrics, _ = stepped(plain, Clean())
    _, told, _ = stepped(
        rewarded, Clean(), reward=Reward(0.5, OpenDirections(lambda *_: ways))
    )
    with tf.GradientTape() as tape:
        alignments = aligned(
            lambda images: other(images, training=False),
            IMAGES,
            LABELS,
            lambda *_: ways,
            SEED,
        )
        alignment = tf.reduce_mean(alignments)
    assert told["alignment"].numpy() == pytest.approx(alignment.numpy(), abs=1e-6)
    expected = metrics["loss"] + 0.5 * (1.0 - alignment)
    assert told["loss"].numpy() == pytest.approx(expected.numpy(), rel=1e-5)
    gradients = tape.gradient(alignment, other.trainable_variables)
    for with_reward, without, gradient in zip(
        rewarded.model.trainable_variables,
        plain.model.trainable_variables,
        gradients,
        strict=True,
    ):
        change = 0.0 if gradient is None else RATE * 0.5 * gradient
        expected = without.numpy() + change
        np.testing.assert_allclose(with_reward.numpy(), expected, rtol=1e-4, atol=1e-6)
    for one, two in zip(
        rewarded.model.non_trainable_variables,
        plain.model.non_trainable_variables,
        strict=True,
    ):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


@pytest.mark.parametrize(
    ("settings", "attacked", "perturbation"),
    [
        slow(Clean(), False, None),
        (WeatAdv(normalize=True), True, None),
        slow(MailTrades(first_update=2), True, WeightPerturbation(gamma=0.1)),
    ],
    ids=["clean", "weat", "perturbed"],
)
def test_two_replicas_make_the_update_of_one(
    one_replica, two_replicas, settings, attacked, perturbation
):
    results = []
    for strategy in (one_replica, two_replicas):
        replicas = Replicas(strategy, jit=False)
        with strategy.scope():
            classifier = descending()
        # Starts at the image itself: replicas draw different noise.
        attack = adversary(in_inference(classifier.model), NATURAL, BALL)
        step = make_step(
            classifier,
            settings,
            attack=attack if attacked else None,
            weight_perturbation=perturbation,
        )
        run, count = replicated(replicas, step), strategy.num_replicas_in_sync
        parts = zip(tf.split(IMAGES, count), tf.split(LABELS, count), strict=True)
        batch = distributed(replicas, [LabelledBatch(*part) for part in parts])
        state = [ClassifierState(tf.constant(0, tf.int64))] * count
        state, told = distributed(replicas, state), []
        for _ in range(3):
            state, metrics, _ = run(state, batch, SEED)
            told.append(metrics)
        results.append((told, weights_of(classifier.model)))
    (told, weights), (told_of_two, weights_of_two) = results
    for first, second in zip(told, told_of_two, strict=True):
        assert first == pytest.approx(second, rel=1e-3, abs=1e-5)
    begun = weights_of(network())
    assert max(np.abs(w - b).max() for w, b in zip(weights, begun, strict=True)) > 0.01
    for first, second in zip(weights, weights_of_two, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-5)
