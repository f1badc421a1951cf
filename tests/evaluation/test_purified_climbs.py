"""Several climbs after one another, and climbs that go on after an error."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.attacks.purified_gradients import averaged_cross_entropy, bpda
from ebm_tf.config.attacks import Ball
from ebm_tf.config.defense import Purification, PurifiedPgd
from ebm_tf.evaluation import resubmissions
from ebm_tf.evaluation.purified_attacks import ATTACKED, LAST, NATURAL, Climb
from ebm_tf.evaluation.purified_attacks import PgdOnPurified as Pgd
from ebm_tf.evaluation.purified_evaluator import Use, fresh
from ebm_tf.protocols import Ascent
from tests.evaluation.purified import ascents_of, evaluator_of, measurement

NUM, NUM_CLASSES, NUM_STEPS = 10, 3, 3
WEIGHTS = tf.random.stateless_normal([9, NUM_CLASSES], [1, 2])


def classifier(images):
    return tf.matmul(tf.reshape(images, [-1, 9]), WEIGHTS)


def noisy(images, seed):
    return images + 0.5 * keyed_noise.normal(seed, images.shape[1:])


def unchanged(images, seed):
    return images


def data():
    images = tf.random.stateless_uniform([NUM, 3, 3, 1], [3, 4], -1.0, 1.0).numpy()
    labels = np.argmax(classifier(images), 1)
    labels[0] = (labels[0] + 1) % NUM_CLASSES  # wrong from the beginning
    return images, labels, np.arange(50, 50 + NUM)


def blind(labels):
    """What sees no way up, and thinks that nothing is broken."""

    def ascent(images, seed):
        logits = tf.one_hot(labels, NUM_CLASSES)
        return Ascent(tf.zeros_like(images), tf.zeros([len(images)]), logits)

    return ascent


def seeing(defense=unchanged):
    return ascents_of(bpda(classifier, defense), averaged_cross_entropy, "logits", 4)


def attack_on(climbs, defense=unchanged, **changed) -> Pgd:
    attack = PurifiedPgd(num_steps=NUM_STEPS, step_size=12.0, num_replicates=4)
    attack = dataclasses.replace(attack, **changed)
    config = measurement(
        ball=Ball(epsilon=25.0),
        attack=attack,
        defense=Purification(num_steps=1, num_replicates=6),
    )
    evaluator = evaluator_of(config, lambda x, seed: classifier(defense(x, seed)))
    return Pgd(evaluator, [Climb("bpda", ascent) for ascent in climbs], attack)


def test_a_climb_takes_what_the_one_before_left():
    first, both = (
        attack_on(climbs).run(*data())
        for climbs in ([seeing()], [blind, seeing(), seeing()])
    )
    rounds = NUM_STEPS + 1
    assert both.defended.shape == (1 + 3 * rounds, NUM)
    # A blind climb leaves all, or what its random start alone breaks.
    np.testing.assert_array_equal(both.defended[rounds], both.defended[0])
    after_two = both.defended[2 * rounds]
    assert after_two.sum() < both.defended[0].sum()
    assert not (both.defended[1:] & ~both.defended[:-1]).any()
    # Images that are broken are not looked at again.
    np.testing.assert_array_equal(np.isfinite(both.losses), both.defended[:-1])
    assert first.defended[-1].sum() >= both.defended[-1].sum()


def test_each_climb_begins_elsewhere():
    seen = []

    def recording(labels):
        def ascent(images, seed):
            seen.append((images.numpy(), seed.numpy()))
            return blind(labels)(images, seed)

        return ascent

    images, labels, positions = data()
    attacker = attack_on([recording, recording])
    attacker.run(images[1:], labels[1:], positions[1:])
    starts = [seen[0][0], seen[NUM_STEPS + 1][0]]
    assert np.abs(starts[0] - starts[1]).max() > 0.05
    for start in starts:
        assert np.abs(start - images[1:]).max() <= 50 / 255 + 1e-6
    keys = np.concatenate([key for _, key in seen])
    assert len(np.unique(keys, axis=0)) == len(keys)


def test_images_that_go_on_end_where_ascent_ends():
    """Without noise: the last images are those of an attack that never stops."""
    images, labels, positions = data()
    record = attack_on([seeing()], stops_at_error=False).run(images, labels, positions)
    attacker = attack_on([seeing()])
    around = attacker.evaluator.balls(NUM)
    keys = keyed_noise.fold_in(attacker.evaluator.key, tf.constant(positions))
    points = attacker.evaluator.starts(images, keys)
    for _ in range(NUM_STEPS):
        gradient = seeing()(tf.constant(labels))(tf.constant(points), keys).gradient
        points = around.moved(points, gradient, 24 / 255, images).numpy()
    assert record.last_images is not None and record.last_defended is not None
    np.testing.assert_allclose(record.last_images, points, atol=1e-6)
    right = np.argmax(classifier(points), 1) == labels
    np.testing.assert_array_equal(record.last_defended, right)
    assert np.isfinite(record.losses).all()  # nothing left, not even what was wrong
    assert 0 < record.last_defended.sum() < NUM


@pytest.mark.parametrize("defense", [unchanged, noisy])
def test_the_worst_of_all_steps_is_no_better_than_the_last(defense):
    record = attack_on([seeing(defense)], defense, stops_at_error=False).run(*data())
    assert record.last_defended is not None
    assert not (record.defended[-1] & ~record.last_defended).any()
    stopped = attack_on([seeing(defense)], defense).run(*data())
    # Until the last round, whose images are looked at whatever the ascent saw.
    np.testing.assert_array_equal(record.defended[:-1], stopped.defended[:-1])
    assert not (record.defended[-1] & ~stopped.defended[-1]).any()


def test_natural_and_final_images_are_judged_alike():
    images, labels, positions = data()
    attacker = attack_on([seeing(noisy)], noisy, stops_at_error=False)
    record = attacker.run(images, labels, positions)
    evaluator = attacker.evaluator
    keys = keyed_noise.fold_in(evaluator.key, tf.constant(positions))
    assert list(record.judged) == [NATURAL, ATTACKED, LAST]
    for which, judged, use in (
        (NATURAL, images, Use.NATURAL_FINAL),
        (ATTACKED, record.images, Use.FINAL),
        (LAST, record.last_images, Use.LAST_FINAL),
    ):
        logits = evaluator.logits(tf.constant(judged), fresh(keys, use), 8)
        expected = resubmissions.verdicts(logits, [1, 6, 8], "logits")
        assert list(record.judged[which]) == list(expected)
        for name, votes in expected.items():
            np.testing.assert_array_equal(record.judged[which][name], votes)
    final = record.judged[ATTACKED]["vote_of_8"][:, 0]
    np.testing.assert_array_equal(record.final_predictions, final)
    stopped = attack_on([seeing(noisy)], noisy).run(images, labels, positions)
    assert list(stopped.judged) == [NATURAL, ATTACKED] and stopped.last_images is None
