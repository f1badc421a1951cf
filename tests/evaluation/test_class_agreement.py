"""Agreement of samples with the classes asked for, by known judges."""

import numpy as np
import pytest

from ebm_tf.evaluation.class_agreement import agreement, class_metrics, judges

COUNT = 60


def images_of(labels: np.ndarray) -> np.ndarray:
    """The pixel of the class is bright."""
    images = np.full([len(labels), 2, 2, 1], -1.0, np.float32)
    images.reshape(len(labels), 4)[np.arange(len(labels)), labels] = 1.0
    return images


LABELS = np.arange(COUNT) % 3
IMAGES = images_of(LABELS)


def always_one(images: np.ndarray) -> np.ndarray:
    return np.ones(len(images), np.int64)


def test_each_judge_has_its_word_and_worth():
    found = judges(always_one, (IMAGES, LABELS), (IMAGES, LABELS))
    assert found.test_accuracy == pytest.approx(
        {"classifier": 1 / 3, "logistic_regression": 1.0}
    )
    asked = np.array([0, 0, 1, 1])
    metrics = class_metrics(found, images_of(np.array([0, 2, 1, 1])), asked, 4)
    shares = metrics["class_shares"]
    assert shares["logistic_regression"] == {"0": 0.25, "1": 0.5, "2": 0.25, "3": 0}
    assert shares["classifier"] == {"0": 0, "1": 1, "2": 0, "3": 0}
    agreed = metrics["class_agreement"]
    assert agreed["logistic_regression"]["share"] == 0.75
    assert agreed["logistic_regression"]["by_class"] == {"0": 0.5, "1": 1.0}
    assert agreed["classifier"]["by_class"] == {"0": 0.0, "1": 1.0}
    assert "class_agreement" not in class_metrics(found, IMAGES, (), 4)


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros([4, 33, 33, 3], np.float32), np.arange(4)),
        (IMAGES, np.full(COUNT, -1)),
        (IMAGES, np.zeros(COUNT, np.int64)),
    ],
    ids=["large", "without labels", "one class"],
)
def test_where_nothing_can_be_fitted_the_classifier_is_alone(images, labels):
    found = judges(always_one, (images, labels), (images, labels))
    assert list(found.by_name) == ["classifier"]


def test_the_interval_is_of_all_samples():
    low, high = agreement(np.array([1, 1, 0, 2]), np.array([1, 1, 1, 2]))[
        "share_interval"
    ]
    assert 0 < low < 0.75 < high < 1
