"""The figures of a model as a card tells them: with how they were measured."""

import math
import re
from collections.abc import Mapping
from typing import Any

from ebm_tf.config.core import Experiment

# What the figures in results.json are, and what is better.
MEANINGS = {
    "fid": "Fréchet distance of samples to the reference in features; lower is better",
    "fid_extrapolated": "the same, extrapolated to infinitely many samples",
    "frechet_pixel": "Fréchet distance of fresh samples to the images, in raw pixels "
    "in [-1, 1]; lower is better",
    "kid": "kernel distance of samples to the reference; lower is better",
    "inception_score": "Inception Score; higher is better",
    "precision": "share of samples among the references; higher is better",
    "recall": "share of references among the samples; higher is better",
    "natural_accuracy": "share of natural images that are told rightly",
    "robust_accuracy": "share of images that no attack turned",
    "robust_accuracy_fresh": "share of attacked images that are told rightly with "
    "fresh noise",
    "robust_accuracy_worst": "share of images that are right by both counts",
    "median_radius": "median over images of the smallest radius, in 255ths, that turns "
    "them",
    "median_l2_distance": "median l2 distance, in 255ths, to the nearest error",
    "test_accuracy": "share of test images that are told rightly",
    "pgd_accuracy": "share of images that PGD alone did not turn",
    "apgd_ce_accuracy": "share of images that APGD on the cross-entropy alone did not "
    "turn",
}
DEVIATIONS = ("interval", "stderr", "stddev")
COUNTS = ("num_samples", "num_reference", "num_images")
CONDITIONS = (
    *("num_steps", "start", "denoising_steps", "joint_temperature", "weights_kind"),
    *("ball", "pgd", "auto_attack", "carlini_wagner", "evaluation_attack"),
    *("attack", "defense", "num_final_replicates", "langevin", "temperature"),
)


def figures(
    config: Experiment, results: Mapping[str, Any], measurement: str
) -> list[dict[str, Any]]:
    """The figures among the results of a run.

    Args:
      config: of the run.
      results: of the run.
      measurement: where its command and its settings are to be found.

    Returns:
      Of each its name, meaning, value, deviation, and the conditions of measuring.
    """
    rows = results.get("by_num_steps") or [{}]
    found = []
    for row in rows:
        own = {**results, **row}
        shared = _conditions(config, own) | {"measurement": measurement}
        for metric, meaning in (MEANINGS | _of_ascents(own)).items():
            value = own.get(metric)
            if value is not None and math.isfinite(value):
                figure = {"metric": metric, "meaning": meaning, "value": value}
                found.append(figure | _deviation(metric, own) | shared)
    return found


def _of_ascents(results: Mapping[str, Any]) -> dict[str, str]:
    """What accuracies are whose names tell the steps of the attack."""
    found = (re.fullmatch(r"pgd(\d+)_accuracy", name) for name in results)
    return {
        match[0]: f"share of test images that PGD of {match[1]} steps did not turn"
        for match in found
        if match
    }


def _deviation(metric: str, results: Mapping[str, Any]) -> dict[str, Any]:
    return {
        kind: results[f"{metric}_{kind}"]
        for kind in DEVIATIONS
        if results.get(f"{metric}_{kind}") is not None
    }


def _conditions(config: Any, results: Mapping[str, Any]) -> dict[str, Any]:
    data = getattr(config, "data", None)
    # Of learning a classifier, which tells its test split apart.
    split = getattr(config, "test_split", None) or getattr(data, "split", None)
    images = f"{data.name}, split {split}" if data is not None else None
    conditions = {
        "reference": results.get("reference") or images,
        "features": results.get("features"),
        "feature_weights": results.get("feature_weights"),
        "seed": results.get("seed", config.seed),
        "warnings": results.get("warnings") or None,
        **{name: results.get(name) for name in (*COUNTS, *CONDITIONS)},
    }
    return {name: value for name, value in conditions.items() if value is not None}


def summary(found: list[dict[str, Any]], most: int = 3) -> str:
    """The first figures in one line."""
    told = [f"{figure['metric']} {shown(figure['value'])}" for figure in found[:most]]
    return ", ".join(told) or "no figures"


def shown(value: float) -> str:
    """A figure as it is read."""
    return f"{value:.4g}"
