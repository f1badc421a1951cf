"""Principal components of classes: against an independent decomposition, and kept."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.decomposition import PCA

from ebm_tf.sampling.class_pca import (
    components,
    gaussians,
    kept_components,
    num_retained,
)
from ebm_tf.sampling.initialization import class_gaussian_start

RNG = np.random.default_rng(0)
SCALES = np.array([0.2, 0.1, 0.05, 0.02, 0.01, 0.005])


def vectors_of(num: int) -> np.ndarray:
    mixing, _ = np.linalg.qr(RNG.normal(size=[6, 6]))
    drawn = RNG.normal(size=[num, 6]) * SCALES @ mixing
    return (drawn + np.linspace(-0.3, 0.3, 6)).astype(np.float32)


@pytest.mark.parametrize("num", [40, 5, 2])
def test_they_are_those_of_an_independent_decomposition(num):
    """Of more vectors than dimensions, and of fewer."""
    vectors = vectors_of(num)
    found, other = components(vectors), PCA().fit(vectors.astype(np.float64))
    rank = min(num - 1, 6)
    assert found.directions.shape == (rank, 6)
    np.testing.assert_allclose(found.mean, other.mean_, atol=1e-6)
    variances: Any = other.explained_variance_
    directions: Any = other.components_
    np.testing.assert_allclose(found.variances, variances[:rank], rtol=1e-5)
    overlaps = np.abs(np.sum(found.directions * directions[:rank], axis=1))
    np.testing.assert_allclose(overlaps, 1.0, atol=1e-5)


@pytest.mark.parametrize(
    "retained, expected", [(0.5, 0), (0.61, 1), (0.79, 1), (0.85, 2), (0.99, 3), (1, 4)]
)
def test_the_component_that_crosses_the_share_is_left_out(retained, expected):
    """The rule of the published program: K' is the index of the first sum >= r."""
    assert num_retained(np.array([6.0, 2.0, 1.2, 0.8]), retained) == expected


# Retained share -> components of CIFAR-10's classes 0, 1, ..., as published.
PUBLISHED = {
    0.80: (23, 41),
    0.90: (73, 116, 82, 79, 98, 90, 125, 109, 74, 130),
    0.95: (163, 235, 185, 171, 215, 184, 266, 221, 164, 254),
    0.99: (514, 644),
}


@pytest.mark.slow
def test_cifar_10_has_the_published_numbers_of_components():
    """Needs the whole training split, prepared where TFDS looks for it."""
    tfds = pytest.importorskip("tensorflow_datasets")
    try:
        builder = tfds.builder("cifar10")
        complete = builder.info.splits["train"].num_examples == 50_000
    except Exception:
        complete = False
    if not complete:
        pytest.skip("CIFAR-10 is not prepared")
    stored = tfds.as_numpy(builder.as_dataset(split="train", batch_size=-1))
    unit = stored["image"].reshape(50_000, -1).astype(np.float32) / 255
    for label in range(10):
        variances = components(unit[stored["label"] == label]).variances
        for retained, numbers in PUBLISHED.items():
            if label < len(numbers):
                assert num_retained(variances, retained) == numbers[label]


def test_starts_have_the_variance_that_is_retained_times_the_temperature():
    parts = [components(vectors_of(300)) for _ in range(2)]
    found = gaussians(parts, retained=0.99, num_components=None, temperature=0.5)
    start = class_gaussian_start(found, (2, 3, 1), tf.constant(1), ridge=0.0)
    drawn = start(20_000, tf.constant([1, 2])).images.numpy().reshape(-1, 6)
    for row, part in ((1, parts[0]), (0, parts[1])):  # the first has class 1
        own, count = drawn[row::2], num_retained(part.variances, 0.99)
        kept = part.directions[:count]
        expected = 0.25 * kept.T * part.variances[:count] @ kept
        np.testing.assert_allclose(own.mean(0), part.mean, atol=5e-3)
        np.testing.assert_allclose(np.cov(own.T), expected, atol=5e-4)
        # Nothing lies outside of the retained directions.
        away = own - part.mean
        np.testing.assert_allclose(away - away @ kept.T @ kept, 0, atol=1e-5)


def test_a_number_of_components_and_a_temperature_of_0():
    parts = [components(vectors_of(30))]
    assert gaussians(
        parts, retained=0.9, num_components=2, temperature=1.0
    ).factors.shape == (1, 2, 6)
    still = gaussians(parts, retained=0.9, num_components=None, temperature=0.0)
    assert not still.factors.any()


def test_they_are_kept_under_what_they_are_of(tmp_path, monkeypatch):
    stem, vectors = str(tmp_path / "class_pca" / "digits_class_3"), vectors_of(20)
    first = kept_components(vectors, stem)
    other = kept_components(vectors + 1e-3, stem)  # prepared anew, under the same name
    files = sorted(tmp_path.rglob("*.npz"))
    assert len(files) == 2 and not np.array_equal(first.mean, other.mean)
    monkeypatch.setattr("ebm_tf.sampling.class_pca.components", None)
    again = kept_components(vectors, stem)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_damaged_file_is_made_anew(tmp_path):
    stem, vectors = str(tmp_path / "some"), vectors_of(20)
    first = kept_components(vectors, stem)
    (path,) = tmp_path.glob("*.npz")
    path.write_bytes(b"no archive")
    np.testing.assert_array_equal(kept_components(vectors, stem)[1], first[1])
    assert path.stat().st_size > 100
