"""Which of several attacks broke which images."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ebm_tf.evaluation.robustness import accuracy

NATURAL = "natural"


class Verdicts(NamedTuple):
    """What attacks have done to n images until now.

    Attributes:
      names: of the attacks, in their order, after "natural".
      broken_by: int32 [n], index of the first name by which each image was broken;
        -1 where it is unbroken.
      images: float32 [n, H, W, C]: the one that is misclassified, else what the first
        attack left of it.
      predictions: int64 [n], of these images.
      broken: bool [n] for each name, whether it broke each image; not, where it was
        not tried.
    """

    names: tuple[str, ...]
    broken_by: np.ndarray
    images: np.ndarray
    predictions: np.ndarray
    broken: Mapping[str, np.ndarray]

    @property
    def unbroken(self) -> np.ndarray:
        """Positions of the images that nothing has broken."""
        return np.flatnonzero(self.broken_by < 0)

    @property
    def right(self) -> np.ndarray:
        """Whether the natural images are classified rightly, bool [n]."""
        return ~self.broken[NATURAL]

    def after(
        self,
        name: str,
        chosen: np.ndarray,
        images: np.ndarray,
        broken: np.ndarray,
        predictions: np.ndarray,
    ) -> "Verdicts":
        """The verdicts after another attack.

        Args:
          name: of the attack.
          chosen: int64 [m], positions of the images that it was tried on.
          images: float32 [m, H, W, C], what it made of them.
          broken: bool [m], whether they are misclassified.
          predictions: int64 [m].
        """
        standing = self.broken_by[chosen] < 0  # others keep what broke them first
        mine = standing & (broken | (len(self.names) == 1))
        broken_by, all_images = self.broken_by.copy(), self.images.copy()
        all_predictions = self.predictions.copy()
        all_images[chosen[mine]] = images[mine]
        all_predictions[chosen[mine]] = predictions[mine]
        broken_by[chosen[standing & broken]] = len(self.names)
        everywhere = np.zeros(len(broken_by), bool)
        everywhere[chosen] = broken
        return Verdicts(
            (*self.names, name),
            broken_by,
            all_images,
            all_predictions,
            {**self.broken, name: everywhere},
        )


def natural_verdicts(
    images: np.ndarray, broken: np.ndarray, predictions: np.ndarray
) -> Verdicts:
    """The verdicts before any attack, on images [n, H, W, C]."""
    first = np.where(broken, 0, -1).astype(np.int32)
    return Verdicts((NATURAL,), first, images, predictions, {NATURAL: broken})


def by_attack(verdicts: Verdicts) -> dict[str, dict[str, Any]]:
    """Accuracy so far after each attack, and the share that it was first to break."""
    rows = {}
    for index, name in enumerate(verdicts.names[1:], start=1):
        standing = (verdicts.broken_by < 0) | (verdicts.broken_by > index)
        first = verdicts.broken_by == index
        rows[name] = {**accuracy("accuracy", standing), "broke": float(first.mean())}
    return rows


def own_accuracy(verdicts: Verdicts, name: str) -> dict[str, Any]:
    """Accuracy under one attack, which was tried on all that are naturally right."""
    return accuracy(f"{name}_accuracy", verdicts.right & ~verdicts.broken[name])
