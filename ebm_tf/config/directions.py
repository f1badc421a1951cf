"""The settings of directions: where the nearest image of another class lies."""

import dataclasses

from ebm_tf.config.core import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrueDirections(Settings):
    """Those that data have which are made by a rule, such as "spheres"."""


AnyDirections = TrueDirections


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
