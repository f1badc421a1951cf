"""Which of a run's results a card tells."""

import pytest

from configs.digits_clean import config
from configs.squares32_vrgan_small import config as of_mapper
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


def test_a_mapper_s_measurements_are_reported_of_its_test_split():
    results = {"flip_rate": 0.9, "cosine": 0.8, "num_images": 100}
    flips, cosines = reported_metrics(of_mapper, results, "it")
    assert (flips["metric"], cosines["metric"]) == ("flip_rate", "cosine")
    assert flips["reference"] == cosines["reference"] == "squares32, split test"
    assert flips["num_images"] == 100
