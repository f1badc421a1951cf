"""The settings of studies that leave images of high or of low energy out."""

import dataclasses
from typing import Literal

from ebm_tf.config.core import Settings, require


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnergyRemoval(Settings):
    """Leaves out the images to which a classifier gives a high or a low energy E(x).

    What counts is E(x) of the images as they are, neither augmented nor attacked.

    Attributes:
      weights: of the classifier that judges: the folder of a run, release:NAME or a
        weight file, then of the network that learns.
      side: "high", E(x) > threshold, or "low", E(x) <= threshold.
      threshold: of the energy; energies of classifiers that learned in other ways have
        other scales.
      quantile: in place of a threshold: it is this quantile of the energies of the
        images that may be removed, so that 0.9 removes the tenth of highest energy and
        0.1 that of lowest.
      only_correct: whether images that the classifier gets wrong are all kept.
      at_random: whether others are removed in place of these, as many of each class,
        drawn by the seed: the control of the study.
    """

    weights: str | None = None
    side: Literal["high", "low"] = "high"
    threshold: float | None = None
    quantile: float | None = None
    only_correct: bool = False
    at_random: bool = False

    def validate(self) -> None:
        """Checks that it is said which images are meant, once."""
        self.require_in("(0, 1)", "quantile")
        require(
            (self.threshold is None) != (self.quantile is None),
            f"Expected threshold={self.threshold} or quantile={self.quantile}, one of "
            "them.",
        )
