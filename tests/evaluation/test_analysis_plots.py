"""Plots of an analysis where there is little or nothing to plot."""

import numpy as np
import pytest
from PIL import Image

from ebm_tf.evaluation import plots
from ebm_tf.evaluation.calibration import binned

TITLES = {"score": "a score"}


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2.0, 5.0],
        [3.0],
        [3.0, 3.0],
        [np.nan],
        [np.inf, 1.0, -np.inf],
        [-1e30, 0.0],
    ],
)
def test_any_scores_are_plotted(tmp_path, values):
    path = str(tmp_path / "scores.png")
    for inside in (np.array(values), np.array([0.0, 1.0, 2.0])):
        sets = {"test": {"score": inside}, "other": {"score": np.array(values)}}
        plots.save_score_histograms(path, sets, TITLES)
        assert Image.open(path).width > 500


def test_a_diagram_of_one_prediction(tmp_path):
    path = str(tmp_path / "reliability.png")
    bins = binned(np.array([1.0]), np.array([False]), 20)
    plots.save_reliability(path, [[("one", bins)], [("again", bins)]])
    assert Image.open(path).height > 500


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("confidence", [None, np.linspace(0, 1, 6)])
def test_a_row_of_images_for_each_class(tmp_path, channels, confidence):
    path = str(tmp_path / "distal.png")
    images = np.zeros([6, 8, 8, channels])
    plots.save_by_class(path, np.array([0, 7]), images, confidence)
    assert Image.open(path).width > Image.open(path).height
