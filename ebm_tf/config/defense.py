"""Experiments that attack a classifier which an energy-based model defends."""

import dataclasses
from typing import ClassVar, Literal

from ebm_tf.config.attacks import Ball
from ebm_tf.config.classifier import ClassifierNetwork, PretrainedClassifier
from ebm_tf.config.core import Settings, require, runtime
from ebm_tf.config.ebm import EbmExperiment
from ebm_tf.config.parts import AnyLangevin, Langevin


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
class EnergyDescent(Settings):
    """Steps of one length down the energy, before the classifier; nothing is random.

    The defence ET3 (arXiv:2603.26984, CVPR 2026), whose energy is the marginal one of
    the classifier itself. Its default values, for images of 224 pixels.

    Attributes:
      num_steps: of every image.
      step_size: Euclidean length of each step, in 255ths of the pixel range.
      radius: the farthest that an image goes, likewise.
    """

    is_random: ClassVar[bool] = False
    num_replicates: ClassVar[int] = 1
    start_noise: ClassVar[float] = 0.0
    vote: ClassVar[str] = "logits"
    noise: ClassVar[str] = "fresh"

    num_steps: int = 1
    step_size: float = 1275.0
    radius: float = 2550.0

    def validate(self) -> None:
        """Checks count and lengths."""
        self.require_least(0, "num_steps")
        self.require_positive("step_size", "radius")


