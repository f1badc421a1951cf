"""Precision and recall by neighbours: points on a line, laws, and a plain loop."""

import tracemalloc

import numpy as np
import pytest

from ebm_tf.evaluation import neighbours
from ebm_tf.evaluation.neighbours import precision_recall


def line(*places):
    return np.array(places, np.float64)[:, None]


def features(count, size, *, seed, shift=0.0):
    return np.random.default_rng(seed).normal(size=(count, size)) + shift


def by_loops(points, support, num_neighbours):
    """The definition: eq. 1 of Kynkäänniemi et al. (2019) for every point."""
    radii = []
    for index, vector in enumerate(support):
        others = np.delete(support, index, axis=0)
        radii.append(
            sorted(np.linalg.norm(others - vector, axis=1))[num_neighbours - 1]
        )
    inside = [
        any(
            np.linalg.norm(point - vector) <= radius
            for vector, radius in zip(support, radii, strict=True)
        )
        for point in points
    ]
    return np.mean(inside)


def test_points_on_a_line():
    # Balls of the nearest neighbour: 0 +- 1, 1 +- 1, 10 +- 9 for the reference, and
    # 4 +- 1, 5 +- 1, 30 +- 25 for the samples.
    result = precision_recall(line(4, 5, 30), line(0, 1, 10), num_neighbours=1)
    assert result.precision == pytest.approx(2 / 3)
    assert result.recall == pytest.approx(1 / 3)
    # The second neighbours reach 0 +- 10, 1 +- 9, 10 +- 10.
    result = precision_recall(line(-10, 20, 21), line(0, 1, 10), num_neighbours=2)
    assert result.precision == pytest.approx(2 / 3)


def test_a_ball_includes_its_boundary():
    reference = line(0, 1, 2, 3)  # balls of 0 +- 3, 1 +- 2, 2 +- 2 and 3 +- 3
    samples = line(-3, 6, 7, -4)
    assert precision_recall(samples, reference).precision == 0.5


def test_the_same_set_is_covered():
    same = features(50, 8, seed=0)
    assert precision_recall(same, same) == (1.0, 1.0)
    assert precision_recall(same, np.random.default_rng(1).permutation(same)) == (1, 1)


def test_sets_far_apart_share_nothing():
    first, second = features(20, 4, seed=2), features(30, 4, seed=3, shift=100.0)
    assert precision_recall(first, second) == (0.0, 0.0)


def test_a_subset_is_precise():
    reference = np.concatenate([features(30, 4, seed=4), features(30, 4, seed=5) + 50])
    result = precision_recall(reference[:30], reference)
    assert result.precision == 1.0
    assert result.recall == pytest.approx(0.5)


def test_samples_that_are_all_the_same_recall_only_themselves():
    reference = features(40, 16, seed=6) + 7.0
    collapsed = np.repeat(reference[:1], 10, axis=0)
    result = precision_recall(collapsed, reference)
    assert result.precision == 1.0
    assert result.recall == pytest.approx(1 / 40)


@pytest.mark.parametrize("num_neighbours", [1, 3, 5])
@pytest.mark.parametrize("shift", [0.0, 0.5, 1.5])
def test_equality_with_loops_and_symmetry(shift, num_neighbours):
    samples, reference = features(40, 3, seed=7), features(30, 3, seed=8, shift=shift)
    result = precision_recall(samples, reference, num_neighbours=num_neighbours)
    assert result.precision == by_loops(samples, reference, num_neighbours)
    assert result.recall == by_loops(reference, samples, num_neighbours)
    turned = precision_recall(reference, samples, num_neighbours=num_neighbours)
    assert turned == (result.recall, result.precision)


def test_more_neighbours_cover_more():
    samples, reference = features(60, 4, seed=9), features(50, 4, seed=10, shift=1.0)
    results = [
        precision_recall(samples, reference, num_neighbours=k) for k in (1, 3, 9)
    ]
    assert np.all(np.diff(results, axis=0) >= 0)
    assert results[0] != results[-1]


def test_memory_is_bounded_by_pieces(monkeypatch):
    monkeypatch.setattr(neighbours, "CHUNK", 50)
    samples, reference = features(2000, 2, seed=13), features(2000, 2, seed=14)
    tracemalloc.start()
    precision_recall(samples, reference)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2000 * 2000 / 8  # all distances would take eight times as much


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pieces_and_offsets_change_nothing(monkeypatch, dtype):
    samples = features(47, 5, seed=11).astype(dtype)
    reference = features(31, 5, seed=12, shift=0.5).astype(dtype)
    whole = precision_recall(samples, reference)
    monkeypatch.setattr(neighbours, "CHUNK", 7)
    assert precision_recall(samples, reference) == whole
    assert precision_recall(samples + dtype(64), reference + dtype(64)) == whole
