"""Pictures of any energies."""

import numpy as np
import pytest
from PIL import Image

from ebm_tf.evaluation.attack_energies import plots
from ebm_tf.evaluation.attack_energies.plots import Violin
from ebm_tf.evaluation.energy_statistics import Energies

VALUES = [
    [0.0, 1.0, 2.0, np.nan],
    [-3.0, -3.0, -3.0, -3.0],
    [np.nan, np.nan, np.nan, np.nan],
    [1e30, -1e30, 0.0, np.nan],
]


@pytest.mark.parametrize("values", VALUES)
def test_a_row_for_each_attack(values, tmp_path):
    path = str(tmp_path / "energies.png")
    found = Energies(*np.array([values] * 4))
    heights = []
    for names in (["one"], ["one", "another"]):
        plots.save_energies(path, dict.fromkeys(names, found))
        heights.append(Image.open(path).height)
    assert heights[1] > heights[0] + 100


def test_all_values_are_in_bins():
    values = np.random.default_rng(0).normal(size=1000)
    edges = plots._edges([(values, values + 5.0)])
    assert plots.FEWEST_BINS < len(edges) <= plots.MOST_BINS
    assert edges[0] < -2.5 and edges[-1] > 7.5
    assert np.isclose(np.diff(edges), edges[1] - edges[0]).all()


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0], [1.0, 2.0, 5.0], [4.0]])
def test_a_violin_for_each_classifier(values, tmp_path):
    path = str(tmp_path / "violins.png")
    violin = Violin("some\nnatural 0.9", np.array(values), -np.array(values))
    widths = []
    for number in (1, 3):
        plots.save_violins(path, "title", [violin] * number)
        widths.append(Image.open(path).width)
    assert widths[1] > widths[0] + 100
