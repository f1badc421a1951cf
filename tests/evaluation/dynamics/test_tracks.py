"""Energies along learning: figures of moments, and which moment a frame shows."""

import numpy as np
import pytest
from PIL import Image
from scipy.special import logsumexp

from ebm_tf.evaluation.dynamics import plots
from ebm_tf.evaluation.dynamics.tracks import Track, arrays, moment, overfitting
from ebm_tf.evaluation.energy_statistics import Evaluation, mean_interval

NUM = 40


def evaluation(seed: int, share: float) -> Evaluation:
    """Of which a share of images is broken; labels are predicted."""
    generator = np.random.default_rng(seed)
    natural, attacked = generator.normal(size=[2, NUM, 3]).astype(np.float32)
    broken = np.arange(NUM) < share * NUM
    return Evaluation(natural, attacked, natural.argmax(1), broken)


SHARES = (0.75, 0.5, 0.25, 0.5)


def track(name: str = "sat", every: float = 1.0) -> Track:
    moments = [
        moment(10 * k, every * k, {p: evaluation(k, s) for p in ("train", "test")})
        for k, s in enumerate(SHARES, 1)
    ]
    return Track(name, moments)


def test_the_figures_of_a_moment():
    found = evaluation(0, 0.25)
    row = moment(30, 1.5, {"test": found}).row
    assert (row["update"], row["epoch"]) == (30, 1.5)
    assert row["test_robust_error"] == 0.25 and row["test_natural_error"] == 0.0
    low, high = row["test_robust_error_interval"]
    assert low < 0.25 < high
    natural, attacked = (-np.asarray(logsumexp(z, axis=1)) for z in found[:2])
    mean = row["test_delta_marginal_mean"]
    assert mean == pytest.approx(np.mean(natural - attacked), abs=1e-6)
    low, high = row["test_delta_marginal_mean_interval"]
    assert (low + high) / 2 == pytest.approx(mean)


def test_the_interval_of_a_mean_holds_it_as_often_as_it_says():
    generator, held = np.random.default_rng(0), 0
    for _ in range(1000):
        low, high = mean_interval(generator.exponential(size=200))
        held += low < 1.0 < high
    assert 920 < held < 975


def test_overfitting_is_what_the_error_rises_after_its_lowest():
    found = overfitting(track())
    assert found["lowest_robust_error"] == 0.25 and found["epoch_of_lowest"] == 3.0
    assert found["last_robust_error"] == 0.5
    rows = track().rows
    assert found["delta_marginal_at_last"] == rows[-1]["test_delta_marginal_mean"]


def test_a_frame_shows_the_last_moment_so_far():
    epochs = [track().until(epoch).epoch for epoch in (0.5, 1.0, 1.9, 2.0, 99.0)]
    assert epochs == [1.0, 1.0, 1.0, 2.0, 4.0]


def test_all_energies_are_kept():
    kept = arrays([track()])
    assert kept["sat/update"].tolist() == [10, 20, 30, 40]
    assert kept["sat/test/marginal"].shape == (4, NUM)
    assert kept["sat/train/robust_errors"].mean(1).tolist() == list(SHARES)
    natural = evaluation(2, 0.5).natural.astype(np.float64)
    expected = -np.asarray(logsumexp(natural, axis=1))
    np.testing.assert_allclose(kept["sat/test/marginal"][1], expected)


@pytest.mark.parametrize("num_tracks", [1, 2])
def test_there_is_a_frame_for_every_epoch_of_any_run(tmp_path, num_tracks):
    tracks = [track("sat"), track("trades", every=0.5)][:num_tracks]
    path = str(tmp_path / "energies.gif")
    plots.save_animation(path, tracks, "test", 10, milliseconds=50)
    with Image.open(path) as picture:
        # Epochs 1, 2, 3, 4, and 0.5, 1, 1.5, 2.
        assert picture.n_frames == (4, 6)[num_tracks - 1]  # pyright: ignore
        assert picture.width == 460 * num_tracks + 30
        assert picture.info["duration"] == 50


def test_axes_hold_all_points_of_all_moments_and_runs():
    tracks = [track("sat"), track("trades")]
    tracks[1].moments[0].energies["test"].marginal[0] = -30.0
    (low, high), (_, top) = plots._limits(tracks, "test", NUM)
    assert low < -29.9
    for one in tracks[0].moments:
        energies = one.energies["test"]
        assert energies.marginal.max() < high and energies.joint.max() < top


def test_curves_are_plotted_even_of_one_moment(tmp_path):
    path = str(tmp_path / "curves.png")
    one = track()
    plots.save_curves(path, [one, Track("short", one.moments[:1])])
    assert Image.open(path).width == 1200
