"""How different samples of a class are from one another."""

import numpy as np
import pytest

from ebm_tf.evaluation.diversity import diversity, spreads

RNG = np.random.default_rng(0)
LABELS = np.arange(600) % 3


def test_the_spread_is_the_mean_distance_of_pairs():
    vectors = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0], [9.0, 9.0]])
    found = spreads(vectors, np.array([1, 1, 1, 5]))
    assert found == {1: pytest.approx(10 / 3)}  # 5, 0 and 5; class 5 has one vector


def test_copies_have_none_and_other_draws_have_all_of_it():
    real = RNG.normal(size=[600, 8])
    of_real = spreads(real, LABELS)
    again = diversity(RNG.normal(size=[600, 8]), LABELS, of_real)
    assert again["diversity"] == pytest.approx(1.0, abs=0.02)
    assert set(again["diversity_by_class"]) == {"0", "1", "2"}
    copies = diversity(np.eye(3)[LABELS], LABELS, of_real)
    assert copies["diversity"] == 0.0
    half = diversity(real / 2, LABELS, of_real)["diversity"]
    assert half == pytest.approx(0.5)


def test_classes_that_cannot_be_compared_are_left_out():
    found = diversity(RNG.normal(size=[4, 2]), np.array([0, 0, 7, 7]), {0: 1.0, 3: 2.0})
    assert set(found["diversity_by_class"]) == {"0"}
    assert diversity(np.zeros([2, 2]), np.array([0, 1]), {0: 1.0})["diversity"] is None
