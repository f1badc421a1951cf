"""Experiments that learn a classifier."""

import dataclasses
from typing import ClassVar

from ebm_tf.config.attacks import Pgd
from ebm_tf.config.core import Settings, require, runtime
from ebm_tf.config.directions import AlignmentReward
from ebm_tf.config.objectives import Clean, Objective
from ebm_tf.config.removal import EnergyRemoval
from ebm_tf.config.selection import SelectedTraining


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
class ClassifierTraining(SelectedTraining):
    """Learns a classifier, plainly or against attacks.

    Attributes:
      objective: what is minimised.
      attack: makes the attacked images of learning; none where the objective needs
        none.
      evaluation_attack: by which weights are selected and measured.
      weight_perturbation: none if None.
      alignment: what is rewarded besides, on natural images; nothing if None.
      removal: images of `data` that are not learned from; none if None.
      keep_weights_every: updates between files of the averaged weights, by which the
        way of learning can be looked at afterwards; only those of the end if None.
    """

    executable: ClassVar[str] = "train_clf"

    objective: Objective = Clean()
    attack: Pgd | None = None
    evaluation_attack: Pgd | None = Pgd()
    weight_perturbation: WeightPerturbation | None = None
    alignment: AlignmentReward | None = None
    removal: EnergyRemoval | None = None
    keep_weights_every: int | None = runtime(None)

    @property
    def selects_by_attack(self) -> bool:
        """Where it learns to withstand them."""
        return not isinstance(self.objective, Clean) or self.alignment is not None

    def validate(self) -> None:
        """Checks that there is an attack where one is needed."""
        super().validate()
        self.require_positive("keep_weights_every")
        self.guard.require_default_energy_bound()
        require(
            (self.attack is None) == isinstance(self.objective, Clean),
            "Expected an attack where the objective is other than Clean, and only "
            "there.",
        )
        if self.attack is not None:
            self.attack.require_loss_of(self.classifier.num_classes)
        require(
            self.evaluation_attack is not None or not self.selects_by_attack,
            "Expected an evaluation_attack, by which weights are selected.",
        )
        require(
            not self.classifier.energy_head,
            "Expected classifier.energy_head=False: nothing here learns that energy.",
        )
        require(
            self.attack is None or self.attack.num_restarts == 1,
            "Expected attack.num_restarts=1: learning takes the last images of a run.",
        )
