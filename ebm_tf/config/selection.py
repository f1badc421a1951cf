"""Experiments that learn from labels, and select weights while they do."""

import dataclasses

from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import Experiment, adjustable, require, runtime
from ebm_tf.config.optimizers import Optimizer, Sgd
from ebm_tf.config.parts import Data, Guard
from ebm_tf.config.splits import require_disjoint


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelectedTraining(Experiment):
    """Learns a classifier whose weights are selected on images held out for that.

    Attributes:
      data: images to learn from, and how they are augmented.
      validation_split: the part of the dataset by which weights are selected; it
        must not overlap with that of `data`, nor with the test split.
      test_split: the part that is measured once, at the end.
      num_validation: the first so many of the validation split; all if None.
      num_test: the first so many of the test split; all if None.
      classifier: the network.
      evaluation_attack: by which weights are measured, too; none if None.
      ball: what attacks may choose from.
      optimizer: of the weights.
      num_updates: updates of the weights.
      batch: images per update, over all replicas.
      evaluation_batch: images at once where it is measured, over all replicas.
      validate_every: updates between measurements on the validation split; an epoch
        if None.
      select_from: the first update whose weights may be selected.
      guard: when learning counts as diverged, and what then happens.
      log_every: updates between lines of metrics.
      save_every: updates between checkpoints; those of `validate_every` if None.
    """

    data: Data
    validation_split: str
    test_split: str = "test"
    num_validation: int | None = None
    num_test: int | None = None
    classifier: ClassifierNetwork
    evaluation_attack: Pgd | None = None
    ball: Ball = Ball()
    optimizer: Sgd | Optimizer = Sgd()
    guard: Guard = Guard()
    num_updates: int = adjustable(39_000)
    batch: int = 128
    evaluation_batch: int = 500
    validate_every: int | None = None
    select_from: int = 0
    log_every: int = runtime(100)
    save_every: int | None = runtime(None)

    @property
    def selects_by_attack(self) -> bool:
        """Whether weights are selected by their error under attack first."""
        return False

    def validate(self) -> None:
        """Checks counts and splits."""
        super().validate()
        self.require_positive(
            "num_validation",
            "num_test",
            "num_updates",
            "batch",
            "evaluation_batch",
            "validate_every",
            "log_every",
            "save_every",
        )
        require(
            0 <= self.select_from <= self.num_updates,
            f"Expected select_from={self.select_from} in [0, num_updates], which is "
            f"[0, {self.num_updates}].",
        )
        if self.evaluation_attack is not None:
            self.evaluation_attack.require_loss_of(self.classifier.num_classes)
        require_disjoint(self.data.split, self.validation_split, self.test_split)