GradientName = Literal["bpda", "chain", "transfer"]
_OF_CHAINS = ("chain_steps", "segment", "sharpness")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PurifiedAttack(Settings):
    """How attacks see a purified classifier.

    Attributes:
      gradient: "bpda" takes purification for the identity, "chain" differentiates
        through its steps, "transfer" attacks the classifier alone.
      also: further gradients. Images that one of them leaves are attacked by the next,
        from a start of its own.
      num_steps: of ascent.
      num_replicates: chains of each image over which gradients are averaged (EOT).
      num_restarts: how often all of it is done, each time from another start.
      chain_steps: the first steps alone, of those that a "chain" goes through; all if
        None.
      segment: a "chain" keeps the state before each step; where it is given, only every
        so many-th, and makes the others again: less memory, one more run of the chain.
      sharpness: a "chain" bends the rectifiers of the energy where it differentiates,
        into softplus(sharpness x) / sharpness: one that is piecewise linear has no
        curvature to see otherwise. The defence itself keeps them. No bend if None.
    """

    gradient: GradientName = "bpda"
    also: tuple[GradientName, ...] = ()
    num_steps: int
    num_replicates: int
    num_restarts: int = 1
    chain_steps: int | None = None
    segment: int | None = runtime(None)
    sharpness: float | None = None

    def validate(self) -> None:
        """Checks counts, and that what is said of a chain goes with its gradient."""
        self.require_least(0, "num_steps")
        positive = ("num_replicates", "num_restarts", *_OF_CHAINS)
        self.require_positive(*positive)
        for name in _OF_CHAINS:
            value = getattr(self, name)
            require(
                value is None or "chain" in self.gradients,
                f"Expected no {name}={value} where gradient={self.gradient!r}: it goes "
                "with 'chain'.",
            )

    @property
    def gradients(self) -> tuple[GradientName, ...]:
        """All of them, in their order."""
        return (self.gradient, *self.also)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PurifiedPgd(PurifiedAttack):
    """Gradient ascent against a purified classifier (Hill et al., 2022).

    Attributes:
      num_steps: of ascent; with 0 the random start alone is evaluated.
      step_size: in 255ths of the pixel range.
      average: what is averaged over replicates before the loss: "logits", "loss"
        or "probabilities".
      stops_at_error: whether an image is done once fresh chains err at it, in whichever
        step, as published. Else all go on to the last step, and what they are worth
        there is reported beside the worst of all steps.
    """

    num_steps: int = 50
    num_replicates: int = 48
    step_size: float = 2.0
    average: Literal["logits", "loss", "probabilities"] = "logits"
    stops_at_error: bool = True

    def validate(self) -> None:
        """Checks the step size too."""
        super().validate()
        self.require_positive("step_size")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PurifiedAutoAttack(PurifiedAttack):
    """AutoAttack's version "rand" (Croce and Hein, 2020) on a purified classifier.

    Attributes:
      num_steps: of each of its climbs.
      num_replicates: chains of each image over which gradients are averaged (EOT).
      climbs: by APGD, of the cross-entropy and of the difference of logits ratio.
      average: what is averaged over replicates: the "loss", as published, or the
        "logits" before it, which is what a vote of logits decides by.
    """

    num_steps: int = 100
    num_replicates: int = 20
    climbs: tuple[Literal["apgd_ce", "apgd_dlr"], ...] = ("apgd_ce", "apgd_dlr")
    average: Literal["loss", "logits"] = "loss"

    def validate(self) -> None:
        """Checks that there are steps and climbs."""
        super().validate()
        self.require_positive("num_steps")
        require(bool(self.climbs), "Expected a climb at least, got climbs=().")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DefenseMeasurement(EbmExperiment):
    """Attacks a classifier behind purification, and evaluates it on fresh noise.

    Attributes:
      classifier: what is defended.
      weights: the folder of the run that learned the energy; its networks are used
        where none are named for them. Where the energy is a classifier too, it is of
        the run that learned both.
      weights_kind: whether the run's averaged or raw weights are meant.
      langevin: the step of a `Purification`, and the temperature of its energy; an
        `EnergyDescent` needs neither.
      defense: what is done to images.
      attack: how they are attacked.
      ball: what the attack may choose from.
      num_images: so many of the split, or all where there are fewer.
      subset: which of them: "random", drawn by the seed, or the "first": by their ids,
        as published, where a dataset of TFDS has such; else in file order.
      batch: images at once, over all replicas.
      num_final_replicates: fresh chains of each natural and each final image, by which
        all are judged once more after the attack.
      final_copies: so many of these make a verdict each; counts above their number are
        left out. The rest are the same image, submitted again.
      num_resubmissions: verdicts of which the worst is reported, or as many as there
        are.
      chunk: Langevin chains that are in memory at once, over all replicas.
      save_every: batches between checkpoints.
    """

    executable: ClassVar[str] = "attack"

    classifier: ClassifierNetwork | PretrainedClassifier
    weights: str | None = None
    weights_kind: Literal["averaged", "raw"] = "averaged"
    langevin: AnyLangevin = Langevin(noise=1e-2)
    temperature: float = 1.0
    defense: Purification | EnergyDescent = Purification()
    attack: PurifiedPgd | PurifiedAutoAttack = PurifiedPgd()
    ball: Ball = Ball()
    num_images: int = 640
    subset: Literal["random", "first"] = "random"
    batch: int = 16
    num_final_replicates: int = 128
    final_copies: tuple[int, ...] = (1, 30, 50, 100)
    num_resubmissions: int = 10
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
            "num_images", "batch", "num_final_replicates", "num_resubmissions"
        )
        self.require_positive("chunk", "save_every")
        self.require_rising("final_copies")
        require(self.final_copies[0] > 0, "Expected counts above 0 in final_copies.")
        self._validate_chain()

    def _validate_chain(self) -> None:
        chain_steps = self.attack.chain_steps
        require(
            chain_steps is None or chain_steps <= self.defense.num_steps,
            f"Expected attack.chain_steps={chain_steps} to be at most "
            f"defense.num_steps={self.defense.num_steps}.",
        )
        segment, through = self.attack.segment, self.steps_through
        require(
            segment is None or through % segment == 0,
            f"Expected attack.segment={segment} to divide the {through} steps that the "
            "attack goes through.",
        )

    @property
    def steps_through(self) -> int:
        """How many steps a "chain" differentiates through."""
        chain_steps = self.attack.chain_steps
        return self.defense.num_steps if chain_steps is None else chain_steps
