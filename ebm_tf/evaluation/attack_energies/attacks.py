"""The attacks after which energies are measured, and where each of them ends.

Where an attack ends decides the energies as much as what it raises: one that goes on
after an error leaves the boundary behind, one that looks for the nearest error stays
there. Each ends here where it does in the paper (Mirza et al., 2024), but that FAB aims
at classes.
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from ebm_tf.attacks.apgd import LossName, apgd, apgd_targeted
from ebm_tf.attacks.carlini_wagner import carlini_wagner
from ebm_tf.attacks.fab import fab_targeted
from ebm_tf.attacks.pgd import pgd_to_the_end
from ebm_tf.attacks.square import square
from ebm_tf.config.attack_energies import AttackEnergies, AttackName
from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.errors import ConfigError
from ebm_tf.pixels import from_255ths
from ebm_tf.protocols import AttackFn, Classifier

MakeFn = Callable[[AttackEnergies, Classifier], AttackFn]


class EnergyAttack(NamedTuple):
    """An attack after which energies are measured.

    Attributes:
      attack: the function.
      title: for people.
      budget: counts of steps, classes and queries, by the names of their settings.
      keeps: which images it ends at.
      radius: of its ball, in units of images in [-1, 1]; infinite where it has none.
    """

    attack: AttackFn
    title: str
    budget: dict[str, int]
    keeps: str
    radius: float

    @property
    def is_bounded(self) -> bool:
        """Whether it stays in the ball."""
        return math.isfinite(self.radius)


def in_words(budget: Mapping[str, int]) -> str:
    """Counts for people, such as "20 steps, 9 targets"."""
    counts = budget.items()
    return ", ".join(
        f"{count:,} {name.removeprefix('num_').removesuffix('s' * (count == 1))}"
        for name, count in counts
    )


def energy_attacks(
    settings: AttackEnergies, classifier: Classifier, num_classes: int
) -> dict[str, EnergyAttack]:
    """The attacks of the settings, in their order.

    Raises:
      ConfigError: if there are too few classes for the loss of one.
    """
    small = [name for name in settings.attacks if _KINDS[name].fewest > num_classes]
    if small:
        left = tuple(name for name in settings.attacks if name not in small)
        raise ConfigError(
            f"The classifier has {num_classes} classes, too few for the losses of "
            f'{" and ".join(small)}: --set "attacks.attacks={left}".'
        )
    return {
        name: _opened(_KINDS[name], settings, classifier) for name in settings.attacks
    }


class _Kind(NamedTuple):
    title: str
    keeps: str
    counts: tuple[str, ...]  # names of the settings of its budget
    make: MakeFn
    fewest: int = 2  # classes that its loss is defined for
    is_bounded: bool = True


def _opened(
    kind: _Kind, settings: AttackEnergies, classifier: Classifier
) -> EnergyAttack:
    own = settings if kind.is_bounded else settings.carlini_wagner
    radius = from_255ths(settings.ball.epsilon) if kind.is_bounded else math.inf
    counts = {name: getattr(own, name) for name in kind.counts}
    budget = {name: count for name, count in counts.items() if count}
    attack = kind.make(settings, classifier)
    return EnergyAttack(attack, kind.title, budget, kind.keeps, radius)


def _pgd(
    loss: Literal["cross_entropy", "kl"], start: Literal["uniform", "normal"]
) -> MakeFn:
    def make(settings: AttackEnergies, classifier: Classifier) -> AttackFn:
        how = Pgd(
            loss=loss,
            start=start,
            num_steps=settings.num_steps,
            step_size=settings.step_size,
        )
        return pgd_to_the_end(classifier, how, settings.ball)

    return make


def _apgd(loss: LossName) -> MakeFn:
    def make(settings: AttackEnergies, classifier: Classifier) -> AttackFn:
        return apgd(
            classifier,
            settings.ball,
            loss=loss,
            num_steps=settings.num_steps,
            stops_at_error=False,
        )

    return make


def _apgd_t(settings: AttackEnergies, classifier: Classifier) -> AttackFn:
    return apgd_targeted(
        classifier,
        settings.ball,
        num_steps=settings.num_steps,
        num_targets=settings.num_targets,
        stops_at_error=False,
    )


def _fab_t(settings: AttackEnergies, classifier: Classifier) -> AttackFn:
    return fab_targeted(
        classifier,
        settings.ball,
        num_steps=settings.num_steps,
        num_targets=settings.num_targets,
    )


def _square(settings: AttackEnergies, classifier: Classifier) -> AttackFn:
    return square(classifier, settings.ball, num_queries=settings.num_queries)


def _carlini_wagner(settings: AttackEnergies, classifier: Classifier) -> AttackFn:
    return carlini_wagner(classifier, settings.carlini_wagner, Ball(norm="l2"))


_LAST = "the last image of the ascent"
_HIGHEST = (
    "the image of the highest loss; the ascent goes on after an error, and leaves "
    "images alone that are wrong as they are"
)
_STEPS, _TARGETED = ("num_steps",), ("num_steps", "num_targets")

_KINDS: dict[AttackName, _Kind] = {
    "pgd": _Kind("PGD, cross-entropy", _LAST, _STEPS, _pgd("cross_entropy", "uniform")),
    "trades_kl": _Kind("PGD, KL (TRADES)", _LAST, _STEPS, _pgd("kl", "normal")),
    "apgd_ce": _Kind("APGD, cross-entropy", _HIGHEST, _STEPS, _apgd("cross_entropy")),
    "apgd_dlr": _Kind("APGD, DLR", _HIGHEST, _STEPS, _apgd("dlr"), fewest=3),
    "apgd_t": _Kind(
        "APGD, targeted DLR",
        f"{_HIGHEST}; the first class whose best image is an error is the last",
        _TARGETED,
        _apgd_t,
        fewest=4,
    ),
    "fab_t": _Kind(
        "FAB, targeted",
        "the first error inside the ball, near the boundary; where there is none, the "
        "nearest error, projected into the ball",
        _TARGETED,
        _fab_t,
    ),
    "square": _Kind(
        "Square",
        "the first error; where there is none, the image of the highest margin",
        ("num_queries",),
        _square,
    ),
    "carlini_wagner": _Kind(
        "Carlini-Wagner, l2, unbounded",
        "the nearest error, however far; where there is none, the image as it is",
        ("num_steps", "num_constants", "num_targets"),
        _carlini_wagner,
        is_bounded=False,
    ),
}
