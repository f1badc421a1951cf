"""Features in chunks of any size, and all metrics of two sets of them."""

import json

import numpy as np
import pytest

from ebm_tf.config.fid import named_now
from ebm_tf.evaluation import frechet, inception_score, summaries
from ebm_tf.evaluation.frechet import frechet_distance, moments
from ebm_tf.evaluation.kernel_distance import kernel_distance
from ebm_tf.evaluation.neighbours import precision_recall
from ebm_tf.evaluation.summaries import (
    Summary,
    compare,
    few_references,
    published,
    summarize,
)

METRICS = {
    *("fid", "num_samples", "num_reference", "fid_extrapolated", "fid_by_num_samples"),
    *("kid", "kid_stderr", "kid_subset_size", "precision", "recall", "num_kept"),
    *("inception_score", "inception_score_stddev"),
}


def draw(count: int, *, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.normal(size=[count, 5]) + shift).astype(np.float32)


def chunks(vectors: np.ndarray, cuts=(), num_logits: int = 0):
    """Vectors in chunks, whose first columns are their logits."""
    return [(part, part[:, :num_logits]) for part in np.split(vectors, cuts)]


def summary(vectors: np.ndarray, cuts=(), **settings) -> Summary:
    return summarize(chunks(vectors, cuts, settings.pop("num_logits", 0)), len(vectors))


def assert_same_moments(first: frechet.Moments, second: frechet.Moments) -> None:
    assert first.count == second.count
    np.testing.assert_allclose(first.mean, second.mean, atol=1e-12)
    np.testing.assert_allclose(first.covariance, second.covariance, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [2, 3, 19, 20, 101])
