"""The figures of energies under attack, and the arrays that they are made of."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ebm_tf.config.analysis import Analysis
from ebm_tf.evaluation.attack_energies.attacks import EnergyAttack, in_words
from ebm_tf.evaluation.batch_files import Arrays
from ebm_tf.evaluation.energy_statistics import Energies, Evaluation, statistics
from ebm_tf.evaluation.robustness import accuracy
from ebm_tf.runtime import seeds
from ebm_tf.runtime.seeds import Purpose

ARRAYS = "attack_energies.npz"
NATURAL = "natural"
MEANINGS = {
    "attacks": "marginal is E(x) = -logsumexp of the logits, joint E(x, y) = minus the "
    "logit of the label, attacked_ the same at the attacked image x*, delta_ the "
    "natural less the attacked one; means with 95 % intervals of the percentile "
    "bootstrap; all: all images, fooled: those that were right and are wrong at x*; "
    "accuracies are shares of images that are right at x and at x*; worst_case: by all "
    "attacks that stay in the ball; distances in 255ths of the pixel range"
}


class Measured(NamedTuple):
    """The energies under an attack.

    Attributes:
      evaluation: logits and errors.
      energies: natural ones, and their differences to the attacked ones.
      outcome: arrays [n]: "linf" and "l2" distances in 255ths, besides the logits.
    """

    evaluation: Evaluation
    energies: Energies
    outcome: Arrays


def arrays(found: Mapping[str, Measured]) -> dict[str, np.ndarray]:
    """What was measured of every image, under natural/NAME and ATTACK/NAME."""
    first = next(iter(found.values()))
    values = {
        "labels": first.evaluation.labels,
        f"{NATURAL}/logits": first.evaluation.natural,
        f"{NATURAL}/wrong": first.evaluation.natural_errors,
        f"{NATURAL}/marginal": first.energies.marginal,
        f"{NATURAL}/joint": first.energies.joint,
    }
    for name, (evaluation, energy, outcome) in found.items():
        columns = energy.columns()
        own = {
            "wrong": evaluation.broken,
            "fooled": evaluation.fooled,
            "marginal": columns["attacked_marginal"],
            "joint": columns["attacked_joint"],
        }
        values |= {f"{name}/{kind}": v for kind, v in (outcome | own).items()}
    return values


def results(
    config: Analysis, attacks: Mapping[str, EnergyAttack], found: Mapping[str, Measured]
) -> dict[str, Any]:
    """Accuracies, and the figures of each attack."""
    first = next(iter(found.values())).evaluation
    bounded = [name for name, one in attacks.items() if one.is_bounded]
    return {
        "num_images": len(first.labels),
        **accuracy("natural_accuracy", ~first.natural_errors),
        "worst_case": _worst_case({name: found[name] for name in bounded}),
        "by_attack": {
            name: {
                "title": one.title,
                "budget": one.budget,
                "keeps": one.keeps,
                **_row(config, found[name]),
            }
            for name, one in attacks.items()
        },
    }


def _worst_case(found: Mapping[str, Measured]) -> dict[str, Any] | None:
    """The accuracy under all of some attacks; None where there are none."""
    if not found:
        return None
    errors = [one.evaluation.robust_errors for one in found.values()]
    return {"attacks": list(found), **accuracy("accuracy", ~np.any(errors, axis=0))}


def _row(config: Analysis, measured: Measured) -> dict[str, Any]:
    """The figures of one attack."""
    evaluation, energy, outcome = measured
    columns, fooled, finite = energy.columns(), evaluation.fooled, energy.finite
    draws = {
        "num_draws": config.num_draws,
        "seed": seeds.integer(config.seed, Purpose.STATISTICS),
    }
    row = {
        **accuracy("accuracy", ~evaluation.robust_errors),
        "num_fooled": int(fooled.sum()),
        "num_not_finite": int((~finite).sum()),
    }
    for norm in ("linf", "l2"):
        middle = float(np.median(outcome[norm][fooled])) if fooled.any() else None
        row[f"median_{norm}_of_fooled"] = middle
    return row | {
        "all": statistics(columns, finite, **draws),
        "fooled": statistics(columns, finite & fooled, **draws),
    }


def line(name: str, one: EnergyAttack, measured: Measured) -> str:
    """The main figures of an attack, for people."""
    evaluation, energy, _ = measured
    means = {name: values.mean() for name, values in energy.columns().items()}
    return (
        f"{name}, {in_words(one.budget)}: accuracy "
        f"{1.0 - evaluation.robust_errors.mean():.3f}; mean E(x) "
        f"{means['marginal']:.2f}, attacked {means['attacked_marginal']:.2f}; E(x, y) "
        f"{means['joint']:.2f}, attacked {means['attacked_joint']:.2f}"
    )


def warnings(found: Mapping[str, Measured]) -> Iterator[str]:
    """Reasons not to believe figures, as sentences."""
    for name, (_, energy, _) in found.items():
        if number := int((~energy.finite).sum()):
            yield (
                f"Of {len(energy.finite)} images {number} have energies, natural or "
                f"under {name}, that are not finite; statistics leave them out."
            )
