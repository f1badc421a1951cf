"""Labels that are no classes of a network."""

import pytest

from ebm_tf.config.parts import Data
from ebm_tf.data.datasets import open_source
from ebm_tf.data.sources import require_classes
from ebm_tf.errors import DataError

DIGITS = Data(name="digits", split="train[:300]", image_size=8, channels=1)


@pytest.mark.parametrize("labels", [[0], [2, 0, 1], [2, 2]])
def test_classes_are_taken(labels):
    require_classes(labels, 3, open_source(DIGITS), setting="num_classes")


@pytest.mark.parametrize(
    ("labels", "told"), [([0, 3], "0 to 3"), ([-1, 2], "-1 to 2"), ([9], "9 to 9")]
)
def test_others_are_told(labels, told):
    with pytest.raises(DataError, match=f"digits has labels {told}, but here=3"):
        require_classes(labels, 3, open_source(DIGITS), setting="here")
