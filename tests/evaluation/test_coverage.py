"""The classes that samples show, on digits."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ebm_tf.evaluation.coverage import class_shares

IMAGES, LABELS = load_digits(return_X_y=True)
IMAGES = (IMAGES / 8.0 - 1.0).astype(np.float32).reshape(-1, 8, 8, 1)


def test_shares_of_the_images_that_were_learned():
    images, labels = IMAGES[:400], LABELS[:400]  # few enough to be told apart
    shares = class_shares(images, images, labels)
    assert list(shares) == [str(digit) for digit in range(10)]
    np.testing.assert_allclose(list(shares.values()), np.bincount(labels) / 400)


def test_samples_of_one_class_show_it_and_miss_the_others():
    threes = IMAGES[400:][LABELS[400:] == 3]
    shares = class_shares(threes, IMAGES[:400], LABELS[:400])
    assert shares["3"] > 0.75 and shares["0"] == 0.0 and len(shares) == 10
    assert sum(shares.values()) == pytest.approx(1.0)


def test_labels_need_not_count_from_0():
    few = np.isin(LABELS, [4, 9])
    shares = class_shares(IMAGES[LABELS == 9], IMAGES[few], LABELS[few])
    assert list(shares) == ["4", "9"] and shares["9"] > 0.97
