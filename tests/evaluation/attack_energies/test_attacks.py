"""Attacks after which energies are measured: where they end, and what they refuse."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.attack_energies import ATTACKS, AttackEnergies
from ebm_tf.config.attacks import Ball, CarliniWagner
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.attack_energies.attacks import energy_attacks, in_words
from tests.attacks.attack_laws import draw_colours, network
from tests.attacks.linear_classifiers import linear_case, predicted

SEED = tf.constant([3, 9])
RADIUS = 0.1
SMALL = AttackEnergies(
    ball=Ball(epsilon=12.75),
    step_size=6.375,
    num_steps=6,
    num_targets=2,
    num_queries=4,
    carlini_wagner=CarliniWagner(
        num_steps=40,
        learning_rate=0.1,
        num_constants=2,
        initial_constant=10.0,
        num_targets=0,
    ),
)


def attacked(name, classifier, images, labels, radius=RADIUS):
    """What the named attack makes of images, in balls of this radius."""
    settings = dataclasses.replace(SMALL, attacks=(name,))
    num_classes = classifier(images).shape[-1]
    one = energy_attacks(settings, classifier, num_classes)[name]
    epsilon = tf.fill([len(images)], radius if one.is_bounded else one.radius)
    return one.attack(images, labels, epsilon, SEED)


def test_every_name_has_an_attack_with_a_budget():
    attacks = energy_attacks(AttackEnergies(), network(), 10)
    assert tuple(attacks) == ATTACKS and len(ATTACKS) == 8
    assert all(one.budget and one.title and one.keeps for one in attacks.values())
    assert [n for n, one in attacks.items() if not one.is_bounded] == ["carlini_wagner"]
    assert attacks["pgd"].budget == {"num_steps": 20}
    assert in_words(attacks["apgd_t"].budget) == "20 steps, 9 targets"
    assert in_words(attacks["square"].budget) == "1,000 queries"
    assert in_words(attacks["carlini_wagner"].budget) == "100 steps, 1 constant"


@pytest.mark.parametrize("name", [name for name in ATTACKS if name != "carlini_wagner"])
def test_in_a_ball_of_radius_0_nothing_moves(name):
    classifier, images = network(), draw_colours(6)
    labels = predicted(classifier, images)
    found = attacked(name, classifier, images, labels, radius=0.0)
    np.testing.assert_array_equal(found.images, images)


@pytest.mark.parametrize(("name", "tolerance"), [("pgd", 1e-6), ("apgd_ce", 2e-3)])
def test_the_joint_energy_of_a_linear_classifier_rises_as_it_must(name, tolerance):
    """E(x*, y) = E(x, y) - epsilon w_y . sign(w_other - w_y), far from the box."""
    case = linear_case(2, 8, most=0.4)
    found = attacked(name, case.classifier, case.images, case.labels)
    labels = case.labels.numpy()
    own, other = case.weights[labels], case.weights[1 - labels]
    rise = -RADIUS * np.sum(own * np.sign(other - own), 1)
    rows = np.arange(8)
    natural = case.classifier(case.images).numpy()[rows, labels]
    moved = case.classifier(found.images).numpy()[rows, labels]
    np.testing.assert_allclose(natural - moved, rise, atol=tolerance)


def test_trades_does_not_look_at_labels():
    classifier, images = network(), draw_colours(6)
    labels = predicted(classifier, images)
    first = attacked("trades_kl", classifier, images, labels)
    other = attacked("trades_kl", classifier, images, (labels + 1) % 5)
    np.testing.assert_array_equal(first.images, other.images)
    assert not np.array_equal(first.images, images)


def test_ascent_goes_on_where_fab_rests():
    """Broken images have a clear margin after ascent, none at the boundary."""
    classifier, images = network(), draw_colours(8)
    labels = predicted(classifier, images)
    margins = {}
    for name in ("pgd", "apgd_ce", "apgd_dlr", "apgd_t", "fab_t"):
        found = attacked(name, classifier, images, labels)
        assert np.mean(found.broken) > 0.5
        logits = np.sort(classifier(found.images).numpy(), axis=1)
        margins[name] = np.median((logits[:, -1] - logits[:, -2])[found.broken])
    nearest = margins.pop("fab_t")
    assert all(margin > 5.0 * nearest for margin in margins.values())


@pytest.mark.parametrize(
    ("num_classes", "names"), [(2, "apgd_dlr and apgd_t"), (3, "apgd_t")]
)
def test_too_few_classes_for_a_loss_are_told(num_classes, names):
    message = f"has {num_classes} classes, too few for the losses of {names}: --set"
    with pytest.raises(ConfigError, match=message) as told:
        energy_attacks(AttackEnergies(), network(num_classes), num_classes)
    assert "('pgd', 'trades_kl', 'apgd_ce'" in str(told.value)
    assert energy_attacks(AttackEnergies(attacks=("fab_t",)), network(2), 2)
