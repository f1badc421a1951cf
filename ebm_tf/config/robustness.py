"""Experiments that attack a classifier without a defence."""

import dataclasses
from typing import ClassVar, Literal

from ebm_tf.config.attacks import AutoAttack, Ball, CarliniWagner, Pgd
from ebm_tf.config.classifier import ClassifierNetwork, PretrainedClassifier
from ebm_tf.config.core import Experiment, require, runtime
from ebm_tf.config.parts import Data


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierAttacks(Experiment):
    """Attacks on a classifier, each on the images that are still unbroken.

    Attributes:
      ball: what attacks may choose from.
      pgd: the first attack; none if None.
      auto_attack: the second; none if None.
      probability_margin: steps of APGD on the margin of probabilities (PMA), on all
        images that are naturally right, to stand beside APGD-CE; 0 leaves it out.
      carlini_wagner: measures l2 distances on the way; none if None.
      batch: images at once, over all replicas.
      save_every: batches between checkpoints.
    """

    ball: Ball = Ball()
    pgd: Pgd | None = Pgd()
    auto_attack: AutoAttack | None = AutoAttack()
    probability_margin: int = 0
    carlini_wagner: CarliniWagner | None = None
    batch: int = 100
    save_every: int = runtime(1)

    def validate(self) -> None:
        """Checks counts, and that there is an attack."""
        super().validate()
        self.require_positive("batch", "save_every")
        self.require_least(0, "probability_margin")
        require(
            any(
                (
                    self.pgd,
                    self.auto_attack,
                    self.probability_margin,
                    self.carlini_wagner,
                )
            ),
            f"Expected an attack in {self.name}: one of pgd, auto_attack and "
            "carlini_wagner at least is to be other than None.",
        )
        require(
            self.ball.in_range or self.auto_attack is None,
            "Expected auto_attack=None where ball.in_range=False: FAB, a part of it, "
            "is for pixels in their range.",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RobustnessMeasurement(ClassifierAttacks):
    """Attacks a classifier on the images of a dataset.

    Attributes:
      data: natural images, and their size.
      classifier: what is attacked; the settings of the run that learned it, where
        `weights` is one.
      weights: the folder of a run of train_clf, or a weight file.
      weights_kind: of a run: "selected" by validation, "averaged" or "raw".
      num_images: so many of the split; all if None.
      subset: which of them: "random", drawn by the seed, or the "first": by their ids,
        as published, where a dataset of TFDS has such; else in file order.
      curve: radii in 255ths at which accuracy under `pgd` is measured; an image counts
        as broken at a radius where that or any smaller one broke it.
      median: whether the smallest radius at which `pgd` breaks each image is searched
        for, up to the largest one of `curve` and `ball`.
      num_bisections: halvings of that search.
    """

    executable: ClassVar[str] = "attack"

    data: Data
    classifier: ClassifierNetwork | PretrainedClassifier
    weights: str | None = None
    weights_kind: Literal["selected", "averaged", "raw"] = "selected"
    num_images: int | None = None
    subset: Literal["random", "first"] = "random"
    curve: tuple[float, ...] = ()
    median: bool = False
    num_bisections: int = 8

    def validate(self) -> None:
        """Checks counts, and that there is an attack where one is needed."""
        super().validate()
        self.require_positive("num_bisections", "num_images")
        require(
            self.weights is None or isinstance(self.classifier, ClassifierNetwork),
            f"Expected no weights={self.weights!r} for a classifier of Keras: --set "
            "classifier.weights=FILE.",
        )
        require(
            self.pgd is not None or not (self.curve or self.median),
            "Expected pgd where a curve or the median radius is measured.",
        )
        require(
            all(radius >= 0 for radius in self.curve)
            and list(self.curve) == sorted(set(self.curve)),
            f"Expected curve={self.curve} to rise from at least 0.",
        )
