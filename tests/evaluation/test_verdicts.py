"""An image stays broken by what broke it first."""

import numpy as np
import pytest

from ebm_tf.evaluation.robustness import interval
from ebm_tf.evaluation.verdicts import (
    accuracies,
    by_attack,
    l2_distances,
    natural_verdicts,
)

NATURAL = np.zeros([5, 2, 2, 1], np.float32)


def outcome(value: float, broken: list, prediction: list) -> dict[str, np.ndarray]:
    return {
        "images": np.full([len(broken), 2, 2, 1], value, np.float32),
        "broken": np.array(broken, bool),
        "prediction": np.array(prediction, np.int64),
    }


@pytest.fixture
def verdicts():
    """One is wrong to begin with; one attack breaks two, the other a third."""
    first = natural_verdicts(
        NATURAL, np.array([True, False, False, False, False]), np.array([7, 0, 0, 0, 0])
    )
    assert first.right.tolist() == [False, True, True, True, True]
    chosen = np.array([1, 2, 3, 4])
    second = first.after(
        "pgd", chosen, outcome(0.1, [True, True, False, False], [1, 1, 0, 0])
    )
    assert second.unbroken.tolist() == [3, 4]
    chosen = np.array([1, 3, 4])
    return second.after("apgd_ce", chosen, outcome(0.2, [True, True, False], [2, 2, 0]))


def test_what_broke_each_image(verdicts):
    assert verdicts.names == ("natural", "pgd", "apgd_ce")
    assert verdicts.broken_by.tolist() == [0, 1, 1, 2, -1]
    # The last one is unbroken: what the first attack made of it stays.
    np.testing.assert_array_equal(
        verdicts.images[:, 0, 0, 0], np.array([0, 0.1, 0.1, 0.2, 0.1], np.float32)
    )
    assert verdicts.predictions.tolist() == [7, 1, 1, 2, 0]
    assert verdicts.broken["apgd_ce"].tolist() == [False, True, False, True, False]


def test_accuracies(verdicts):
    found = accuracies(verdicts)
    assert found["by_attack"] == {
        "pgd": {"accuracy": 0.4, "accuracy_interval": interval(2, 5), "broke": 0.4},
        "apgd_ce": {"accuracy": 0.2, "accuracy_interval": interval(1, 5), "broke": 0.2},
    }
    for name, count in [*(("natural", 4), ("pgd", 2), ("apgd_ce", 2), ("robust", 1))]:
        assert found[f"{name}_accuracy"] == count / 5
        assert found[f"{name}_accuracy_interval"] == interval(count, 5)


def test_distances_are_those_of_the_nearest_errors(verdicts):
    """In 255ths; the first image is wrong as it is, the last has no error near."""
    distances = np.array([1.0, 0.5, 0.2, np.inf])
    found = l2_distances(verdicts, np.array([1, 2, 3, 4]), distances)
    assert found == {"median_l2_distance": 63.75, "num_without_l2_distance": 1}


def test_nothing_is_changed_in_place(verdicts):
    before = verdicts.broken_by.copy(), verdicts.images.copy()
    verdicts.after("three", np.array([4]), outcome(1.0, [True], [1]))
    np.testing.assert_array_equal(verdicts.broken_by, before[0])
    np.testing.assert_array_equal(verdicts.images, before[1])
    assert not NATURAL.any()


def test_an_attack_on_nothing_changes_nothing(verdicts):
    nothing = np.zeros(0, np.int64)
    after = verdicts.after("none", nothing, outcome(0.0, [], []))
    np.testing.assert_array_equal(after.broken_by, verdicts.broken_by)
    assert by_attack(after)["none"]["broke"] == 0.0
