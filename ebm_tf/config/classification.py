"""Experiments that learn a classifier."""

import dataclasses
from typing import ClassVar

from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import Experiment, Settings, adjustable, require, runtime
from ebm_tf.config.objectives import Clean, Objective
from ebm_tf.config.optimizers import Optimizer, Sgd
from ebm_tf.config.parts import Data, Guard
from ebm_tf.config.splits import require_disjoint


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightPerturbation(Settings):
    """Adversarial weight perturbation (Wu et al., 2020).

    Attributes:
      gamma: length of the perturbation of each kernel, relative to the kernel.
      first_update: before it weights are not perturbed.
    """

    gamma: float = 5e-3
    first_update: int = 0

    def validate(self) -> None:
        """Checks lengths."""
        self.require_positive("gamma")
        self.require_least(0, "first_update")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierTraining(Experiment):
    """Learns a classifier, plainly or against attacks.

    Attributes:
      data: images to learn from, and how they are augmented.
      validation_split: the part of the dataset by which weights are selected; it
        must not overlap with that of `data`, nor with the test split.
      test_split: the part that is measured once, at the end.
      num_validation: the first so many of the validation split; all if None.
      num_test: the first so many of the test split; all if None.
      classifier: the network.
      objective: what is minimised.
      attack: makes the attacked images of learning; none where the objective needs
        none.
      ball: what attacks may choose from, in learning and in evaluation.
      evaluation_attack: by which weights are selected and measured.
      weight_perturbation: none if None.
      optimizer: of the weights.
      num_updates: updates of the weights.
      batch: images per update, over all replicas.
      evaluation_batch: images at once where it is measured, over all replicas.
      validate_every: updates between measurements on the validation split; an epoch
        if None.
      select_from: the first update whose weights may be selected.
      log_every: updates between lines of metrics.
      save_every: updates between checkpoints; those of `validate_every` if None.
    """

    executable: ClassVar[str] = "train_clf"

    data: Data
    validation_split: str
    test_split: str = "test"
    num_validation: int | None = None
    num_test: int | None = None
    classifier: ClassifierNetwork
    objective: Objective = Clean()
    attack: Pgd | None = None
    ball: Ball = Ball()
    evaluation_attack: Pgd = Pgd()
    weight_perturbation: WeightPerturbation | None = None
    optimizer: Sgd | Optimizer = Sgd()
    guard: Guard = Guard()
    num_updates: int = adjustable(39_000)
    batch: int = 128
    evaluation_batch: int = 500
    validate_every: int | None = None
    select_from: int = 0
    log_every: int = runtime(100)
    save_every: int | None = runtime(None)

    def validate(self) -> None:
        """Checks counts, and that there is an attack where one is needed."""
        super().validate()
        self.guard.require_default_energy_bound()
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
            (self.attack is None) == isinstance(self.objective, Clean),
            "Expected an attack where the objective is other than Clean, and only "
            "there.",
        )
        require(
            not self.classifier.energy_head,
            "Expected classifier.energy_head=False: nothing here learns that energy.",
        )
        require(
            self.attack is None or self.attack.num_restarts == 1,
            "Expected attack.num_restarts=1: learning takes the last images of a run.",
        )
        require(
            0 <= self.select_from <= self.num_updates,
            f"Expected select_from={self.select_from} in [0, num_updates], which is "
            f"[0, {self.num_updates}].",
        )
        require_disjoint(self.data.split, self.validation_split, self.test_split)
