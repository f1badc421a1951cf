"""Directions of data that know them, and of data that do not."""

import numpy as np
import pytest

from ebm_tf.config.directions import GeneratorDirections, TrueDirections
from ebm_tf.data.arrays import array_source
from ebm_tf.directions.opening import open_directions
from ebm_tf.errors import DataError, UnnamedWeightsError
from tests.runs import tiny


def test_the_directions_of_the_data_are_theirs():
    images = np.zeros([3, 2, 2, 1], np.float32)
    source = array_source(images, name="own", split="train", origin="here")
    with pytest.raises(DataError, match="dataset own does not know its own"):
        open_directions(TrueDirections(), None, source)
    known = source._replace(directions=lambda images, *_: images + 1.0)
    found = open_directions(TrueDirections(), None, known)
    assert found.differences is known.directions
    assert found.lines == ("directions: those of the data",) and not found.digests


@pytest.mark.parametrize("setting", ["estimated", "alignment.directions"])
def test_weights_that_are_missing_are_asked_for_by_their_setting(setting):
    images = np.zeros([3, 2, 2, 1], np.float32)
    source = array_source(images, name="own", split="train", origin="here")
    with pytest.raises(UnnamedWeightsError, match=f"--set {setting}.weights=RUN"):
        open_directions(GeneratorDirections(), tiny(), source, setting)
