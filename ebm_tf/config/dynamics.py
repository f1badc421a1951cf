"""Experiments that follow energies along the learning of classifiers."""

import dataclasses
from typing import ClassVar, Literal

from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.config.core import Experiment, require
from ebm_tf.config.fid import Sweep
from ebm_tf.config.parts import Data
from ebm_tf.config.robustness import RobustnessMeasurement
from ebm_tf.config.selection import SelectedTraining

# The sets of images, as results call them.
TRAIN, TEST = "train", "test"


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnergyDynamics(Experiment):
    """Attacks the same images by the weights that runs kept along the way.

    Attributes:
      runs: folders of the runs, of train_clf with keep_weights_every or of train_jem.
      data: the dataset, the size of its images, and the split that was learned from.
      test_split: a part that was not.
      num_images: the first so many of either; all if None.
      evaluation_attack: from natural to attacked images.
      ball: what it may choose from.
      evaluation_batch: images at once, over all replicas.
      sweep: which of the kept weights are measured.
      shown: the set of images that is animated.
      num_shown: so many of them.
      milliseconds: of a frame.
    """

    executable: ClassVar[str] = "dynamics"

    runs: tuple[str, ...] = ()
    data: Data
    test_split: str = "test"
    num_images: int | None = 500
    evaluation_attack: Pgd = Pgd()
    ball: Ball = Ball()
    evaluation_batch: int = 500
    sweep: Sweep = Sweep()
    shown: Literal["train", "test"] = TEST
    num_shown: int = 150
    milliseconds: int = 400

    def validate(self) -> None:
        """Checks counts."""
        super().validate()
        self.require_least(2, "num_images")
        self.require_positive("evaluation_batch", "num_shown")
        self.require_least(20, "milliseconds")
        require(all(self.runs), f"Expected runs={self.runs} to be folders.")

    @property
    def splits(self) -> dict[str, str]:
        """The parts of the dataset that are measured, by the name of the set."""
        return {TRAIN: self.data.split, TEST: self.test_split}

    def measurement(self, run: str, learned: SelectedTraining) -> RobustnessMeasurement:
        """The attack on the classifier of one of the runs."""
        return RobustnessMeasurement(
            name=self.name,
            seed=self.seed,
            compute_dtype=self.compute_dtype,
            data=self.data,
            classifier=dataclasses.replace(learned.classifier, weights=None),
            weights=run,
            weights_kind="averaged",
            ball=self.ball,
            pgd=self.evaluation_attack,
            auto_attack=None,
        )
