"""Compares classifiers by what an attack did to their energies."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ebm_tf.config.analysis import Analysis
from ebm_tf.config.robustness import RobustnessMeasurement
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.attack_energies import plots
from ebm_tf.evaluation.attack_energies.attacks import in_words
from ebm_tf.evaluation.attack_energies.figures import ARRAYS, NATURAL
from ebm_tf.evaluation.attack_energies.plots import Violin
from ebm_tf.evaluation.finished_runs import finished
from ebm_tf.runtime.files import load_arrays
from ebm_tf.runtime.workspace import Workspace

# What figures of two analyses must have in common.
_OF_DATA, _OF_ATTACKS = ("data", "split"), ("num_images", "settings")
MEANINGS = {
    "classifiers": "in the order of robust_accuracy, the share of images that are "
    "right at x and under all of robust_accuracy_by; energies as in the results of "
    "the analysis"
}


class Analysed(NamedTuple):
    """A classifier whose energies were measured.

    Attributes:
      folder: of the run, or of the part of one.
      results: of the analysis.
      robustness: results of `attack.py`, with its folder under "folder"; None where
        the worst case of the analysis counts.
    """

    folder: str
    results: Mapping[str, Any]
    robustness: Mapping[str, Any] | None = None

    @property
    def attacks(self) -> Mapping[str, Any]:
        """The figures under attack."""
        return self.results["attacks"]


def analysed(folder: str, results: Mapping[str, Any] | None, attack: str) -> Analysed:
    """A finished analysis.

    Raises:
      ConfigError: if it is not finished, or did not measure energies under the attack.
    """
    attacks = (results or {}).get("attacks")
    if results is None or attacks is None or attack not in attacks["by_attack"]:
        what = (
            "is not finished" if results is None else f"has no energies under {attack}"
        )
        raise ConfigError(f"The run {folder} {what}: run ebm_tf/analyze.py to its end.")
    return Analysed(folder, results)


def robustness(folder: str) -> dict[str, Any]:
    """The results of a run of `attack.py`, with its folder under "folder".

    Raises:
      ConfigError: if it is no such run, or not finished.
    """
    _, results = finished(folder, RobustnessMeasurement, " on a classifier")
    return results | {"folder": folder}


def is_analysis(config: Any) -> bool:
    """Whether a run with this config is one of `analyze.py`."""
    return isinstance(config, Analysis) and config.executable == "analyze"


def compared(
    classifiers: Sequence[Analysed], attack: str, workspace: Workspace
) -> dict[str, Any]:
    """The figures of all classifiers, and on the first worker a plot of them."""
    rows = [_row(one, attack) for one in classifiers]
    order = sorted(range(len(rows)), key=lambda place: _accuracy(rows[place]))
    warnings = list(_warnings(classifiers))
    for warning in warnings:
        workspace.log(f"Warning: {warning}")
    if workspace.is_chief:
        path = workspace.path("plots", "energy_differences.png")
        violins = [_violin(rows[i], classifiers[i].folder, attack) for i in order]
        plots.save_violins(path, _title(classifiers[0], attack), violins)
    return {
        "compared": attack,
        "classifiers": [rows[place] for place in order],
        "warnings": warnings,
        "units": MEANINGS,
    }


def _row(one: Analysed, attack: str) -> dict[str, Any]:
    attacks, found, worst = one.attacks, one.robustness, _worst_case(one)
    natural = attacks
    by = {
        "robust_accuracy": worst.get("accuracy"),
        "robust_accuracy_interval": worst.get("accuracy_interval"),
        "robust_accuracy_by": worst.get("attacks", []),
    }
    if found is not None:
        natural, names = found, ("robust_accuracy", "robust_accuracy_interval")
        by = {name: found[name] for name in names}
        by["robust_accuracy_by"] = [found["folder"], *found["by_attack"]]
    return {
        "classifier": attacks["classifier"],
        "run": one.folder,
        "weights": one.results["weights"],
        "natural_accuracy": natural["natural_accuracy"],
        "natural_accuracy_interval": natural["natural_accuracy_interval"],
        **by,
        attack: attacks["by_attack"][attack],
    }


def _worst_case(one: Analysed) -> Mapping[str, Any]:
    """The accuracy under all attacks in the ball; nothing where there were none."""
    return one.attacks["worst_case"] or {}


def _accuracy(row: Mapping[str, Any]) -> float:
    found = row["robust_accuracy"]
    return -1.0 if found is None else found


def _violin(row: Mapping[str, Any], folder: str, attack: str) -> Violin:
    stored = load_arrays(os.path.join(folder, ARRAYS))
    marginal, joint = (
        stored[f"{NATURAL}/{kind}"] - stored[f"{attack}/{kind}"]
        for kind in ("marginal", "joint")
    )
    finite = np.isfinite(marginal + joint)
    caption = f"{row['classifier']}\nnatural {row['natural_accuracy']:.3f}"
    if row["robust_accuracy"] is not None:
        caption += f"\nrobust {row['robust_accuracy']:.3f}"
    return Violin(caption, marginal[finite], joint[finite])


def _title(one: Analysed, attack: str) -> str:
    """What was done, for people."""
    found, ball = one.attacks["by_attack"][attack], one.attacks["settings"]["ball"]
    title = f"{found['title']} ({in_words(found['budget'])})"
    if attack not in _worst_case(one).get("attacks", ()):
        return title
    return f"{title}, {ball['norm']} radius {ball['epsilon']:g}/255"


def _warnings(classifiers: Sequence[Analysed]) -> Iterator[str]:
    """Reasons not to compare figures, as sentences."""
    first = classifiers[0]
    for one in classifiers:
        differing = [n for n in _OF_DATA if one.results[n] != first.results[n]]
        differing += [n for n in _OF_ATTACKS if one.attacks[n] != first.attacks[n]]
        if differing:
            yield (
                f"{one.folder} was measured with other {', '.join(differing)} than "
                f"{first.folder}."
            )
        if one.robustness is None:
            continue
        there = one.robustness
        if there["weights"] != one.results["weights"]:
            yield (
                f"{there['folder']} attacked {there['weights']}, and {one.folder} "
                f"analysed {one.results['weights']}."
            )
        if there["ball"] != one.attacks["settings"]["ball"]:
            yield f"{there['folder']} attacked in another ball than {one.folder}."
