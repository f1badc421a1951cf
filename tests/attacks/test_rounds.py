"""Attacks in segments: whoever has left changes nothing for those who stay."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.attacks.apgd import apgd, apgd_random, apgd_targeted
from ebm_tf.attacks.carlini_wagner import carlini_wagner
from ebm_tf.attacks.fab import fab_targeted
from ebm_tf.attacks.pgd import pgd_attack
from ebm_tf.attacks.rounds import InRounds, num_blocks, steps_of
from ebm_tf.attacks.square import square
from ebm_tf.config.attacks import Ball, CarliniWagner, Pgd
from ebm_tf.evaluation.attack_segments import in_segments
from ebm_tf.runtime.distribution import Replicas
from tests.attacks.attack_laws import INFO
from tests.attacks.linear_classifiers import crooked, draw_images, predicted
from tests.slow import first_fast

NUM = 30
FEW = CarliniWagner(
    num_steps=20, learning_rate=0.05, num_constants=3, num_targets=2, initial_constant=1
)


def noisy(f):
    """A classifier whose noise is of the keys of the images."""

    def classify(images: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
        noise = keyed_noise.uniform(keys, images.shape[1:]) - 0.5
        return f(images + 0.1 * noise)

    return classify


ATTACKS = {
    "pgd": lambda f, ball: pgd_attack(f, Pgd(num_steps=3, num_restarts=3), ball),
    "apgd": lambda f, ball: apgd(f, ball, loss="probability_margin", num_steps=23),
    "apgd_t": lambda f, ball: apgd_targeted(f, ball, num_steps=13, num_targets=3),
    "fab_t": lambda f, ball: fab_targeted(f, ball, num_steps=13, num_targets=9),
    "square": lambda f, ball: square(f, ball, num_queries=120),
    "apgd_random": lambda f, ball: apgd_random(
        noisy(f), ball, loss="cross_entropy", num_steps=13, num_samples=3
    ),
    "carlini_wagner": lambda f, ball: carlini_wagner(f, FEW, ball),
}


@pytest.mark.parametrize(("length", "num_steps"), [(10, 100), (10, 23), (50, 7)])
def test_blocks_hold_all_steps(length, num_steps):
    blocks = range(num_blocks(num_steps, length))
    steps = [steps_of(block, length, num_steps) for block in blocks]
    covered = [start + i for start, num in steps for i in range(int(num))]
    assert covered == list(range(num_steps))


def finished(labels, attacked):
    del labels
    return {"images": attacked.images, "broken": attacked.broken, **attacked.info}


def case(norm: str):
    """Images, labels of which two are wrong, radii of which some break, and keys."""
    classifier, images = crooked(), draw_images(NUM)
    labels = predicted(classifier, images)
    labels = tf.concat([(labels[:2] + 1) % 4, labels[2:]], 0)
    radii = tf.linspace(0.0, 0.05 if norm == "linf" else 0.2, NUM)
    radii = tf.random.experimental.stateless_shuffle(radii, [1, 1])
    keys = keyed_noise.fold_in(tf.constant([[1, 2]]), tf.range(NUM))
    return classifier, (images, labels, radii, keys)


@pytest.mark.parametrize("norm", first_fast("linf", "l2"))
@pytest.mark.parametrize("jit", first_fast(False, True))
@pytest.mark.parametrize("name", first_fast(*ATTACKS))
def test_verdicts_are_those_of_an_attack_on_all_to_the_end(
    name, jit, norm, one_replica
):
    classifier, rows = case(norm)
    attack = ATTACKS[name](classifier, Ball(norm=norm))
    assert isinstance(attack, InRounds)
    whole = tf.function(attack, autograph=False)(*rows)
    assert 2 < np.sum(whole.broken) < NUM
    run = in_segments(attack, finished, Replicas(one_replica, jit=jit), 16)
    found = run(*(part.numpy() for part in rows))
    np.testing.assert_array_equal(found["broken"], whole.broken)
    far = 1e-3 if jit else 1e-5  # steps of an ascent carry rounding on
    np.testing.assert_allclose(found["images"], whole.images, atol=far)
    for each in set(INFO) & set(whole.info):
        np.testing.assert_allclose(found[each], whole.info[each], atol=10 * far)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["apgd_t", "square"])
def test_an_image_draws_the_same_in_other_company_and_on_more_replicas(
    name, one_replica, two_replicas
):
    classifier, rows = case("linf")
    attack = ATTACKS[name](classifier, Ball())
    found = []
    for strategy, batch, chosen in (
        (one_replica, 16, np.arange(NUM)),
        (two_replicas, 8, np.arange(5, 21)[::-1]),
    ):
        run = in_segments(attack, finished, Replicas(strategy, jit=False), batch)
        found.append(run(*(part.numpy()[chosen] for part in rows)))
    alike = found[0]["images"][np.arange(5, 21)[::-1]]
    np.testing.assert_allclose(found[1]["images"], alike, atol=1e-5)


def test_images_leave_once_they_are_broken(one_replica):
    """What is evaluated shrinks with those that stand."""
    classifier, (images, labels, radii, keys) = case("linf")
    sizes = []

    def counted(images: tf.Tensor) -> tf.Tensor:
        def note(first: np.ndarray) -> np.ndarray:
            sizes.append(len(first))
            return first

        seen = tf.numpy_function(note, [images], tf.float32)
        return classifier(tf.ensure_shape(seen, images.shape))

    attack = square(counted, Ball(), num_queries=400)
    run = in_segments(attack, finished, Replicas(one_replica, jit=False), 32)
    radii = tf.where(tf.range(NUM) < 4, 0.0, 1.0)  # all others break soon
    found = run(*(part.numpy() for part in (images, labels, radii, keys)))
    stand = int(np.sum(~found["broken"]))
    assert stand == np.sum(~found["broken"][:4]) and 1 <= stand <= 2
    assert sizes[0] == NUM and sizes[-5] == 2  # the next size that holds them
    assert np.sum(np.array(sizes) <= 2) >= 340
