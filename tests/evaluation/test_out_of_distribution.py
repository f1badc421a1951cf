"""Detection against counts of pairs, scikit-learn and examples by hand."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from sklearn.metrics import average_precision_score, roc_auc_score

from ebm_tf.evaluation.out_of_distribution import detection, intervals, metrics


def scores(seed: int, *, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    inside, outside = generator.normal(1.0, 1.0, 70), generator.normal(0.0, 2.0, 43)
    return (np.rint(inside), np.rint(outside)) if ties else (inside, outside)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_areas_are_those_of_pairs_and_of_scikit_learn(seed, ties):
    inside, outside = scores(seed, ties=ties)
    found = detection(inside, outside)
    count = mannwhitneyu(inside, outside).statistic
    assert found.auroc == pytest.approx(count / (len(inside) * len(outside)))
    positive = np.repeat([1, 0], [len(inside), len(outside)])
    both = np.concatenate([inside, outside])
    assert found.auroc == pytest.approx(roc_auc_score(positive, both))
    assert found.aupr == pytest.approx(average_precision_score(positive, both))


def test_false_positives_by_hand():
    inside = np.arange(1, 21)  # 95 % of them are 2 and above
    found = detection(inside, np.array([0.5, 1.0, 1.5, 1.999]))
    assert found.fpr_at_95_tpr == 0.0
    found = detection(inside, np.array([0.5, 2.0, 2.5, 30.0]))
    assert found.fpr_at_95_tpr == 0.75
    # Of 19 images 18 are too few: all have to be let through.
    found = detection(np.arange(1, 20), np.array([0.5, 1.5]))
    assert found.fpr_at_95_tpr == 0.5


def test_equal_sets_are_told_by_chance():
    values = np.random.default_rng(0).normal(size=200)
    for inside, outside in ((values, values), (np.zeros(50), np.zeros(50))):
        assert detection(inside, outside).auroc == 0.5
    assert detection(np.zeros(30), np.zeros(10)).aupr == 0.75
    assert detection(np.zeros(30), np.zeros(10)).fpr_at_95_tpr == 1.0


def test_separate_sets_are_told_without_error():
    high, low = np.arange(10.0) + 20, np.arange(7.0)
    assert detection(high, low) == (1.0, 1.0, 0.0)
    assert detection(low, high).auroc == 0.0
    assert detection(low, high).fpr_at_95_tpr == 1.0


@pytest.mark.parametrize("ties", [False, True])
def test_only_the_order_counts(ties):
    inside, outside = scores(3, ties=ties)
    expected = detection(inside, outside)
    for rising in (np.exp, np.arctan, lambda x: 1e30 * x):
        assert detection(rising(inside), rising(outside)) == expected
    assert detection(-outside, -inside).auroc == pytest.approx(expected.auroc)
    assert detection(outside, inside).auroc == pytest.approx(1 - expected.auroc)


def test_what_is_no_number_counts_against_the_detector():
    inside, outside = np.array([2.0, 3.0, np.nan]), np.array([0.0, 1.0, np.inf])
    found = metrics(inside, outside, num_draws=10, seed=0)
    assert found["num_not_finite"] == found["num_not_finite_of_others"] == 1
    # Of nine pairs the four of numbers are in order.
    assert found["auroc"] == pytest.approx(4 / 9)
    assert detection(inside, np.array([0.0, 1.0, np.nan])).auroc == found["auroc"]
    assert detection(np.array([np.inf]), np.array([-np.inf])).auroc == 1.0


def test_intervals_hold_the_truth_and_are_of_the_seed():
    # P(x > y) of N(1, 1) and N(0, 1) is Phi(1 / sqrt 2).
    truth, held, generator = 0.7602, 0, np.random.default_rng(0)
    for _ in range(40):
        inside, outside = generator.normal(1, 1, 100), generator.normal(0, 1, 80)
        low, high = intervals(inside, outside, 100, 0)["auroc"]
        held += low <= truth <= high
    assert held >= 33
    found = [metrics(inside, outside, num_draws=20, seed=s) for s in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    for name in ("auroc", "aupr", "fpr_at_95_tpr"):
        low, high = found[0][f"{name}_interval"]
        assert 0 <= low <= high <= 1
