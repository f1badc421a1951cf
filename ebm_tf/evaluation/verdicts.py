"""Which of several attacks broke which images."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ebm_tf import pixels
from ebm_tf.evaluation.robustness import accuracy, median_radius

NATURAL = "natural"


class Verdicts(NamedTuple):
    """What attacks have done to n images so far.

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
        self, name: str, chosen: np.ndarray, outcome: Mapping[str, np.ndarray]
    ) -> "Verdicts":
        """The verdicts after another attack.

        Args:
          name: of the attack.
          chosen: int64 [m], positions of the images that it was tried on.
          outcome: "images" float32 [m, H, W, C], "broken" bool [m], whether they are
            misclassified, and "prediction" int64 [m].
        """
        broken = outcome["broken"]
        standing = self.broken_by[chosen] < 0  # others keep what broke them first
        mine = standing & (broken | (len(self.names) == 1))
        broken_by, images = self.broken_by.copy(), self.images.copy()
        predictions, everywhere = self.predictions.copy(), np.zeros(len(images), bool)
        images[chosen[mine]] = outcome["images"][mine]
        predictions[chosen[mine]] = outcome["prediction"][mine]
        broken_by[chosen[standing & broken]] = len(self.names)
        everywhere[chosen] = broken
        return Verdicts(
            (*self.names, name),
            broken_by,
            images,
            predictions,
            {**self.broken, name: everywhere},
        )


def natural_verdicts(
    images: np.ndarray, broken: np.ndarray, predictions: np.ndarray
) -> Verdicts:
    """The verdicts before any attack, on images [n, H, W, C]."""
    first = np.where(broken, 0, -1).astype(np.int32)
    return Verdicts((NATURAL,), first, images, predictions, {NATURAL: broken})


def accuracies(verdicts: Verdicts) -> dict[str, Any]:
    """Accuracies with their intervals: natural, in all, and by attack."""
    results = {
        "num_images": len(verdicts.broken_by),
        **accuracy("natural_accuracy", verdicts.right),
        **accuracy("robust_accuracy", verdicts.broken_by < 0),
    }
    for name in ("pgd", "apgd_ce", "apgd_pm"):
        if name in verdicts.names:  # it was tried on all that are naturally right
            right = verdicts.right & ~verdicts.broken[name]
            results |= accuracy(f"{name}_accuracy", right)
    return results | {"by_attack": by_attack(verdicts)}


def by_attack(verdicts: Verdicts) -> dict[str, dict[str, Any]]:
    """Accuracy so far after each attack, and the share that it was first to break."""
    rows = {}
    for index, name in enumerate(verdicts.names[1:], start=1):
        standing = (verdicts.broken_by < 0) | (verdicts.broken_by > index)
        first = verdicts.broken_by == index
        rows[name] = {**accuracy("accuracy", standing), "broke": float(first.mean())}
    return rows


def l2_distances(
    verdicts: Verdicts, chosen: np.ndarray, distances: np.ndarray
) -> dict[str, Any]:
    """The median l2 distance, in 255ths, to the nearest errors that were found.

    Args:
      verdicts: on all n images.
      chosen: int64 [m], positions of the images from which errors were looked for.
      distances: float [m], in units of images in [-1, 1]; infinite where none was
        found.
    """
    nearest = np.where(verdicts.right, np.inf, 0.0)
    nearest[chosen] = distances / pixels.from_255ths(1.0)
    found = median_radius(nearest, np.inf)
    return {
        "median_l2_distance": found["median_radius"],
        "num_without_l2_distance": found["num_censored"],
    }


def to_arrays(
    verdicts: Verdicts, images: np.ndarray, labels: np.ndarray, predictions: np.ndarray
) -> dict[str, np.ndarray]:
    """What became of every image, by published names.

    Args:
      verdicts: after all attacks.
      images: natural ones [n, H, W, C].
      labels: int64 [n].
      predictions: int64 [n], of the natural images.
    """
    return {
        "natural": images,
        "adversarial": verdicts.images,
        "labels": labels,
        "natural_predictions": predictions,
        "adversarial_predictions": verdicts.predictions,
        "attacks": np.array(verdicts.names),
        "broken_by": verdicts.broken_by,
    }
