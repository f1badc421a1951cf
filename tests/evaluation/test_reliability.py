"""Each flag is raised by what it is meant for, and by nothing else."""

import numpy as np
import pytest
import scipy.stats

from ebm_tf.evaluation.reliability import (
    Evidence,
    black_box_wins,
    gathered,
    logit_difference,
    looks_like_probabilities,
    mean_rise,
    reliability,
)

LOGITS = np.random.default_rng(0).normal(size=[50, 10]).astype(np.float32)


def raised(evidence: Evidence) -> set[str]:
    found = reliability(evidence)
    flags = {name for name, flag in found["flags"].items() if flag}
    assert len(found["warnings"]) == len(flags)
    return flags


@pytest.mark.parametrize(
    ("evidence", "flag"),
    [
        (Evidence(logit_difference=0.01), "random_logits"),
        (Evidence(logit_difference=float("nan")), "random_logits"),
        (Evidence(looks_like_probabilities=True), "probabilities"),
        (Evidence(zero_gradient_share=0.001), "zero_gradients"),
        (Evidence(num_black_box=6, num_images=1000), "black_box_wins"),
        (Evidence(rise=0.1), "still_rising"),
        (Evidence(num_disagreeing=1), "not_repeatable"),
    ],
)
def test_a_reason_raises_its_flag(evidence, flag):
    assert raised(evidence) == {flag}


def test_no_reason_raises_none():
    evidence = Evidence(
        logit_difference=1e-6, num_black_box=5, num_images=1000, rise=1e-3
    )
    assert raised(evidence) == set()


def test_a_softmax_differs_from_logits():
    softmax = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
    assert looks_like_probabilities(softmax)
    assert not looks_like_probabilities(LOGITS)
    assert not looks_like_probabilities(np.abs(LOGITS))
    assert not looks_like_probabilities(np.log(softmax))


def test_differences_are_relative_to_large_logits():
    assert logit_difference(LOGITS, LOGITS) == 0.0
    assert logit_difference(100 * LOGITS, 100 * LOGITS + 1) == pytest.approx(
        0.01 / np.abs(LOGITS).max(), rel=1e-3
    )
    assert logit_difference(0.1 * LOGITS, 0.1 * LOGITS + 0.5) == pytest.approx(0.5)


def test_going_to_and_fro_is_no_rise():
    random = np.random.default_rng(1)
    assert mean_rise(random.normal(size=10_000)) < 0.01
    assert mean_rise(0.1 + 0.1 * random.normal(size=400)) == pytest.approx(0.09, 0.2)
    assert mean_rise(np.array([])) == 0.0
    assert mean_rise(np.array([0.3])) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("num_images", "least"), [(20, 2), (360, 3), (1000, 6), (10_000, 29)]
)
def test_luck_does_not_explain_so_many(num_images, least):
    """A binomial test at 5 %, by another implementation, and never one image."""
    assert black_box_wins(least, num_images)
    assert not black_box_wins(least - 1, num_images)
    assert scipy.stats.binom.sf(least - 1, num_images, 2e-3) < 0.05
    if least > 2:
        assert scipy.stats.binom.sf(least - 2, num_images, 2e-3) >= 0.05


def test_the_warning_has_the_count():
    found = reliability(Evidence(num_black_box=7, num_images=360))
    assert "7 of the 360 images" in found["warnings"][0]


def outcome(broken, **info):
    verdict = np.array(broken)
    values = {f"info_{name}": np.array(value) for name, value in info.items()}
    return {"broken": verdict, "claimed": verdict, **values}


def test_only_what_gradients_left_counts_for_the_black_box():
    broken = {
        "pgd": [True, False, False, False],
        "square": [True, True, False, False],
        "fab_t": [False, False, True, False],
    }
    outcomes = {name: (np.arange(4), outcome(row)) for name, row in broken.items()}
    assert gathered(outcomes, 4, is_random=False).num_black_box == 1
    assert gathered({}, 4, is_random=False).num_black_box == 0


def test_evidence_is_gathered_from_all_attacks():
    outcomes = {
        "pgd": (
            np.array([0, 1, 2, 3]),
            outcome(
                [True, False, False, False],
                zero_gradient=[1.0, 0.5, 0.0, 0.0],  # the first broke all the same
                loss_last=[9.0, 0.5, 0.5, 0.5],
                loss_before_last=[0.0, 0.5, 0.5, 0.5],
            ),
        ),
        "apgd_ce": (
            np.array([2, 3]),
            outcome(
                [False, False], zero_gradient=[0.0, 0.1], loss_last_rise=[0.2, 0.2]
            ),
        ),
        "square": (
            np.array([2, 3]),
            outcome([True, False], zero_gradient=[0.0, 0.0], loss_last_rise=[5.0, 5.0]),
        ),
    }
    found = gathered(outcomes, 8, is_random=False)
    assert found.zero_gradient_share == 2 / 8  # images 1 and 3
    assert (found.num_black_box, found.num_images) == (1, 8)
    assert found.rise == pytest.approx(0.2)
    assert found.num_disagreeing == 0


def test_verdicts_that_cannot_be_repeated_count_where_nothing_is_random():
    outcomes = {"pgd": (np.arange(3), outcome([True, False, True]))}
    outcomes["pgd"][1]["claimed"] = np.array([True, True, False])
    assert gathered(outcomes, 3, is_random=False).num_disagreeing == 2
    assert gathered(outcomes, 3, is_random=True).num_disagreeing == 0


def test_attacks_on_nothing_are_no_evidence():
    outcomes = {"pgd": (np.arange(0), outcome(np.zeros(0, bool)))}
    assert gathered(outcomes, 5, is_random=False) == Evidence(num_images=5)
