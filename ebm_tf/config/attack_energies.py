"""The settings of a report on the energies of a classifier under attack."""

import dataclasses
from typing import Literal, get_args

from ebm_tf.config.attacks import Ball, CarliniWagner
from ebm_tf.config.core import Settings, require

AttackName = Literal[
    "pgd",
    "trades_kl",
    "apgd_ce",
    "apgd_dlr",
    "apgd_t",
    "fab_t",
    "square",
    "carlini_wagner",
]
ATTACKS: tuple[AttackName, ...] = get_args(AttackName)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttackEnergies(Settings):
    """Attacks after which the energies of a classifier are measured.

    Source: Mirza et al. (2024), section 3.

    Attributes:
      attacks: by name. "pgd" raises the cross-entropy from a uniform start; "trades_kl"
        the divergence from the natural prediction from normal noise, without labels;
        "apgd_ce" and "apgd_dlr" raise cross-entropy and DLR; "apgd_t", by DLR, and
        "fab_t" aim at classes; "square" takes no gradient; "carlini_wagner" minimises
        the l2 distance, in no ball.
      ball: what the others may choose from.
      num_images: the first so many of the test images; all if None.
      num_steps: of PGD, TRADES-KL, APGD and FAB.
      step_size: of PGD and TRADES-KL, in 255ths.
      num_targets: classes that "apgd_t" and "fab_t" aim at, by logit.
      num_queries: of Square.
      carlini_wagner: its steps; as published one constant of 1 is tried.
    """

    attacks: tuple[AttackName, ...] = ATTACKS
    ball: Ball = Ball()
    num_images: int | None = None
    num_steps: int = 20
    step_size: float = 2.0
    num_targets: int = 9
    num_queries: int = 1000
    carlini_wagner: CarliniWagner = CarliniWagner(
        num_steps=100, num_constants=1, initial_constant=1.0, num_targets=0
    )

    def validate(self) -> None:
        """Checks counts, and that there are attacks, each once."""
        self.require_positive("num_steps", "step_size", "num_targets", "num_queries")
        self.require_least(2, "num_images")
        require(
            0 < len(self.attacks) == len(set(self.attacks)),
            f"Expected attacks={self.attacks} to name some attacks, each once.",
        )
        require(
            self.ball.in_range or "fab_t" not in self.attacks,
            "Expected ball.in_range=True where attacks have 'fab_t', which is for "
            "pixels in their range.",
        )
