"""AutoAttack on purified classifiers: where it can break, whose noise it sees."""

from typing import Literal

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.attacks.purified_gradients import averaged_cross_entropy, averaged_dlr, bpda
from ebm_tf.config.attacks import Ball
from ebm_tf.config.defense import DefenseMeasurement, Purification, PurifiedAutoAttack
from ebm_tf.evaluation.purified_attacks import AutoAttackOnPurified, Climb
from ebm_tf.evaluation.purified_evaluator import Evaluator
from ebm_tf.protocols import Ascent
from tests.attacks.linear_classifiers import draw_images, least_distances, linear
from tests.evaluation.purified import KEY, ascents_of, evaluator_of, measurement
from tests.slow import first_fast

NUM = 8
CLASSIFIER, WEIGHTS, BIAS = linear(3, key=2)


def config_of(
    attack,
    radius,
    norm: Literal["linf", "l2"] = "linf",
    noise: Literal["fresh", "fixed"] = "fresh",
) -> DefenseMeasurement:
    """The radius is in units of images in [-1, 1]."""
    return measurement(
        defense=Purification(num_steps=1, num_replicates=6, noise=noise),
        ball=Ball(norm=norm, epsilon=radius * 127.5),
        attack=attack,
    )


def attack_on(config: DefenseMeasurement, purify) -> AutoAttackOnPurified:
    attack = config.attack
    assert isinstance(attack, PurifiedAutoAttack)
    losses = {"apgd_ce": averaged_cross_entropy, "apgd_dlr": averaged_dlr}
    climbs = [
        Climb(
            "bpda",
            ascents_of(
                bpda(CLASSIFIER, purify),
                losses[name],
                attack.average,
                attack.num_replicates,
            ),
        )
        for name in attack.climbs
    ]
    evaluator = evaluator_of(
        config, lambda images, seed: CLASSIFIER(purify(images, seed))
    )
    return AutoAttackOnPurified(evaluator, climbs, attack)


def noisy(images, seed):
    return images + 0.5 * keyed_noise.normal(seed, images.shape[1:])


def unchanged(images, seed):
    return images


def data():
    images = draw_images(NUM, most=0.3).numpy()
    labels = np.argmax(CLASSIFIER(images), 1)
    labels[0] = (labels[0] + 1) % 3  # wrong from the beginning
    return images, labels, np.arange(40, 40 + NUM)


@pytest.mark.parametrize("norm", first_fast("linf", "l2"))
@pytest.mark.parametrize("average", first_fast("loss", "logits"))
def test_without_noise_it_breaks_just_where_it_can(norm, average):
    images, labels, positions = data()
    attack = PurifiedAutoAttack(num_steps=25, num_replicates=2, average=average)
    distances = least_distances(WEIGHTS, BIAS, images, labels, norm)
    for radius in np.quantile(distances[1:], [0.3, 0.8]):
        attacker = attack_on(config_of(attack, float(radius), norm=norm), unchanged)
        record = attacker.run(images, labels, positions)
        can = distances < radius
        # The first is wrong already; of the others none may break out of reach.
        assert not record.defended[0, 0] and record.defended[0, 1:].all()
        assert record.defended[-1, 1:][~can[1:]].all()
        clear = distances < 0.97 * radius
        assert not record.defended[-1, clear].any() and clear[1:].any()
        wrong = np.argmax(CLASSIFIER(record.images), 1) != labels
        np.testing.assert_array_equal(wrong, ~record.defended[-1])
        np.testing.assert_array_equal(record.images[0], images[0])


@pytest.mark.parametrize("average", ["loss", "logits"])
def test_of_two_classes_the_second_climb_raises_the_margin(average):
    draw = np.random.default_rng(0)
    logits = tf.constant(draw.normal(size=[5, 4, 2]), tf.float32)
    labels = tf.constant([0, 1, 1, 0, 1], tf.int64)
    signs = np.where(labels == 0, 1.0, -1.0)
    expected = signs * np.mean(logits[..., 1] - logits[..., 0], 1)
    found = averaged_dlr(logits, labels, average)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_others_of_the_batch_do_not_matter():
    images, labels, positions = data()
    attack = PurifiedAutoAttack(num_steps=5, num_replicates=4)
    attacker = attack_on(config_of(attack, 0.1), noisy)
    whole = attacker.run(images, labels, positions)
    assert 0 < whole.defended[-1].sum() < whole.defended[0].sum()
    for rows in ([1], [2, 5, 7]):
        part = attacker.run(images[rows], labels[rows], positions[rows])
        np.testing.assert_array_equal(part.defended, whole.defended[:, rows])
        np.testing.assert_allclose(part.images, whole.images[rows], atol=1e-5)
        np.testing.assert_allclose(part.losses, whole.losses[:, rows], rtol=1e-4)


def test_the_second_climb_is_of_what_the_first_has_left():
    images, labels, positions = data()
    attack = PurifiedAutoAttack(num_steps=5, num_replicates=4)
    record = attack_on(config_of(attack, 0.1), noisy).run(images, labels, positions)
    assert record.defended.shape == (3, NUM)
    np.testing.assert_array_equal(np.isfinite(record.losses), record.defended[:-1])
    assert not np.any(record.defended[1:] & ~record.defended[:-1])
    assert np.all(record.last_rise >= 0) and np.all(record.zero_gradient == 0)


@pytest.mark.parametrize("noise", ["fresh", "fixed"])
def test_whose_noise_a_climb_sees(noise):
    """Fresh noise is never seen twice; fixed noise is the same for all."""
    images, labels, positions = data()
    attack, seen, looked_at = PurifiedAutoAttack(num_steps=3), [], []

    def ascent(images, seed):
        looked_at.append(images)
        seen.append(seed.numpy())
        flat = tf.zeros([len(images)])
        return Ascent(tf.ones_like(images), flat, tf.zeros([len(images), 3]))

    def logits(images, seed, num_replicates):
        of_one = tf.one_hot(labels[: len(images)], 3)
        return tf.repeat(of_one[:, None], num_replicates, axis=1)

    config = config_of(attack, 0.1, noise=noise)
    climbs = [Climb("bpda", lambda labels: ascent) for _ in attack.climbs]
    AutoAttackOnPurified(Evaluator(config, logits, KEY), climbs, attack).run(
        images, labels, positions
    )
    keys = np.concatenate(seen)
    assert len(seen) == 2 * (1 + 3) and keys.shape == (8 * NUM, 2)
    assert len(np.unique(keys, axis=0)) == (len(keys) if noise == "fresh" else 1)
    for start in looked_at[::4]:  # of each climb: at the surface of the balls
        farthest = np.abs(start - images).max((1, 2, 3))
        np.testing.assert_allclose(farthest, 0.1, rtol=1e-5)
