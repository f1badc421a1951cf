"""Least radii of classifiers for which they are known, and the published rule."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.alignment import (
    AlignmentMeasurement,
    PgdSearch,
    SpatialSearch,
    SquareSearch,
)
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.parts import Data
from ebm_tf.config.robustness import ClassifierAttacks
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.alignment.searches import grid_median, search_attacks, searched
from ebm_tf.evaluation.attack_phases import Phases
from ebm_tf.runtime.distribution import make_replicas

DATA = Data(name="spheres", image_size=1, channels=20, split="test[:40]")
RADII = (0.05, 0.1, 0.2, 0.4)


def radial(images: tf.Tensor) -> tf.Tensor:
    """The best classifier of spheres: by the length, halfway between them."""
    lengths = tf.norm(images[:, 0, 0], axis=-1)
    return tf.stack([1.15 - lengths, lengths - 1.15], 1)


def measurement(*searches, **settings) -> AlignmentMeasurement:
    return AlignmentMeasurement(
        name="radial",
        data=DATA,
        classifier=ClassifierNetwork(architecture="mlp", num_classes=2),
        in_range=False,
        searches=searches,
        **settings,
    )


def found(search, classifier=radial):
    images, labels = load_images(open_source(DATA), DATA)
    attacks = search_attacks(measurement(search), classifier)
    settings = ClassifierAttacks(name="radial", auto_attack=None, batch=40)
    phases = Phases(
        settings, make_replicas("cpu"), None, images, labels, classifier, attacks
    )
    predictions = np.argmax(classifier(tf.constant(images)), 1)
    return images, *searched(search, phases, predictions == labels)


def test_the_median_of_the_best_classifier_of_spheres_is_half_their_distance():
    search = PgdSearch(norm="l2", radii=RADII, num_steps=30, num_bisections=5)
    _, results, arrays = found(search)
    assert arrays["smallest_radius"].min() > 0.15 * (1 - 1e-5)
    assert results["median_radius"] == pytest.approx(0.15, rel=0.05)
    assert results["num_censored"] == 0
    # The grid only knows that it is between 0.1 and 0.2.
    assert results["grid_median"] == pytest.approx(0.15)


@pytest.mark.slow
def test_in_linf_it_is_that_over_the_sum_of_coordinates():
    search = PgdSearch(radii=RADII, num_steps=40, num_bisections=6)
    images, results, arrays = found(search)
    # To first order, and never less where all coordinates may grow.
    units = np.abs(images[:, 0, 0]) / np.linalg.norm(images[:, 0, 0], axis=-1)[:, None]
    first_order = 0.15 / units.sum(-1)
    np.testing.assert_allclose(arrays["smallest_radius"], first_order, rtol=0.12)
    assert results["median_radius"] == pytest.approx(np.median(first_order), rel=0.1)


@pytest.mark.slow
def test_square_lays_points_out_and_finds_no_less():
    search = SquareSearch(radii=RADII, num_queries=200, num_bisections=2)
    images, results, arrays = found(search)
    units = np.abs(images[:, 0, 0]) / np.linalg.norm(images[:, 0, 0], axis=-1)[:, None]
    assert (arrays["smallest_radius"] > 0.8 * 0.15 / units.sum(-1)).all()
    assert results["median_radius"] is not None


@pytest.mark.slow
def test_a_classifier_that_never_errs_has_no_median():
    search = PgdSearch(norm="l2", radii=(0.01, 0.02), num_steps=2)
    _, results, _ = found(search)
    assert results["median_radius"] is None and results["num_censored"] == 40
    assert results["grid_median"] == 0.0


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ((0.0, 0.2, 0.4, 0.6, 1.0), 0.25),  # halfway between 0.2 and 0.3
        ((0.0, 0.1, 0.2, 0.3, 0.41), 0.3 + 0.1 * 0.1 / 0.11),  # the threshold is 0.4
        ((0.0, 0.6, 0.4, 0.6, 1.0), 0.25),  # the last crossing
        ((0.6, 0.7, 0.8, 0.9, 1.0), 0.0),  # none
        ((0.0, 0.0, 0.0, 0.0, 0.01), 0.0),  # the most robust one, as published
    ],
)
def test_the_published_rule_on_curves_made_by_hand(errors, expected):
    assert grid_median((0.0, 0.1, 0.2, 0.3, 0.4), errors) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("searches", "settings", "message"),
    [
        ((PgdSearch(radii=(0.1,)),) * 2, {}, "different names, got pgd_linf, pgd_linf"),
        ((SpatialSearch(radii=(0.1,)),), {}, "no SpatialSearch where examples are poi"),
        ((), {"num_images": 1}, "num_images=1 >= 2"),
    ],
)
def test_settings_that_cannot_be_are_told(searches, settings, message):
    with pytest.raises(ConfigError, match=message):
        measurement(*searches, **settings)


@pytest.mark.parametrize("radii", [(0.0, 0.1), (0.2, 0.1), ()])
def test_radii_rise_from_above_0(radii):
    with pytest.raises(ConfigError, match="Expected"):
        PgdSearch(radii=radii)
