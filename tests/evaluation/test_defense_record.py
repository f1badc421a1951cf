"""What is said of an attack on a purified classifier besides its accuracies."""

import numpy as np
import pytest

from ebm_tf.config.attacks import Ball
from ebm_tf.config.defense import Purification, PurifiedPgd
from ebm_tf.evaluation.defense_record import metrics
from tests.evaluation.purified import measurement

RECORD = {
    "class_path": np.array([[1, 1, 1, 0], [1, 1, 0, 0]], np.float32),
    "labs": np.array([3, 1, 2, 0]),
    "final_predictions": np.array([3, 4, 5, 6]),
    "losses": np.zeros([1, 4], np.float32),
    "last_rise": np.zeros(4, np.float32),
    "zero_gradient": np.zeros(4, np.float32),
}


def found(turn: float | None = None, num_steps: int = 4, **attack) -> dict:
    config = measurement(
        ball=Ball(epsilon=8.0),
        defense=Purification(num_steps=num_steps),
        attack=PurifiedPgd(**attack),
    )
    return metrics(config, RECORD, turn)


@pytest.mark.parametrize(
    ("given", "expected", "told"),
    [
        ({"gradient": "bpda"}, {"chain_not_seen"}, "through the 4 steps"),
        ({"gradient": "bpda", "num_steps": 0}, set(), ""),
        ({"gradient": "transfer"}, {"chain_not_seen"}, "attack.gradient=chain"),
        ({"gradient": "bpda", "also": ("chain",)}, set(), ""),
        ({"gradient": "chain", "turn": 0.5}, set(), ""),
        ({"gradient": "chain", "chain_steps": 3}, {"chain_cut"}, "3 of 4 steps"),
        ({"gradient": "chain", "turn": 1e-8}, {"no_curvature"}, "attack.sharpness=50"),
        ({"gradient": "chain", "turn": 1e-8, "sharpness": 50.0}, set(), ""),
    ],
)
def test_each_reason_to_doubt_the_gradient_is_told_where_it_holds(
    given, expected, told
):
    results = found(**given)
    assert {name for name, flag in results["flags"].items() if flag} == expected
    assert len(results["warnings"]) == len(expected)
    assert told in "".join(results["warnings"])


def test_accuracies_are_of_the_protocol_of_fresh_noise_and_of_the_worse():
    results = found()
    assert results["natural_accuracy"] == 0.75 and results["robust_accuracy"] == 0.5
    assert results["robust_accuracy_fresh"] == 0.25
    assert results["robust_accuracy_worst"] == 0.25
    assert results["by_step"] == [0.75, 0.5]
