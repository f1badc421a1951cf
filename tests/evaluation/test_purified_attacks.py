"""The published protocol, beside a plain transcription of its description."""

import collections
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.attacks.balls import ball
from ebm_tf.attacks.purified_gradients import averaged_cross_entropy, bpda, transfer
from ebm_tf.config.attacks import Ball
from ebm_tf.config.defense import DefenseMeasurement, Purification, PurifiedPgd
from ebm_tf.evaluation.purified_attacks import Climb, PgdOnPurified, Record
from ebm_tf.evaluation.purified_evaluator import Use
from ebm_tf.pixels import from_255ths
from tests.evaluation.purified import KEY, ascents_of, evaluator_of, measurement

SHAPE, NUM_CLASSES, NUM = (3, 3, 1), 3, 12
WEIGHTS = tf.random.stateless_normal([9, NUM_CLASSES], [1, 2])


def config_of(**changed) -> DefenseMeasurement:
    given = {
        "ball": Ball(norm="linf", epsilon=60.0),
        "attack": PurifiedPgd(num_steps=5, step_size=20.0, num_replicates=4),
        "defense": Purification(num_steps=1, num_replicates=6),
    }
    return measurement(**given | changed)


def classifier(images: tf.Tensor) -> tf.Tensor:
    return tf.matmul(tf.reshape(images, [-1, 9]), WEIGHTS)


