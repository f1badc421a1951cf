"""What a measurement of a classifier comes to, in one block that can be pasted."""

from collections.abc import Mapping
from typing import Any

from ebm_tf.config.core import to_mapping
from ebm_tf.config.robustness import RobustnessMeasurement

# Accuracies of a summary, and what people call them.
TITLES = {
    "clean": "clean",
    "pgd": "PGD",
    "apgd_ce": "APGD-CE",
    "apgd_pm": "PMA",
    "auto_attack": "AutoAttack",
    "robust": "all attacks",
}
_ALONE = ("pgd", "apgd_ce", "apgd_pm")


def summary(
    config: RobustnessMeasurement,
    results: Mapping[str, Any],
    model: str,
    versions: Mapping[str, str | None],
) -> dict[str, Any]:
    """The figures of a measurement, as those of RobustBench, with all that made them.

    Args:
      config: of the measurement.
      results: of all its attacks.
      model: what the classifier is called.
      versions: of programs, by name.

    Returns:
      A flat block. "auto_attack" is what is left after PGD, where it is run, and the
      attacks of AutoAttack; "robust" after everything. Each accuracy has its 95 %
      interval; one that was not measured is not there.
    """
    figures: dict[str, Any] = {}
    for name, (accuracy, interval) in _accuracies(config, results).items():
        figures |= {name: accuracy, f"{name}_interval": interval}
    return {
        "model": model,
        "data": config.data.name,
        "split": config.data.split,
        "subset": config.subset,
        "num_images": results["num_images"],
        "norm": config.ball.norm,
        "radius": f"{config.ball.epsilon:g}/255",
        **figures,
        "warnings": len(results["warnings"]),
        "attacks": {
            name: settings and to_mapping(settings)
            for name, settings in (
                ("pgd", config.pgd),
                ("auto_attack", config.auto_attack),
            )
        },
        "probability_margin_steps": config.probability_margin,
        "seed": config.seed,
        "versions": dict(versions),
    }


def _accuracies(
    config: RobustnessMeasurement, results: Mapping[str, Any]
) -> dict[str, tuple[float, list[float]]]:
    """Accuracies that were measured, and their intervals, in the order of `TITLES`."""
    there = {"clean": _of(results, "natural_accuracy")}
    for name in _ALONE:
        if f"{name}_accuracy" in results:
            there[name] = _of(results, f"{name}_accuracy")
    if config.auto_attack is not None:
        last = config.auto_attack.attacks[-1]
        there["auto_attack"] = _of(results["by_attack"][last], "accuracy")
    there["robust"] = _of(results, "robust_accuracy")
    return there


def _of(row: Mapping[str, Any], name: str) -> tuple[float, list[float]]:
    return row[name], row[f"{name}_interval"]
