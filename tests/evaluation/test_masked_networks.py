"""Networks that hide their gradients: every warning of the report fires on one."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.attacks import AutoAttack, Ball, Pgd
from ebm_tf.config.robustness import ClassifierAttacks
from ebm_tf.evaluation.attack_phases import Phases, named_attacks
from ebm_tf.evaluation.attacked import attack_all, metrics
from ebm_tf.runtime.distribution import Replicas
from tests.attacks.linear_classifiers import draw_images, linear, predicted
from tests.slow import slow

NUM = 24
PLAIN, _, _ = linear(4, key=6)
LABELS = predicted(PLAIN, draw_images(NUM)).numpy()
BLIND = AutoAttack(num_steps=4, num_targets=2, num_queries=60)


def stepped(images: tf.Tensor) -> tf.Tensor:
    """A step function of pixels, which no gradient passes."""
    return PLAIN(tf.round(8.0 * images) / 8.0)


def scaled(images: tf.Tensor) -> tf.Tensor:
    """So sure that the gradient of the cross-entropy is 0 in float32."""
    return 1e4 * PLAIN(images)


def squashed(images: tf.Tensor) -> tf.Tensor:
    """Probabilities where logits are meant."""
    return tf.nn.softmax(PLAIN(images))


def noisy(images: tf.Tensor) -> tf.Tensor:
    """Another network at every look."""
    return PLAIN(images + tf.random.normal(images.shape, stddev=0.3))


def attacked(classifier, **attacks):
    config = ClassifierAttacks(name="masked", batch=NUM, **attacks)
    place = Replicas(tf.distribute.OneDeviceStrategy("/cpu:0"), jit=False)
    images = draw_images(NUM).numpy()
    phases = Phases(
        config,
        place,
        None,
        images,
        LABELS,
        classifier,
        named_attacks(config, classifier),
    )
    found = metrics(phases, attack_all(phases))
    raised = {name for name, flag in found["flags"].items() if flag}
    assert len(found["warnings"]) == len(raised)
    return found, raised


PGD = Pgd(num_steps=6, step_size=8.0)
SHORT = Pgd(num_steps=3, step_size=1.0, start="natural")


@pytest.mark.parametrize(
    ("classifier", "attacks", "expected"),
    [
        slow(PLAIN, {"pgd": PGD, "auto_attack": BLIND}, set()),
        slow(
            stepped,
            {"pgd": PGD, "auto_attack": BLIND},
            {"zero_gradients", "black_box_wins"},
        ),
        (scaled, {"pgd": PGD, "auto_attack": None}, {"zero_gradients"}),
        (squashed, {"pgd": PGD, "auto_attack": None}, {"probabilities"}),
        (noisy, {"pgd": PGD, "auto_attack": None}, {"random_logits", "not_repeatable"}),
        (PLAIN, {"pgd": SHORT, "auto_attack": None}, {"still_rising"}),
    ],
    ids=["plain", "stepped", "scaled", "squashed", "noisy", "short"],
)
def test_every_warning_fires_where_it_should_and_nowhere_else(
    classifier, attacks, expected
):
    ball = Ball(epsilon=25.5)
    found, raised = attacked(classifier, ball=ball, **attacks)
    assert raised - {"still_rising"} == expected - {"still_rising"}
    assert "still_rising" in raised or "still_rising" not in expected
    if classifier is stepped:
        by = found["by_attack"]
        assert (
            by["square"]["broke"] > 0.1 and by["pgd"]["broke"] < by["square"]["broke"]
        )


@pytest.mark.slow
def test_the_scale_of_logits_hides_nothing_from_their_ratio():
    ball = Ball(epsilon=25.5)
    by_entropy, _ = attacked(scaled, ball=ball, pgd=PGD, auto_attack=None)
    by_ratio, _ = attacked(scaled, ball=ball, pgd=PGD, auto_attack=BLIND)
    shares = by_entropy["robust_accuracy"], by_ratio["robust_accuracy"]
    assert shares[1] < shares[0] - 0.2


def test_the_warnings_of_this_file_are_all_there_are():
    found, _ = attacked(PLAIN, pgd=PGD, auto_attack=None, ball=Ball(epsilon=0.1))
    assert set(found["flags"]) == {
        *("random_logits", "probabilities", "zero_gradients"),
        *("black_box_wins", "still_rising", "not_repeatable"),
    }
    assert np.all(list(found["flags"].values()) == np.zeros(6, bool))
