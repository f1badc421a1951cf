"""The classes that samples show, on digits."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ebm_tf.evaluation.neighbours import class_shares

IMAGES, LABELS = load_digits(return_X_y=True)
IMAGES = (IMAGES / 8.0 - 1.0).astype(np.float32).reshape(-1, 8, 8, 1)


FEW, FEW_LABELS = IMAGES[:400], LABELS[:400]  # so few can all be told apart


def test_shares_of_the_images_that_were_learned():
    shares = class_shares(FEW, FEW, FEW_LABELS)
    assert list(shares) == [str(digit) for digit in range(10)]
    np.testing.assert_allclose(list(shares.values()), np.bincount(FEW_LABELS) / 400)


def test_classes_that_samples_miss_have_no_share():
    shares = class_shares(FEW[FEW_LABELS == 3], FEW, FEW_LABELS)
    assert shares == {str(digit): float(digit == 3) for digit in range(10)}


def test_images_that_were_not_learned_are_told_apart_too():
    shares = class_shares(IMAGES[400:][LABELS[400:] == 3], FEW, FEW_LABELS)
    assert shares["3"] > 0.75 and sum(shares.values()) == pytest.approx(1.0)


@pytest.mark.slow
def test_large_images_are_told_apart_by_their_main_components():
    large = np.kron(IMAGES, np.ones([1, 4, 4, 1], np.float32))
    shares = class_shares(large[LABELS == 3], large, LABELS)
    assert shares["3"] > 0.95


def test_labels_need_not_count_from_0():
    few = np.isin(LABELS, [4, 9])
    shares = class_shares(IMAGES[LABELS == 9], IMAGES[few], LABELS[few])
    assert list(shares) == ["4", "9"] and shares["9"] > 0.97
