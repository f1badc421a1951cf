"""The settings of attacks on classifiers.

Lengths are in 255ths of the pixel range, as papers give them: epsilon = 8 of an
l-infinity ball is 8/255 of images in [0, 1], and 127.5 of an l2 ball is 0.5.
"""

import dataclasses
from typing import Literal

from ebm_tf.config.core import Settings, require

# The fewest classes of which there is a difference of logits ratio.
DLR_CLASSES, TARGETED_DLR_CLASSES = 3, 4

PgdLoss = Literal["cross_entropy", "margin", "dlr", "probability_margin", "kl"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ball(Settings):
    """The images that an attack may choose from, around each natural one.

    Attributes:
      norm: "linf" or "l2".
      epsilon: radius, in 255ths of the pixel range.
      in_range: whether their pixels are in the range of pixels; not for data, such as
        points, which have none.
    """

    norm: Literal["linf", "l2"] = "linf"
    epsilon: float = 8.0
    in_range: bool = True

    def validate(self) -> None:
        """Checks the radius."""
        self.require_positive("epsilon")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pgd(Settings):
    """Projected gradient ascent (Madry et al., 2018); FGSM is one step of it.

    Attributes:
      loss: what is raised: "cross_entropy", "margin" (largest other logit less that of
        the label), "dlr" (Croce and Hein, 2020), "probability_margin" (the margin of
        probabilities, PMA) or "kl" (from the natural prediction; Zhang et al., 2019),
        which needs no labels.
      num_steps: of ascent.
      step_size: in 255ths, at the ball's own epsilon; it scales along with epsilon.
      start: "uniform" in the ball, "normal" noise of 0.001 of the pixel range, or
        "natural", the image itself.
      num_restarts: how often it is run; the best run counts.
    """

    loss: PgdLoss = "cross_entropy"
    num_steps: int = 20
    step_size: float = 2.0
    start: Literal["uniform", "normal", "natural"] = "uniform"
    num_restarts: int = 1

    def validate(self) -> None:
        """Checks counts and the step size."""
        self.require_positive("num_steps", "step_size", "num_restarts")

    def require_loss_of(self, num_classes: int) -> None:
        """Checks that there is such a loss of so many classes."""
        require(
            self.loss != "dlr" or num_classes >= DLR_CLASSES,
            f"Expected num_classes={num_classes} to be at least {DLR_CLASSES} for "
            "loss='dlr'; take loss='margin', which is the same of two.",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CarliniWagner(Settings):
    """The l2 attack of Carlini and Wagner (2017), which minimises the distance.

    Attributes:
      num_steps: of Adam, for each constant.
      learning_rate: of Adam, in the space of the hyperbolic tangent.
      confidence: margin of logits that is asked for.
      num_constants: steps of the binary search for the constant.
      initial_constant: where it begins.
      num_targets: classes that it aims at, by logit, of which the nearest error counts;
        0 aims at whichever wrong class comes first, which takes a part of the time and
        finds distances that are a few percent longer.
    """

    num_steps: int = 1000
    learning_rate: float = 0.01
    confidence: float = 0.0
    num_constants: int = 9
    initial_constant: float = 1e-3
    num_targets: int = 9

    def validate(self) -> None:
        """Checks counts and rates."""
        self.require_positive(
            "num_steps", "learning_rate", "num_constants", "initial_constant"
        )
        self.require_least(0, "confidence", "num_targets")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutoAttack(Settings):
    """The ensemble of Croce and Hein (2020), with its published constants.

    Attributes:
      version: "standard", or "rand" for classifiers with randomness.
      num_steps: of APGD and FAB.
      num_targets: classes that targeted attacks aim at, by logit.
      num_queries: of Square.
      num_eot_samples: gradients that version="rand" averages.
      num_verifications: evaluations, of which the majority is the verdict of
        version="rand".
    """

    version: Literal["standard", "rand"] = "standard"
    num_steps: int = 100
    num_targets: int = 9
    num_queries: int = 5000
    num_eot_samples: int = 20
    num_verifications: int = 9

    @property
    def attacks(self) -> tuple[str, ...]:
        """The names of the attacks of the version, in the order in which they run."""
        if self.version == "rand":
            return ("apgd_ce", "apgd_dlr")
        return ("apgd_ce", "apgd_t", "fab_t", "square")

    def validate(self) -> None:
        """Checks counts."""
        self.require_positive(
            "num_steps",
            "num_targets",
            "num_queries",
            "num_eot_samples",
            "num_verifications",
        )
