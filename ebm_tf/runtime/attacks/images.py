"""Which images of a split are attacked."""

import keras
import numpy as np
import numpy.typing as npt

from ebm_tf.config.defense import DefenseMeasurement
from ebm_tf.config.robustness import RobustnessMeasurement
from ebm_tf.data.datasets import open_source
from ebm_tf.data.sources import Source, positions_at_random, require_classes, subset
from ebm_tf.runtime import seeds
from ebm_tf.runtime.seeds import Purpose


def open_attacked(
    config: RobustnessMeasurement | DefenseMeasurement,
) -> tuple[Source, np.ndarray]:
    """Opens the images that are asked for.

    Returns:
      Their source, to be read in file order, and their positions in the split, int64
      [n], in rising order.

    Raises:
      DataError: if the dataset is missing.
    """
    source = open_source(config.data)
    num = min(config.num_images or source.num_examples, source.num_examples)
    positions = np.arange(num)
    if config.subset == "random":
        seed = seeds.integer(config.seed, Purpose.SUBSET)
        positions = positions_at_random(source.num_examples, num, seed)
    return subset(source, positions), positions


def require_known(labels: npt.ArrayLike, model: keras.Model, source: Source) -> None:
    """Checks that a classifier knows the labels of some images of the source.

    Raises:
      DataError: if one is none of its classes.
    """
    told = "the classifier's num_classes"
    require_classes(labels, model.output_shape[-1], source, told=told)