def test_pieces_of_any_size_make_the_moments_of_all(count, seed):
    random = np.random.default_rng(seed)
    vectors = draw(count, seed=seed)
    cuts = np.sort(random.integers(1, count, 5)) if seed else []
    given = summary(vectors, cuts, num_logits=3)
    assert_same_moments(given.whole, moments(vectors))
    # Parts are consecutive, about equally large, and the same for all cuts.
    assert len(given.parts) == len(given.predictions) == min(10, count // 2)
    sizes = [part.known_count for part in given.parts]
    assert sum(sizes) == count and max(sizes) - min(sizes) <= 1 and min(sizes) >= 2
    for part, sums, rows in zip(
        given.parts,
        given.predictions,
        np.split(vectors, np.cumsum(sizes)[:-1]),
        strict=True,
    ):
        assert_same_moments(part, moments(rows))
        expected = inception_score.prediction_sums(rows[:, :3])
        assert sums.count == expected.count
        np.testing.assert_allclose(sums.probabilities, expected.probabilities)
        assert sums.entropy == pytest.approx(expected.entropy)
    np.testing.assert_array_equal(given.vectors, vectors)


def test_one_part_is_the_whole():
    vectors = draw(30)
    given = summarize(chunks(vectors, [7, 20]), 30, num_parts=1)
    assert len(given.parts) == 1 and given.predictions == []
    assert_same_moments(given.parts[0], moments(vectors))


@pytest.mark.parametrize("cuts", [[], [10], [24], [25], [26], [3, 25, 30]])
def test_only_the_first_vectors_are_kept(monkeypatch, cuts):
    monkeypatch.setattr(summaries, "MOST_KEPT", 25)
    vectors = draw(40)
    given = summary(vectors, cuts)
    np.testing.assert_array_equal(given.vectors, vectors[:25], strict=True)
    assert_same_moments(given.whole, moments(vectors))


def test_vectors_are_not_held_beyond_those_that_are_kept():
    assert summaries.MOST_KEPT == 10_000
    vectors = draw(10_500)
    given = summary(vectors, [4000, 9990])
    np.testing.assert_array_equal(given.vectors, vectors[:10_000])
    assert given.whole.count == 10_500


def test_the_figures_are_those_of_their_own_modules():
    first, second = draw(60, shift=0.3), draw(80, seed=1)
    one, two = summary(first, [31], num_logits=3), summary(second, [50])
    metrics = compare(one, two, "inception_2015", seed=7)
    assert metrics.keys() == METRICS
    assert json.loads(json.dumps(metrics)) == metrics
    distance = frechet_distance(moments(first), moments(second))
    assert metrics["fid"] == pytest.approx(distance, rel=1e-9)
    assert (metrics["num_samples"], metrics["num_reference"]) == (60, 80)
    points = metrics["fid_by_num_samples"]
    assert [count for count, _ in points] == list(range(6, 61, 6))
    for count, value in points:
        part = frechet_distance(moments(first[:count]), moments(second))
        assert value == pytest.approx(part, rel=1e-9)
    kid = kernel_distance(first, second, seed=7)
    assert (metrics["kid"], metrics["kid_stderr"]) == (kid.value, kid.stderr)
    assert metrics["kid_subset_size"] == metrics["num_kept"] == 60
    # Equally many of both.
    shares = precision_recall(first, second[:60], num_neighbours=3)
    assert (metrics["precision"], metrics["recall"]) == shares
    sums = [
        inception_score.prediction_sums(part[:, :3]) for part in np.split(first, 10)
    ]
    score = inception_score.inception_score(sums)
    assert metrics["inception_score"] == pytest.approx(score.mean)
    assert metrics["inception_score_stddev"] == pytest.approx(score.stddev)
    assert compare(one, two, "inception_2015", seed=8)["kid"] != metrics["kid"]


def test_a_set_against_itself():
    given = summary(draw(50))
    metrics = compare(given, given, "inception_2015", seed=0)
    assert metrics["fid"] == pytest.approx(0.0, abs=1e-9)
    assert metrics["precision"] == metrics["recall"] == 1.0
    assert metrics["inception_score"] is metrics["inception_score_stddev"] is None


def test_the_closed_form_of_four_points():
    """Means differ by (2, 2), the second covariance is 4 times the first, 4/3."""
    first = np.array([[0, 0], [2, 0], [0, 2], [2, 2]], np.float32)
    metrics = compare(
        summary(first, [1]), summary(2 * first + 1, [3]), "inception_2015", seed=0
    )
    assert metrics["fid"] == pytest.approx(8 + 2 * 4 / 3, rel=1e-12)
    assert metrics["fid_by_num_samples"][-1] == [4, metrics["fid"]]
    # Four vectors are just enough for three neighbours.
    assert metrics["num_kept"] == 4


def test_published_moments_give_what_needs_no_vectors():
    vectors = draw(80, seed=1)
    known = moments(vectors)._replace(count=None)
    samples = summary(draw(60), num_logits=3)
    metrics = compare(samples, published(known), "inception_2015", seed=0)
    assert metrics.keys() == METRICS
    without = {"kid", "kid_stderr", "kid_subset_size", "precision", "recall"}
    without |= {"num_kept", "num_reference"}
    assert {name for name, value in metrics.items() if value is None} == without
    expected = compare(samples, summary(vectors), "inception_2015", seed=0)
    for name in ("fid", "fid_extrapolated", "inception_score"):
        assert metrics[name] == pytest.approx(expected[name], rel=1e-9)


@pytest.mark.parametrize("count", [2, 3])
def test_few_samples_have_a_distance_and_nothing_else(count):
    metrics = compare(
        summary(draw(count)), summary(draw(50, seed=1)), "inception_2015", seed=0
    )
    assert np.isfinite(metrics["fid"]) and metrics["num_samples"] == count
    assert metrics["fid_extrapolated"] is metrics["fid_by_num_samples"] is None
    assert metrics["kid"] is metrics["precision"] is None


def test_a_reference_of_no_more_images_than_dimensions_is_told():
    assert few_references(None, 64) == few_references(65, 64) == []
    (told,) = few_references(64, 64)
    assert told.startswith("The reference has 64 images for features of 64 dimensions")
    # The covariance of so few is singular, and the distance to more of the same large.
    drawn = np.random.default_rng(0).normal(size=(2000, 64))
    whole, few = moments(drawn[:1000]), moments(drawn[1000:1064])
    assert np.linalg.matrix_rank(few.covariance) == 63
    assert frechet_distance(few, whole) > 5 * frechet_distance(
        moments(drawn[1000:]), whole
    )


def test_distances_are_called_fid_by_the_published_features_only():
    one = summary(np.random.default_rng(0).normal(size=[20, 2]))
    known, others = (
        compare(one, one, name, seed=0) for name in ("inception_2015", "x")
    )
    renamed = {
        name.replace("fid", "frechet_x").replace("kid", "kernel_x"): value
        for name, value in known.items()
    }
    assert others == renamed and not {"fid", "kid"} & others.keys()
    assert named_now(known | {"features": "x"}) == others | {"features": "x"}
