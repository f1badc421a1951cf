"""What attacks do otherwise where a classifier has few classes, as sentences.

They do what published AutoAttack is run with there: a margin in place of the difference
of logits ratio, which needs more classes, and as many targets as there are.
"""

from collections.abc import Iterator

from ebm_tf.config.attacks import (
    DLR_CLASSES,
    TARGETED_DLR_CLASSES,
    AutoAttack,
    CarliniWagner,
    Pgd,
)


def of_pgd(settings: Pgd, num_classes: int) -> Iterator[str]:
    """What differs from the settings of "pgd"."""
    if settings.loss == "dlr":
        yield from raised_instead("pgd", num_classes)


def of_auto_attack(settings: AutoAttack, num_classes: int) -> Iterator[str]:
    """What differs from the settings of the attacks of a version."""
    if settings.version == "rand":
        yield from raised_instead("apgd_dlr", num_classes)
        return
    if num_classes < TARGETED_DLR_CLASSES:
        yield (
            f"apgd_t raises the gap of two logits: of {num_classes} classes there is "
            "no targeted dlr loss"
        )
    yield from _fewer_targets("apgd_t and fab_t", settings.num_targets, num_classes)


def of_carlini_wagner(settings: CarliniWagner, num_classes: int) -> Iterator[str]:
    """What differs from the settings of "carlini_wagner"."""
    yield from _fewer_targets("carlini_wagner", settings.num_targets, num_classes)


def raised_instead(attack: str, num_classes: int) -> Iterator[str]:
    """What the named attack raises where there is no dlr loss."""
    if num_classes < DLR_CLASSES:
        yield (
            f"{attack} raises the margin: of {num_classes} classes there is no dlr loss"
        )


def _fewer_targets(attacks: str, num_targets: int, num_classes: int) -> Iterator[str]:
    others = num_classes - 1
    if num_targets > others:
        yield f"targets of {attacks}: {others} in place of {num_targets}, all there are"
