"""Where chains live while a model learns."""

import dataclasses
from typing import Literal

from ebm_tf.config.core import CountSchedule, Schedule, Settings

# "class_gaussian" is a normal distribution of the images of each class of the data.
Start = Literal["noise", "data", "generator", "class_gaussian"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hygiene(Settings):
    """Which chains are unhealthy and leave the replay buffer after their visit.

    A chain whose energy or any pixel is not finite is, whatever the bounds.

    Attributes:
      max_energy_deviation: the farthest that a chain's energy may lie from the median
        of those it was drawn with, on this replica, in robust standard deviations
        (1.4826 times the median absolute deviation); no bound if None. A few chains
        are too few to tell it from, and new chains among old ones may need more room.
      max_pixel: bound on the absolute value of pixels; none if None.
    """

    max_energy_deviation: float | None = 10.0
    max_pixel: float | None = None

    def validate(self) -> None:
        """Checks bounds."""
        self.require_positive("max_energy_deviation", "max_pixel")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Persistent(Settings):
    """Chains that go on from update to update in a replay buffer, the bank.

    Attributes:
      start: where new chains begin. With "generator" each chain keeps its latent.
      bank_size: chains in the bank, over all replicas; rounded down to whole batches.
      num_steps: Langevin steps per update.
      rejuvenation: probability that a drawn chain is reinitialised.
      max_updates: a chain that was continued more often than this is reinitialised.
      burn_in: extra Langevin steps of a chain that was just reinitialised.
      noise_scale: half-width of the uniform noise of start="noise".
      hygiene: which chains are unhealthy and are reinitialised after their visit; none
        are if None.
    """

    start: Start
    bank_size: int = 10_000
    num_steps: CountSchedule = 100
    rejuvenation: Schedule = 0.0
    max_updates: int | None = None
    burn_in: CountSchedule = 0
    noise_scale: float = 1.0
    hygiene: Hygiene | None = None

    def validate(self) -> None:
        """Checks counts and probabilities."""
        self.require_positive("bank_size", "noise_scale")
        self.require_schedule("num_steps", least=1)
        self.require_schedule("burn_in", least=0)
        self.require_schedule("rejuvenation", least=0, most=1)
        self.require_least(0, "max_updates")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transient(Settings):
    """Chains that start again for every update.

    Attributes:
      start: where chains begin.
      num_steps: Langevin steps per update.
      noise_scale: half-width of the uniform noise of start="noise".
    """

    start: Start
    num_steps: CountSchedule = 100
    noise_scale: float = 1.0

    def validate(self) -> None:
        """Checks counts."""
        self.require_positive("noise_scale")
        self.require_schedule("num_steps", least=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BurnIn(Settings):
    """Chains that count for learning only once they are old (Hill et al., 2022).

    Young chains live in a bank of their own until they were visited often enough.
    Then they overwrite chains that learning uses, and new ones take their places.

    Attributes:
      start: where new chains begin.
      bank_size: chains that learning uses, over all replicas; rounded down to whole
        batches.
      burn_in_size: young chains, likewise.
      num_steps: Langevin steps per update of the chains that learning uses.
      burn_in_steps: Langevin steps per update of the young ones.
      burn_in_visits: visits after which a young chain is moved at the next one.
      noise_scale: half-width of the uniform noise of start="noise".
    """

    start: Start
    bank_size: int = 10_000
    burn_in_size: int = 1000
    num_steps: CountSchedule = 100
    burn_in_steps: CountSchedule = 100
    burn_in_visits: CountSchedule = 750
    noise_scale: float = 1.0

    def validate(self) -> None:
        """Checks counts."""
        self.require_positive("bank_size", "burn_in_size", "noise_scale")
        for name in ("num_steps", "burn_in_steps", "burn_in_visits"):
            self.require_schedule(name, least=1)
