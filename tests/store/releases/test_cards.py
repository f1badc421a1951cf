"""Which of a run's results a card tells."""

import pytest

from configs.digits_clean import config
from ebm_tf.store.releases.cards import reported_metrics


@pytest.mark.parametrize(
    ("metric", "meaning"),
    [
        ("test_accuracy", "test images that are classified correctly"),
        ("pgd20_accuracy", "PGD of 20 steps did not break"),
        ("pgd7_accuracy", "PGD of 7 steps did not break"),
        ("pgd_accuracy", "PGD alone did not break"),
        ("apgd_ce_accuracy", "APGD on the cross-entropy alone did not break"),
    ],
)
def test_accuracies_under_every_attack_are_reported(metric, meaning):
    results = {metric: 0.5, f"{metric}_interval": [0.4, 0.6], f"validation_{metric}": 1}
    (figure,) = reported_metrics(config, results, "it")
    assert figure["metric"] == metric and figure["value"] == 0.5
    assert meaning in figure["meaning"] and figure["interval"] == [0.4, 0.6]
