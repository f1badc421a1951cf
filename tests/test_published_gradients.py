"""The configs of alignments have the published values, in their own units."""

import numpy as np
import pytest

from ebm_tf.config import core
from ebm_tf.config.alignment import AlignmentMeasurement, PgdSearch
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.directions import (
    GeneratorDirections,
    SearchedDirections,
    TrueDirections,
)
from ebm_tf.config.objectives import Clean, Sat
from ebm_tf.pixels import from_255ths
from tests.runs import ROOT

# The radius of learning, the weight of L_alpha, radii that are tried, directions.
PUBLISHED = {
    "sphere": (0.005, 0.1, 8, (0.0005, 0.02), TrueDirections),
    "squares": (0.2, 0.1, 13, (0.002, 1.2), TrueDirections),
    "squares32": (0.2, 0.1, 13, (0.002, 1.2), TrueDirections),
    "mnist35": (0.3, 0.1, 12, (0.02, 1.4), GeneratorDirections),
    "mnist": (0.3, 0.3, 12, (0.02, 1.4), SearchedDirections),
    "cifar10": (0.01, 0.3, 11, (0.001, 0.6), SearchedDirections),
}
# Points, and images that leave the range of pixels.
NO_RANGE = ("sphere", "squares")


def load(name: str):
    return core.load(str(ROOT / "configs" / f"{name}.py"))


def learning(name: str) -> ClassifierTraining:
    config = load(name)
    assert isinstance(config, ClassifierTraining)
    return config


@pytest.mark.parametrize("data", PUBLISHED)
def test_three_ways_of_learning_differ_in_what_they_are_named_for(data):
    epsilon, weight, _, _, directions = PUBLISHED[data]
    baseline, aligned, attacked = (
        learning(f"{data}_{way}") for way in ("baseline", "lalpha", "pgd")
    )
    assert baseline.objective == Clean() and baseline.alignment is None
    assert aligned.alignment is not None and aligned.alignment.weight == weight
    assert isinstance(aligned.alignment.directions, directions)
    assert attacked.objective == Sat() and attacked.attack is not None
    assert from_255ths(attacked.ball.epsilon) == pytest.approx(epsilon)
    assert attacked.attack.loss == "cross_entropy"
    for one in (aligned, attacked):
        changed = {"name", "alignment", "objective", "attack"}
        differing = set(core.differing_fields(baseline, one, fixed_only=False))
        assert {name.partition(".")[0] for name in differing} <= changed


@pytest.mark.parametrize("data", PUBLISHED)
def test_radii_are_those_of_the_published_grid(data):
    _, _, num, ends, directions = PUBLISHED[data]
    config, baseline = load(f"{data}_align"), learning(f"{data}_baseline")
    assert isinstance(config, AlignmentMeasurement)
    assert isinstance(config.directions, directions)
    first, second = config.searches[:2]
    assert isinstance(first, PgdSearch) and isinstance(second, PgdSearch)
    assert (first.norm, second.norm) == ("linf", "l2") and first.num_steps == 40
    assert len(first.radii) == num and (first.radii[0], first.radii[-1]) == ends
    size = config.data.image_size**2 * config.data.channels
    np.testing.assert_allclose(second.radii, np.sqrt(size) * np.array(first.radii))
    assert config.data.split.startswith("test")
    assert config.classifier == baseline.classifier
    assert config.in_range == baseline.ball.in_range == (data not in NO_RANGE)
