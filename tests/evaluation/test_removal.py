"""Which images are left out by their energies."""

import numpy as np
import pytest

from ebm_tf.config.removal import EnergyRemoval
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.removal import Judged, chosen

GENERATOR = np.random.default_rng(0)
NUM = 1000
LABELS = GENERATOR.integers(0, 4, NUM)
WRONG = GENERATOR.random(NUM) < 0.2
JUDGED = Judged(
    GENERATOR.permutation(NUM).astype(np.float32) - 500.0,  # all different
    np.where(WRONG, (LABELS + 1) % 4, LABELS),
    LABELS,
)


def removed(**settings) -> np.ndarray:
    return chosen(EnergyRemoval(**settings), JUDGED, seed=3).removed


@pytest.mark.parametrize("threshold", [-600.0, -3.0, 0.0, 499.0])
def test_high_and_low_are_all_images_once(threshold):
    high, low = (removed(side=side, threshold=threshold) for side in ("high", "low"))
    np.testing.assert_array_equal(high, ~low)
    np.testing.assert_array_equal(high, JUDGED.energies > threshold)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.93])
def test_a_quantile_removes_its_share_of_those_that_may_be(quantile):
    assert removed(side="low", quantile=quantile).mean() == pytest.approx(quantile)
    high = removed(side="high", quantile=quantile, only_correct=True)
    assert not (high & WRONG).any()
    share = high.sum() / (~WRONG).sum()
    assert share == pytest.approx(1 - quantile, abs=1.5 / (~WRONG).sum())
    kept = JUDGED.energies[~WRONG & ~high]
    assert JUDGED.energies[high].min() > kept.max()


@pytest.mark.parametrize("only_correct", [False, True])
def test_as_many_of_each_class_at_random(only_correct):
    settings = {"side": "high", "quantile": 0.7, "only_correct": only_correct}
    found, control = removed(**settings), removed(**settings, at_random=True)
    for label in range(4):
        assert found[LABELS == label].sum() == control[LABELS == label].sum()
    assert only_correct <= (not (control & WRONG).any())
    # At random 30 % of the removed are among the 30 % of high energy.
    assert 0.2 < (found & control).sum() / found.sum() < 0.4
    np.testing.assert_array_equal(control, removed(**settings, at_random=True))


def test_numbers_and_lines_say_what_is_left_out():
    settings = EnergyRemoval(side="low", threshold=-100.0, only_correct=True)
    found = chosen(settings, JUDGED, seed=0)
    facts = found.facts
    assert facts["num_removed"] == found.removed.sum() and facts["num_images"] == NUM
    assert sum(facts["num_removed_by_class"]) == facts["num_removed"]
    (line,) = found.lines(settings)
    assert f"removed: {facts['num_removed']} of 1,000 images, E(x) <= -100" in line


def test_where_none_is_right_none_is_removed():
    wrong = JUDGED._replace(predictions=(LABELS + 1) % 4)
    settings = EnergyRemoval(quantile=0.5, only_correct=True)
    assert not chosen(settings, wrong, seed=0).removed.any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "threshold=None or quantile=None, one of them"),
        ({"threshold": 1.0, "quantile": 0.5}, "threshold=1.0 or quantile=0.5"),
        ({"quantile": 1.0}, r"quantile=1.0 in \(0, 1\)"),
        ({"side": "middle", "quantile": 0.5}, "side='middle'"),
    ],
)
def test_what_cannot_be_meant_is_told(settings, message):
    with pytest.raises(ConfigError, match=message):
        EnergyRemoval(**settings)
