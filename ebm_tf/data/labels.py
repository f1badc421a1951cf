"""Labels of images, which must be classes that a network knows."""

import numpy as np
import numpy.typing as npt

from ebm_tf.data.ordering import Source
from ebm_tf.errors import DataError

# The first images of most datasets tell soon which classes there are.
FIRST_FEW = 500


def require_classes(
    labels: npt.ArrayLike, num_classes: int, source: Source, *, told: str
) -> None:
    """Checks that labels are classes.

    Args:
      labels: integers [n], of some images of the source.
      num_classes: classes are 0 to one less.
      source: where the labels come from, for the message.
      told: what the message says of the classes, such as "classifier.num_classes".

    Raises:
      DataError: if one is none of the classes.
    """
    least, most = np.min(labels), np.max(labels)
    if least < 0 or most >= num_classes:
        raise DataError(
            f"Split {source.split!r} of dataset {source.name} has labels {least} to "
            f"{most}, but {told}={num_classes}."
        )
