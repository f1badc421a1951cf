"""Verdicts of copies and of images that are submitted again, on arrays made by hand."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from configs_attack.digits import config as digits
from ebm_tf.config.defense import DefenseMeasurement, EnergyDescent, Purification
from ebm_tf.config.overrides import override
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.resubmissions import counts, table, verdicts, worst_of

# Of two images and five copies; the classes that copies say, and how surely.
SAID = [[(0, 1.0), (0, 1.0), (1, 5.0), (1, 1.0), (0, 1.0)], [(2, 1.0)] * 5]
LOGITS = tf.constant(
    [[np.eye(3)[kind] * sure for kind, sure in image] for image in SAID], tf.float32
)


def test_groups_of_copies_vote_apart():
    found = verdicts(LOGITS, [1, 2, 3, 5], "logits")
    np.testing.assert_array_equal(found["vote_of_1"], [[0, 0, 1, 1, 0], [2] * 5])
    # Copies 1 and 2; 3 and 4; the fifth is in no pair.
    np.testing.assert_array_equal(found["vote_of_2"], [[0, 1], [2, 2]])
    # The third is surer than both others together; a majority does not care.
    np.testing.assert_array_equal(found["vote_of_3"], [[1], [2]])
    np.testing.assert_array_equal(found["majority_of_3"], [[0], [2]])
    np.testing.assert_array_equal(found["vote_of_5"], [[1], [2]])
    np.testing.assert_array_equal(found["majority_of_5"], [[0], [2]])


def test_the_own_vote_is_that_of_the_defence():
    found = verdicts(LOGITS, [3], "classes")
    np.testing.assert_array_equal(found["vote_of_3"], found["majority_of_3"])


def test_copies_that_are_no_numbers_are_right_about_nothing():
    burst = tf.where(tf.range(5)[None, :, None] == 1, float("nan"), LOGITS)
    found = verdicts(burst, [1, 5], "logits")
    np.testing.assert_array_equal(found["vote_of_1"][:, 1], [-1, -1])
    np.testing.assert_array_equal(found["vote_of_5"][:, 0], [-1, -1])
    np.testing.assert_array_equal(found["majority_of_5"][:, 0], [-1, -1])


@pytest.mark.parametrize("submissions", [1, 2, 4])
def test_the_worst_is_the_mean_over_all_choices_of_submissions(submissions):
    right = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [1, 0, 1, 0], [0, 0, 0, 0]], bool)
    choices = list(itertools.combinations(range(4), submissions))
    expected = [
        np.mean([row[list(chosen)].all() for chosen in choices]) for row in right
    ]
    np.testing.assert_allclose(worst_of(right, submissions), expected)


def test_a_table_by_hand():
    first, second = table(
        verdicts(LOGITS, [1, 2], "logits"), np.array([0, 2]), [1, 2], 2
    )
    assert (first["copies"], first["submissions"]) == (1, 2)
    assert first["accuracy"] == pytest.approx((3 / 5 + 1) / 2)
    assert first["worst"] == pytest.approx((3 / 10 + 1) / 2)  # 3 of the 10 pairs
    assert (second["copies"], second["submissions"]) == (2, 2)
    assert second["accuracy"] == pytest.approx((1 / 2 + 1) / 2)
    assert second["worst"] == second["majority_worst"] == pytest.approx(1 / 2)
    for row in (first, second):
        low, high = row["accuracy_interval"]
        assert 0 <= row["worst"] <= low + 1 and low <= row["accuracy"] <= high <= 1


def test_no_more_submissions_than_verdicts():
    rows = table(verdicts(LOGITS, [1, 5], "logits"), np.array([0, 2]), [1, 5], 10)
    assert [row["submissions"] for row in rows] == [5, 1]
    assert rows[1]["worst"] == rows[1]["accuracy"] == 0.5


def measurement(*words: str) -> DefenseMeasurement:
    return override(digits, words)


def test_counts_are_those_asked_for_and_those_of_the_defence():
    assert counts(measurement("num_final_replicates=100")) == [1, 16, 30, 50, 100]
    assert counts(measurement("num_final_replicates=40")) == [1, 16, 30, 40]
    assert counts(measurement("num_final_replicates=8")) == [1, 8]
    words = ("num_final_replicates=9", "final_copies=(2,)", "defense.num_replicates=4")
    assert counts(measurement(*words)) == [2, 4, 9]


@pytest.mark.parametrize("defense", [Purification(num_steps=0), EnergyDescent()])
def test_where_nothing_is_random_one_copy_is_all(defense):
    given = measurement("num_final_replicates=100")
    made = DefenseMeasurement(
        name="still", data=given.data, classifier=given.classifier, defense=defense
    )
    assert counts(made) == [1]


@pytest.mark.parametrize("counts", ["(0, 3)", "(3, 1)", "()"])
def test_counts_that_cannot_be(counts):
    with pytest.raises(ConfigError, match="final_copies"):
        measurement(f"final_copies={counts}")
