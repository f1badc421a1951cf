"""What a release says of itself, for programs (JSON) and for people (Markdown)."""

import ast
import inspect
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ebm_tf.config.core import Experiment, to_mapping
from ebm_tf.store.releases.portable import ROOT

FORMAT = 1
LICENCE = "MIT"
OF_DATA = (
    "The data that it was learned from is not part of the release and has a licence of "
    "its own: whether that allows what you want to do is for you to check."
)
_COUNTS = ("num_samples", "num_images")
_UNDER_ATTACK = ("robust", "pgd", "apgd")

Card = dict[str, Any]


class Measured(NamedTuple):
    """A run whose figures a card tells.

    Attributes:
      name: what figures call it by.
      config: of the run, as it is told to others.
      command: that makes it; None where no config file of the program can.
      revision: of the program.
    """

    name: str
    config: Experiment
    command: str | None
    revision: str | None


def card(
    config: Experiment,
    environment: Mapping[str, Any],
    *,
    parameters: Mapping[str, int],
    figures: Sequence[Mapping[str, Any]],
    measured: Sequence[Measured],
    licence: str,
) -> Card:
    """The card of a release, but for its files.

    Args:
      config: of the run that learned the model, as it is told to others.
      environment: of that run.
      parameters: numbers in the weights, by role.
      figures: with how they were measured.
      measured: the runs that the figures are from; the first one learned the model.
      licence: of the weights.
    """
    data = to_mapping(config).get("data") or {}
    return {
        "format": FORMAT,
        "name": config.name,
        "description": description(config),
        "kind": type(config).__name__,
        "data": {name: data[name] for name in _DATA if name in data},
        "networks": {
            role: _settings(config, role) | {"parameters": count}
            for role, count in parameters.items()
        },
        "command": measured[0].command,
        "figures": list(figures),
        "measurements": {
            run.name: {
                "command": run.command,
                "revision": run.revision,
                "config": to_mapping(run.config),
            }
            for run in measured
        },
        "versions": {
            name: environment.get(name) for name in ("python", "packages", "revision")
        },
        "licence": {"weights": licence, "data": OF_DATA},
    }


_DATA = ("name", "split", "image_size", "channels")


def _settings(config: Experiment, role: str) -> dict[str, Any]:
    network = to_mapping(config).get(role)
    return dict(network) if isinstance(network, dict) else {}


def description(config: Experiment) -> str:
    """The first line of the page of a config, else what its kind of runs does."""
    for path in sorted(ROOT.glob(f"configs/{config.name}.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        if text:
            return text.splitlines()[0]
    return (inspect.getdoc(type(config)) or "").partition("\n")[0]


def as_json(content: Card) -> str:
    """The text of card.json."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def as_markdown(content: Card) -> str:
    """The text of card.md."""
    data, versions = content["data"], content["versions"]
    packages = ", ".join(f"{k} {v}" for k, v in (versions["packages"] or {}).items())
    parts = [
        f"# {content['name']}",
        content["description"],
        _table(
            ("network", "architecture", "parameters"),
            [
                (role, facts.get("architecture", ""), f"{facts['parameters']:,}")
                for role, facts in content["networks"].items()
            ],
        ),
        f"Data: {data.get('name')}, split {data.get('split')}, images of "
        f"{data.get('image_size')}x{data.get('image_size')}x{data.get('channels')}.",
        f"In place of a run folder or a weight file: `release:{content['name']}`.",
        "## Figures",
        *_figures(content),
        "## How it was made",
        _command(content["command"]),
        f"Python {versions['python']}, {packages}; revision {versions['revision']}.",
        "## Licence",
        f"Weights: {content['licence']['weights']}. {content['licence']['data']}",
        "## Files",
        _table(
            ("file", "bytes", "SHA-256"),
            [
                (name, f"{facts['bytes']:,}", f"`{facts['sha256']}`")
                for name, facts in content["files"].items()
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _figures(content: Card) -> list[str]:
    figures = content["figures"]
    if not figures:
        return ["Nothing was measured."]
    head = ("figure", "value", "of", "compared with", "features", "seed", "measured by")
    meanings = {figure["metric"]: figure["meaning"] for figure in figures}
    notes = [f"* `{metric}`: {meaning}." for metric, meaning in meanings.items()]
    parts = [_table(head, [_row(figure) for figure in figures]), "\n".join(notes)]
    warned = {
        (figure["measurement"], warning)
        for figure in figures
        for warning in figure.get("warnings", ())
    }
    parts += [f"Warning of {name}: {warning}" for name, warning in sorted(warned)]
    for name, run in content["measurements"].items():
        if any(figure["measurement"] == name for figure in figures):
            parts += [f"`{name}` is measured by", _command(run["command"])]
    return parts


def _row(figure: Mapping[str, Any]) -> tuple[str, ...]:
    counts = [
        f"{figure[name]:,} {name.removeprefix('num_')}"
        for name in _COUNTS
        if name in figure
    ]
    if "num_steps" in figure:
        counts.append(f"{figure['num_steps']:,} Langevin steps")
    if "ball" in figure and figure["metric"].startswith(_UNDER_ATTACK):
        counts.append(f"{figure['ball']['norm']} {figure['ball']['epsilon']:g}/255")
    return (
        figure["metric"],
        shown(figure["value"])
        + "".join(_deviation(figure, kind) for kind in DEVIATIONS),
        ", ".join(counts),
        str(figure.get("reference", "")),
        str(figure.get("features", "")),
        str(figure["seed"]),
        figure["measurement"],
    )


def _deviation(figure: Mapping[str, Any], kind: str) -> str:
    if kind not in figure:
        return ""
    if kind == "interval":
        low, high = figure[kind]
        return f" (95 %: {shown(low)} to {shown(high)})"
    return f" ({kind} {shown(figure[kind])})"


def _command(text: str | None) -> str:
    if text is None:
        return "Settings: those in `card.json`; no config file of the program has them."
    return f"```\n{text}\n```"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


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
                found.append(figure | _deviation_of(metric, own) | shared)
    return found


def _of_ascents(results: Mapping[str, Any]) -> dict[str, str]:
    """What accuracies are whose names tell the steps of the attack."""
    found = (re.fullmatch(r"pgd(\d+)_accuracy", name) for name in results)
    return {
        match[0]: f"share of test images that PGD of {match[1]} steps did not turn"
        for match in found
        if match
    }


def _deviation_of(metric: str, results: Mapping[str, Any]) -> dict[str, Any]:
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
