"""Experiments that learn a joint energy-based model: a classifier that generates."""

import dataclasses
from typing import ClassVar

from ebm_tf.config.chains import Persistent, Transient
from ebm_tf.config.core import Settings, adjustable, require, runtime
from ebm_tf.config.ebm import SampledExperiment
from ebm_tf.config.optimizers import Optimizer, Sgd
from ebm_tf.config.parts import Guard, Samples
from ebm_tf.config.selection import SelectedTraining


@dataclasses.dataclass(frozen=True, kw_only=True)
class JointTerms(Settings):
    """Weights of the terms of the loss; a term of weight 0 is not computed.

    Attributes:
      posterior: of -log p(y|x), the cross-entropy.
      marginal: of -log p(x), by chains.
      joint: of -log p(x, y), by chains that have classes.
      energy_l2: of the mean square of E(x) over data and over chains (Du and
        Mordatch, 2019), which keeps energies near 0.
    """

    posterior: float = 1.0
    marginal: float = 1.0
    joint: float = 0.0
    energy_l2: float = 0.0

    def validate(self) -> None:
        """Checks that there is something to learn."""
        self.require_least(0, "posterior", "marginal", "joint", "energy_l2")
        require(
            self.posterior + self.marginal + self.joint > 0,
            "Expected a positive weight of posterior, marginal or joint.",
        )
        require(
            self.energy_l2 == 0 or self.need_chains,
            "Expected energy_l2=0 where neither marginal nor joint counts.",
        )

    @property
    def need_chains(self) -> bool:
        """Whether a term compares data with chains."""
        return self.marginal > 0 or self.joint > 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelledImages(Settings):
    """The images of p(y|x), where they are drawn apart from those of p(x).

    Attributes:
      batch: of them per update, over all replicas.
      data_epsilon: standard deviation of the noise that is added to them.
      per_class: so many of each class have labels, chosen by the seed; all if None.
      positives_augmented: whether the images of p(x) are augmented as these are.
    """

    batch: int = 128
    data_epsilon: float = 0.0
    per_class: int | None = None
    positives_augmented: bool = True

    def validate(self) -> None:
        """Checks counts and noise."""
        self.require_positive("batch", "per_class")
        self.require_least(0, "data_epsilon")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SharpnessAware(Settings):
    """Gradients are taken where the loss is higher (Foret et al., 2021).

    Attributes:
      rho: length of the way up the gradient.
      adaptive: whether each weight moves in proportion to its square (Kwon et al.,
        2021), and rho is the length in units of the weights.
    """

    rho: float = 2.0
    adaptive: bool = True

    def validate(self) -> None:
        """Checks the length."""
        self.require_positive("rho")


@dataclasses.dataclass(frozen=True, kw_only=True)
class JointTraining(SampledExperiment, SelectedTraining):
    """Learns p(y|x) and p(x) by one classifier (Grathwohl et al., 2020).

    Its logits f define E(x, y) = -f(x)[y] and E(x) = -logsumexp f(x). Weights are
    selected by their accuracy.

    Attributes:
      terms: weights of what is minimised.
      chains: where they live; None where no term needs any.
      data_epsilon: standard deviation of the noise that is added to images of
        learning, in [-1, 1].
      labelled: the images of p(y|x); those of p(x), their noise included, if None.
      sharpness_aware: where gradients are taken; at the weights if None.
      extra_steps: Langevin steps that each rollback of the guard adds to every visit.
      batch: images of p(x) and chains per update, over all replicas.
      samples: the fresh chains that are measured at the end.
      picture_every: updates between pictures.
      animate_every: updates between animations of long chains from noise; none if
        None.
    """

    executable: ClassVar[str] = "train_jem"

    temperature: float = 1.0
    terms: JointTerms = JointTerms()
    chains: Persistent | Transient | None = Persistent(
        start="noise", num_steps=20, rejuvenation=0.05
    )
    data_epsilon: float = 0.03
    labelled: LabelledImages | None = None
    sharpness_aware: SharpnessAware | None = None
    optimizer: Sgd | Optimizer = Optimizer()
    guard: Guard = Guard(max_energy_difference=0.1)
    extra_steps: int = 10
    num_updates: int = adjustable(100_000)
    batch: int = 64
    samples: Samples = adjustable(Samples())
    picture_every: int = runtime(1000)
    animate_every: int | None = runtime(None)
    save_every: int | None = runtime(1000)

    def validate(self) -> None:
        """Checks counts, and that what the terms need is there."""
        super().validate()
        self.require_positive("picture_every", "animate_every")
        self.require_least(0, "data_epsilon", "extra_steps")
        self._validate_chains()

    @property
    def in_lanes(self) -> bool:
        """Without chains the images of an update are one pass, which has all cores."""
        return self.terms.need_chains

    def _validate_chains(self) -> None:
        require(
            (self.chains is not None) == self.terms.need_chains,
            "Expected chains where the marginal or the joint term counts, and only "
            "there.",
        )
        require(
            self.terms.joint == 0 or self.conditional,
            "Expected conditional=True where terms.joint > 0: p(x, y) is learned from "
            "chains that have classes.",
        )
        require(
            not (self.conditional and self.classifier.energy_head),
            "Expected classifier.energy_head=False where conditional=True: E(x, y) is "
            "made of the logits.",
        )
        if self.chains is None:
            return
        require(
            self.chains.start != "generator",
            "Expected chains.start other than 'generator': a joint model has none.",
        )
        size, classes = getattr(self.chains, "bank_size", self.batch), 1
        if self.conditional:
            classes = self.classifier.num_classes
        require(
            size >= self.batch and size >= classes,
            f"Expected bank_size={size} to be at least batch={self.batch}, and one "
            f"chain for each of {classes} classes.",
        )