def defense(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return 0.9 * images + 0.5 * keyed_noise.normal(seed, images.shape[1:])


def classify(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return classifier(defense(images, seed))


def attack_on(config: DefenseMeasurement, purify=defense) -> PgdOnPurified:
    attack = config.attack
    assert isinstance(attack, PurifiedPgd)
    is_transfer = attack.gradient == "transfer"
    estimator = transfer(classifier) if is_transfer else bpda(classifier, purify)
    num_seen = 1 if is_transfer else attack.num_replicates
    ascent = ascents_of(estimator, averaged_cross_entropy, attack.average, num_seen)
    evaluator = evaluator_of(
        config, lambda images, seed: classifier(purify(images, seed))
    )
    return PgdOnPurified(evaluator, [Climb(attack.gradient, ascent)], attack)


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    images = tf.random.stateless_uniform([NUM, *SHAPE], [3, 4], -1.0, 1.0).numpy()
    labels = np.argmax(classifier(images), 1)
    labels[:2] = (labels[:2] + 1) % NUM_CLASSES  # wrong from the beginning
    return images, labels, np.arange(100, 100 + NUM, dtype=np.int32)


def alone(config: DefenseMeasurement, image, label, position):
    """The description of the protocol, one image at a time; nothing leaves."""
    key = keyed_noise.fold_in(KEY, int(position))

    def key_of(use: Use, step: int = 0):
        return keyed_noise.fold_in(keyed_noise.fold_in(key, int(use)), step)

    def logits_of(point, key, num):
        keys = keyed_noise.replicate_keys(key[None], tf.range(num))
        return classify(tf.repeat(point[None], num, axis=0), keys).numpy()

    def verified(point, key):
        mean = logits_of(point, key, config.defense.num_replicates).mean(0)
        return mean.argmax() == label

    assert isinstance(config.attack, PurifiedPgd)
    radius = from_255ths(config.ball.epsilon)
    around = ball(config.ball.norm, tf.constant([radius]))
    path = [verified(image, key_of(Use.NATURAL))]
    point = around.random_start(image[None], key_of(Use.START))[0].numpy()
    kept = image if not path[0] else None
    defended = path[0]
    for step in range(config.attack.num_steps + 1):
        num = config.attack.num_replicates
        keys = keyed_noise.replicate_keys(key_of(Use.ASCENT, step)[None], tf.range(num))
        copies = defense(tf.repeat(point[None], num, axis=0), keys)
        with tf.GradientTape() as tape:
            tape.watch(copies)
            mean = tf.reduce_mean(classifier(copies), 0)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(label, mean)
        gradient = tf.reduce_mean(tape.gradient(loss, copies), 0)
        if defended and int(tf.argmax(mean)) != label:
            if not verified(point, key_of(Use.VERIFICATION, step)):
                defended, kept = False, point
        path.append(defended)
        if step < config.attack.num_steps:
            moved = around.ascend(
                point[None], gradient[None], from_255ths(config.attack.step_size)
            )
            point = around.project(moved, image[None])[0].numpy()
    return np.array(path), point if kept is None else kept


@pytest.fixture(scope="module", params=["linf", "l2"])
def measured(request) -> tuple[DefenseMeasurement, Record]:
    epsilon, step = {"linf": (60.0, 20.0), "l2": (150.0, 50.0)}[request.param]
    attack = PurifiedPgd(num_steps=5, step_size=step, num_replicates=4)
    config = config_of(ball=Ball(norm=request.param, epsilon=epsilon), attack=attack)
    return config, attack_on(config).run(*data())


def test_verdicts_and_images_are_those_of_the_description(measured):
    config, record = measured
    paths, images = zip(
        *(alone(config, *row) for row in zip(*data(), strict=True)), strict=True
    )
    np.testing.assert_array_equal(record.defended, np.stack(paths, 1))
    np.testing.assert_allclose(record.images, images, atol=1e-5)
    # The case tells something: some fall at once, some later, some stand.
    falls = record.defended.argmin(0)[~record.defended[-1]]
    assert len(set(falls)) > 2 and record.defended[-1].any()


def test_the_record(measured):
    config, record = measured
    images, labels, _ = data()
    assert record.defended.shape == (config.attack.num_steps + 2, NUM)
    # Never defended again, once broken.
    assert not (record.defended[1:] & ~record.defended[:-1]).any()
    wrong = ~record.defended[0]
    assert wrong[:2].all()
    np.testing.assert_array_equal(record.images[wrong], images[wrong])
    np.testing.assert_array_equal(record.natural_predictions == labels, ~wrong)
    radius = from_255ths(config.ball.epsilon)
    around = ball(config.ball.norm, tf.fill([NUM], radius))
    assert (around.distance(record.images, images) <= radius * (1 + 1e-5)).numpy().all()
    assert np.abs(record.images).max() <= 1.0
    # It looked at an image as long as that was defended.
    np.testing.assert_array_equal(np.isfinite(record.losses), record.defended[:-1])
    assert not record.zero_gradient.any()


def test_batches_and_neighbours_change_nothing(measured):
    config, record = measured
    rows = np.array([7, 10, 3, 11])
    part = attack_on(config).run(*(array[rows] for array in data()))
    np.testing.assert_array_equal(part.defended, record.defended[:, rows])
    np.testing.assert_allclose(part.images, record.images[rows], atol=1e-5)
    np.testing.assert_array_equal(
        part.final_predictions, record.final_predictions[rows]
    )


def test_another_key_is_another_attack(measured):
    config, record = measured
    attacker = attack_on(config)
    evaluator = dataclasses.replace(attacker.evaluator, key=tf.constant([5, 7]))
    other = dataclasses.replace(attacker, evaluator=evaluator)
    assert not np.allclose(other.run(*data()).images, record.images, atol=1e-3)


def test_transfer_is_verified_at_the_end_only():
    config = config_of(attack=PurifiedPgd(gradient="transfer", num_steps=4))
    record = attack_on(config).run(*data())
    for row in record.defended[1:-1]:
        np.testing.assert_array_equal(row, record.defended[0])
    assert record.defended[-1].sum() < record.defended[0].sum()


def test_fixed_noise_makes_the_defence_deterministic():
    seen = []

    def recording(images, seed):
        seen.append(np.unique(seed, axis=0))
        return defense(images, seed)

    fixed = Purification(num_steps=1, num_replicates=4, noise="fixed")
    config = config_of(defense=fixed)
    record = attack_on(config, recording).run(*data())
    last = seen[-1]  # of the fresh noise in the end
    times = collections.Counter(key.tobytes() for keys in seen for key in keys)
    fixed_keys = {key for key, count in times.items() if count > 1}
    assert len(fixed_keys) == 4, "one for each replicate, whatever the image and step"
    assert not fixed_keys & {key.tobytes() for key in last}
    # What looks broken is broken: verification sees what the attack saw.
    for row in np.flatnonzero(record.defended[0] & ~record.defended[-1]):
        point = record.images[row]
        keyed = attack_on(config).evaluator.noise(
            tf.zeros([1, 2], tf.int32), Use.ASCENT, 3
        )
        logits = attack_on(config).evaluator.logits(point[None], keyed, 4)
        assert int(tf.argmax(tf.reduce_mean(logits[0], 0))) != data()[1][row]


def test_no_two_keys_of_noise_are_equal():
    """Not even that of fixed noise and what the keys of an image are made of."""
    fresh = attack_on(config_of()).evaluator
    noise = Purification(num_steps=1, num_replicates=4, noise="fixed")
    fixed = attack_on(config_of(defense=noise)).evaluator
    keys = keyed_noise.fold_in(KEY, tf.range(50))
    seen = [KEY[None], keys, fixed.noise(keys, Use.ASCENT)[:1]]
    seen += [fresh.noise(keys, use, step) for use in Use for step in range(3)]
    unique = {key.tobytes() for part in seen for key in part.numpy()}
    assert len(unique) == 1 + 50 + 1 + 50 * len(Use) * 3


def test_an_attack_that_knows_the_noise_breaks_no_fewer():
    fresh, fixed = (
        attack_on(
            config_of(
                defense=Purification(num_steps=1, num_replicates=4, noise=noise),
                attack=PurifiedPgd(num_steps=8, step_size=12.0, num_replicates=4),
            )
        ).run(*data())
        for noise in ("fresh", "fixed")
    )
    assert fixed.defended[-1].sum() <= fresh.defended[-1].sum() + 1


def test_chains_that_are_not_finite_are_no_defence():
    def burst(images, seed):
        return defense(images, seed) * float("nan")

    record = attack_on(config_of(), burst).run(*data())
    assert not record.defended.any()
    assert (record.natural_predictions == -1).all()
    assert (record.final_predictions == -1).all()
    assert np.isfinite(record.images).all()


def test_pixels_at_their_bound_stay_there():
    """Golden: x = .99, X = .99, gradient up, eta .0157 -> 1.0."""
    settings = PurifiedPgd(num_steps=1, step_size=2.0)
    config = config_of(ball=Ball(epsilon=8.0), attack=settings)
    image = np.full([1, *SHAPE], 0.99, np.float32)
    balls = attack_on(config).evaluator.balls(1)
    moved = balls.moved(image, np.ones_like(image), from_255ths(2.0), image)
    np.testing.assert_array_equal(moved, np.ones_like(image))
    assert from_255ths(8.0) == pytest.approx(0.0627451, abs=1e-7)
    assert from_255ths(2.0) == pytest.approx(0.0156863, abs=1e-7)
