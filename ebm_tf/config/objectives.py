"""The settings of what a classifier minimises."""

import dataclasses

from ebm_tf.config.core import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clean(Settings):
    """Cross-entropy of natural images."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sat(Settings):
    """Cross-entropy of attacked images: PGD-AT (Madry et al., 2018)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _WithDivergence(Settings):
    """Has a divergence between natural and attacked predictions.

    Attributes:
      beta: its factor.
    """

    beta: float = 6.0

    def validate(self) -> None:
        """Checks the factor."""
        self.require_least(0, "beta")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trades(_WithDivergence):
    """Natural cross-entropy and divergence (Zhang et al., 2019)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mart(_WithDivergence):
    """Boosted cross-entropy and weighted divergence (Wang et al., 2020)."""

    beta: float = 5.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class MailTrades(_WithDivergence):
    """TRADES with margins as weights of the divergence (Wang et al., 2021).

    Attributes:
      slope: of the weight over the margin.
      bias: added to the margin.
      first_update: before it this is plain TRADES.
    """

    beta: float = 5.0
    slope: float = 2.0
    bias: float = 0.0
    first_update: int = 0

    def validate(self) -> None:
        """Checks the factor and the update."""
        super().validate()
        self.require_least(0, "first_update")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _WithEnergyWeights(_WithDivergence):
    """Weights images by their energy (Mirza et al., 2024).

    Attributes:
      normalize: whether weights are divided by their mean over the batch.
    """

    normalize: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeatNat(_WithEnergyWeights):
    """TRADES with both terms weighted."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeatAdv(_WithEnergyWeights):
    """Weighted cross-entropy of attacked images and weighted divergence."""


Objective = Clean | Sat | Trades | Mart | MailTrades | WeatNat | WeatAdv
