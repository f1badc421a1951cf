"""The settings of directions: where the nearest image of another class lies."""

import dataclasses

from ebm_tf.config.core import Settings, runtime


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrueDirections(Settings):
    """Those that data have which are made by a rule, such as "spheres"."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratorDirections(Settings):
    """Those of a network that `train_vrgan.py` learned: the direct method.

    Attributes:
      weights: the folder of its run, or release:NAME.
    """

    weights: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchedDirections(Settings):
    """To the image of a class that a generator can make: the indirect method.

    Latents are moved by Adam, first so that their image is near the given one, then
    so that they are likely, too; what is found is kept, and is not searched twice.

    Attributes:
      weights: of the generator of classes, the folder of a run of `train_gen.py` or
        release:NAME.
      judge: a classifier that counts how often what is found is of its class, likewise;
        not counted if None.
      num_starts: latents from which each search begins: 0, and drawn ones. That with
        the least loss in the end counts.
      near_steps: most steps of the first phase.
      near_rate: its learning rate.
      likely_steps: most steps of the second phase.
      likely_rate: its learning rate.
      penalty: in the second phase, the factor of the mean square of a latent's numbers,
        which is added to that of the differences of pixels.
      patience: a search ends a phase where its loss fell in none of so many steps;
        never if None.
      tolerance: the share by which a loss has to fall, so that it counts.
      cache: folder of what is kept; one below the user's own if None.
    """

    weights: str | None = None
    judge: str | None = None
    num_starts: int = 1
    near_steps: int = 600
    near_rate: float = 0.2
    likely_steps: int = 150
    likely_rate: float = 0.2
    penalty: float = 0.03
    patience: int | None = 50
    tolerance: float = 1e-3
    cache: str | None = runtime(None)

    def validate(self) -> None:
        """Checks counts and rates."""
        self.require_positive("num_starts", "near_rate", "likely_rate", "patience")
        self.require_positive("near_steps", "likely_steps")
        self.require_least(0, "penalty")
        self.require_in("[0, 1)", "tolerance")


AnyDirections = TrueDirections | GeneratorDirections | SearchedDirections


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlignmentReward(Settings):
    """Rewards gradients of a classifier that point to the nearest image of a class.

    Source: Bigolin Lanfredi et al. (2023), L_alpha, eq. 9.

    Attributes:
      weight: of the mean of 1 - alignment, which is added to the loss.
      directions: where those images lie.
    """

    weight: float = 0.1
    directions: AnyDirections = TrueDirections()

    def validate(self) -> None:
        """Checks the weight."""
        self.require_positive("weight")
