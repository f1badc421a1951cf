"""Experiments that attack a classifier which an energy-based model defends."""

import dataclasses
from typing import ClassVar, Literal

from ebm_tf.config.attacks import Ball
from ebm_tf.config.classifier import ClassifierNetwork, PretrainedClassifier
from ebm_tf.config.core import Settings, require, runtime
from ebm_tf.config.ebm import EbmExperiment


@dataclasses.dataclass(frozen=True, kw_only=True)
class Purification(Settings):
    """Langevin steps before the classifier, and a vote over their outcomes.

    Attributes:
      num_steps: Langevin steps of every chain; 0 takes none.
      start_noise: standard deviation of normal noise that is added to each copy of an
        image before its first step, in units of images in [-1, 1]. Without steps it is
        all that defends.
      num_replicates: chains of each image whose predictions are averaged.
      vote: what is averaged: "logits", "probabilities" or "classes" (a majority).
      noise: "fresh" for every evaluation, or "fixed": the same noise every time,
        which an attacker can learn.
    """

    num_steps: int = 1500
    start_noise: float = 0.0
    num_replicates: int = 128
    vote: Literal["logits", "probabilities", "classes"] = "logits"
    noise: Literal["fresh", "fixed"] = "fresh"

    def validate(self) -> None:
        """Checks counts and noise."""
        self.require_least(0, "num_steps", "start_noise")
        self.require_positive("num_replicates")

    @property
    def is_random(self) -> bool:
        """Whether copies of an image differ at all."""
        return self.num_steps > 0 or self.start_noise > 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class PurifiedAttack(Settings):
    """How attacks see a purified classifier.

    Attributes:
      gradient: "bpda" takes purification for the identity, "chain" differentiates
        through `chain_steps` Langevin steps, "transfer" attacks the classifier alone.
      num_steps: of ascent.
      num_replicates: chains of each image over which gradients are averaged (EOT).
      chain_steps: Langevin steps of gradient="chain", fewer than those of the
        defence where memory or time demands it.
    """

    gradient: Literal["bpda", "chain", "transfer"] = "bpda"
    num_steps: int
    num_replicates: int
    chain_steps: int | None = None

    def validate(self) -> None:
        """Checks counts, and that steps through a chain go with its gradient."""
        self.require_least(0, "num_steps")
        self.require_positive("num_replicates", "chain_steps")
        require(
            (self.gradient == "chain") == (self.chain_steps is not None),
            "Expected chain_steps where gradient='chain', and only there.",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PurifiedPgd(PurifiedAttack):
    """Gradient ascent against a purified classifier (Hill et al., 2022).

    Attributes:
      num_steps: of ascent; with 0 the random start alone is evaluated.
      step_size: in 255ths of the pixel range.
      average: what is averaged over replicates before the loss: "logits", "loss"
        or "probabilities".
    """

    num_steps: int = 50
    num_replicates: int = 48
    step_size: float = 2.0
    average: Literal["logits", "loss", "probabilities"] = "logits"

    def validate(self) -> None:
        """Checks the step size too."""
        super().validate()
        self.require_positive("step_size")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PurifiedAutoAttack(PurifiedAttack):
    """AutoAttack's version "rand" (Croce and Hein, 2020) on a purified classifier.

    Attributes:
      num_steps: of each of its two climbs, of the cross-entropy and of DLR.
      num_replicates: chains of each image over which gradients are averaged (EOT).
      average: what is averaged over replicates: the "loss", as published, or the
        "logits" before it, which is what a vote of logits decides by.
    """

    num_steps: int = 100
    num_replicates: int = 20
    average: Literal["loss", "logits"] = "loss"

    def validate(self) -> None:
        """Checks that there are steps."""
        super().validate()
        self.require_positive("num_steps")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DefenseMeasurement(EbmExperiment):
    """Attacks a classifier behind purification, and evaluates it on fresh noise.

    Attributes:
      classifier: what is defended.
      weights: the folder of the run that learned the energy; its networks are used
        where none are named for them. Where the energy is a classifier too, it is of
        the run that learned both.
      weights_kind: whether the run's averaged or raw weights are meant.
      defense: how images are purified.
      attack: how they are attacked.
      ball: what the attack may choose from.
      num_images: so many of the split, or all where there are fewer.
      subset: which of them: "random", drawn by the seed, or the "first": by their ids,
        as published, where a dataset of TFDS has such; else in file order.
      batch: images at once, over all replicas.
      num_final_replicates: fresh chains of each final image, by which accuracies are
        measured once more after the attack.
      chunk: Langevin chains that are in memory at once, over all replicas.
      save_every: batches between checkpoints.
    """

    executable: ClassVar[str] = "attack"

    classifier: ClassifierNetwork | PretrainedClassifier
    weights: str | None = None
    weights_kind: Literal["averaged", "raw"] = "averaged"
    defense: Purification = Purification()
    attack: PurifiedPgd | PurifiedAutoAttack = PurifiedPgd()
    ball: Ball = Ball()
    num_images: int = 640
    subset: Literal["random", "first"] = "random"
    batch: int = 16
    num_final_replicates: int = 128
    chunk: int = runtime(1024)
    save_every: int = runtime(1)

    def validate(self) -> None:
        """Checks counts, and that there is nothing that does not purify."""
        super().validate()
        require(
            self.generator is None,
            "Expected generator=None: purification begins from the image.",
        )
        require(
            not self.conditional,
            "Expected conditional=False: images to purify have no known class.",
        )
        self.require_positive(
            "num_images", "batch", "num_final_replicates", "chunk", "save_every"
        )
        chain_steps = self.attack.chain_steps
        require(
            chain_steps is None or chain_steps <= self.defense.num_steps,
            f"Expected attack.chain_steps={chain_steps} to be at most "
            f"defense.num_steps={self.defense.num_steps}.",
        )
