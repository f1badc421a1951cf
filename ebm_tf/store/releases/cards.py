"""The card of a release: what it is, for programs (JSON) and for people (Markdown)."""

import ast
import functools
import inspect
import json
import math
import pathlib
import re
import shlex
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from ebm_tf.config import core
from ebm_tf.config.core import Experiment, differing_fields, to_mapping
from ebm_tf.config.fid import FeatureName, distance_name, kernel_name
from ebm_tf.config.overrides import override
from ebm_tf.config.parts import Data
from ebm_tf.errors import ConfigError
from ebm_tf.runtime.bundled import ROOT
from ebm_tf.store.releases.archives import Card

LICENCE = "MIT"
DATA_LICENCE = (
    "The training data is not part of the release and has a licence of its own: check "
    "whether it allows what you want to do."
)
_DISTANCE = "Fréchet distance of samples to the reference in features; lower is better"
_LIMIT = "the same, extrapolated to infinitely many samples"
_KERNEL = "kernel distance of samples to the reference; lower is better"
_FEATURES = typing.get_args(FeatureName)
# The reported metrics among results, and what is better.
MEANINGS = {
    **{distance_name(name): _DISTANCE for name in _FEATURES},
    **{f"{distance_name(name)}_extrapolated": _LIMIT for name in _FEATURES},
    distance_name("pixels"): "Fréchet distance of samples to the reference in raw "
    "pixels in [-1, 1]; lower is better",
    **{kernel_name(name): _KERNEL for name in _FEATURES},
    "inception_score": "Inception Score; higher is better",
    "precision": "share of samples among the references; higher is better",
    "recall": "share of references among the samples; higher is better",
    "natural_accuracy": "share of natural images that are classified correctly",
    "robust_accuracy": "share of images that no attack broke",
    "robust_accuracy_fresh": "share of attacked images that are classified correctly "
    "with fresh noise",
    "robust_accuracy_worst": "share of images that are correct by both counts",
    "median_radius": "median over images of the smallest radius, in 255ths, that "
    "breaks them",
    "median_l2_distance": "median l2 distance, in 255ths, to the nearest error",
    "test_accuracy": "share of test images that are classified correctly",
    "pgd_accuracy": "share of images that PGD alone did not break",
    "apgd_ce_accuracy": "share of images that APGD on the cross-entropy alone did not "
    "break",
    "flip_rate": "share of mapped images that the classifier which learned beside the "
    "mapper puts into the other class",
    "cosine": "mean cosine of the mapper's differences with the true directions",
}
# Those that training measures on a split of its own begin so.
_OF_TEST_IMAGES = ("test", "pgd", "flip", "cosine")
DEVIATIONS = ("interval", "stderr", "stddev")
CONDITIONS = (
    *("num_samples", "num_reference", "num_images"),
    *("num_steps", "start", "denoising_steps", "joint_temperature", "weights_kind"),
    *("ball", "pgd", "auto_attack", "carlini_wagner", "evaluation_attack"),
    *("attack", "defense", "num_final_replicates", "langevin", "temperature"),
)
_SHOWN_COUNTS = ("num_samples", "num_images")
_DATA = ("name", "split", "image_size", "channels")


def reported_metrics(
    config: Experiment, results: Mapping[str, Any], measurement: str
) -> list[dict[str, Any]]:
    """The metrics among the results of a run that a card reports.

    Args:
      config: of the run.
      results: of the run.
      measurement: the key of the run among the measurements of the card.

    Returns:
      For each its name, meaning, value, deviation and the conditions of measuring.
    """
    reported = []
    for row in results.get("by_num_steps") or [{}]:
        row = {**results, **row}
        ascents = (re.fullmatch(r"pgd(\d+)_accuracy", name) for name in row)
        meanings = MEANINGS | {
            match[0]: f"share of test images that PGD of {match[1]} steps did not break"
            for match in ascents
            if match
        }
        for metric, meaning in meanings.items():
            value = row.get(metric)
            if value is not None and math.isfinite(value):
                deviations = {kind: row.get(f"{metric}_{kind}") for kind in DEVIATIONS}
                found = {"metric": metric, "meaning": meaning, "value": value}
                conditions = _conditions(config, row, metric)
                found |= _without_none(deviations) | conditions
                reported.append(found | {"measurement": measurement})
    return reported


def _conditions(config: Any, results: Mapping[str, Any], metric: str) -> dict[str, Any]:
    data = getattr(config, "data", None)
    split, counts = getattr(data, "split", None), {}
    # Samples, where training makes some, are compared with what it learned from.
    if metric.startswith(_OF_TEST_IMAGES) and hasattr(config, "test_split"):
        split = config.test_split
        if "num_test_images" in results:
            counts = {"num_images": results["num_test_images"], "num_samples": None}
    images = f"{data.name}, split {split}" if data is not None else None
    return _without_none(
        {
            "reference": results.get("reference") or images,
            "features": results.get("features"),
            "feature_weights": results.get("feature_weights"),
            "seed": results.get("seed", config.seed),
            "warnings": results.get("warnings") or None,
            **{name: results.get(name) for name in CONDITIONS},
            **counts,
        }
    )


def _without_none(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def summary(reported: Sequence[Mapping[str, Any]], most: int = 3) -> str:
    """The first metrics in one line; what two runs measured alike stands there once."""
    shown = dict.fromkeys(f"{each['metric']} {each['value']:.4g}" for each in reported)
    return ", ".join([*shown][:most]) or "no metrics"


def command(config: Experiment, data: Data | None) -> str | None:
    """The command of a config, by the nearest of the program's config files.

    Args:
      config: without paths of this machine.
      data: what was read, and where it was on this machine.

    Returns:
      The command; None where no config file and assignments make this config.
    """
    made = [
        (len(assignments), str(path.relative_to(ROOT)), assignments)
        for path, other in _published(type(config))
        if (assignments := _assignments(other, config)) is not None
    ]
    if not made:
        return None
    _, path, assignments = min(made)
    arguments = ["python3", f"ebm_tf/{config.executable}.py", path]
    arguments += [word for text in assignments for word in ("--set", text)]
    places = " --data_dir DATA" if data and data.directory else ""
    places += " --set data.path=PLACE" if data and data.path else ""
    return shlex.join(arguments) + places


@functools.cache
def _published(kind: type) -> list[tuple[pathlib.Path, Experiment]]:
    """The config files of the program that define an experiment of a kind."""
    found = []
    for path in sorted(ROOT.glob("configs*/*.py")):
        try:
            config = core.load(str(path))
        except ConfigError:  # no config, or one that is being written
            continue
        if type(config) is kind:
            found.append((path, config))
    return found


def _assignments(before: Experiment, after: Experiment) -> list[str] | None:
    """The assignments that turn a config into another; None where none can."""
    assignments = [
        f"{path}={functools.reduce(getattr, path.split('.'), after)}"
        for path in differing_fields(before, after, fixed_only=False)
    ]
    try:
        made = override(before, assignments)
    except ConfigError:
        return None
    return None if differing_fields(made, after, fixed_only=False) else assignments


def card(
    config: Experiment,
    environment: Mapping[str, Any],
    *,
    parameters: Mapping[str, int],
    figures: Sequence[Mapping[str, Any]],
    measurements: Mapping[str, Mapping[str, Any]],
    licence: str,
) -> Card:
    """The card of a release without the list of its files.

    Args:
      config: of the run that learned the model, without paths of this machine.
      environment: of that run.
      parameters: numbers of parameters, by role.
      figures: the reported metrics.
      measurements: command, revision and config of the runs that measured them, by
        name; the first one learned the model.
      licence: of the weights.
    """
    settings = to_mapping(config)
    data = settings.get("data") or {}
    return {
        "format": 1,
        "name": config.name,
        "description": _description(config),
        "kind": type(config).__name__,
        "data": {name: data[name] for name in _DATA if name in data},
        "networks": {
            role: {**(settings.get(role) or {}), "parameters": count}
            for role, count in parameters.items()
        },
        "command": next(iter(measurements.values()))["command"],
        "figures": list(figures),
        "measurements": dict(measurements),
        "versions": {
            name: environment.get(name) for name in ("python", "packages", "revision")
        },
        "licence": {"weights": licence, "data": DATA_LICENCE},
    }


def _description(config: Experiment) -> str:
    """The first line of the docstring of the config file, else of its class."""
    for path in ROOT.glob(f"configs/{config.name}.py"):
        if text := ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))):
            return text.splitlines()[0]
    return (inspect.getdoc(type(config)) or "").partition("\n")[0]


def as_json(content: Card) -> str:
    """The text of card.json."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def as_markdown(content: Card) -> str:
    """The text of card.md."""
    data, versions = content["data"], content["versions"]
    packages = ", ".join(f"{k} {v}" for k, v in (versions["packages"] or {}).items())
    networks = [
        (role, facts.get("architecture", ""), f"{facts['parameters']:,}")
        for role, facts in content["networks"].items()
    ]
    files = [
        (name, f"{facts['bytes']:,}", f"`{facts['sha256']}`")
        for name, facts in content["files"].items()
    ]
    parts = [
        f"# {content['name']}",
        content["description"],
        _table(("network", "architecture", "parameters"), networks),
        f"Data: {data.get('name')}, split {data.get('split')}, images of "
        f"{data.get('image_size')}x{data.get('image_size')}x{data.get('channels')}.",
        f"In place of a run folder or a weight file: `release:{content['name']}`.",
        "## Reported metrics",
        *_metrics(content),
        "## How it was trained",
        _command_block(content["command"]),
        f"Python {versions['python']}, {packages}; revision {versions['revision']}.",
        "## Licence",
        f"Weights: {content['licence']['weights']}. {content['licence']['data']}",
        "## Files",
        _table(("file", "bytes", "SHA-256"), files),
    ]
    return "\n\n".join(parts) + "\n"


def _metrics(content: Card) -> list[str]:
    reported = content["figures"]
    if not reported:
        return ["Nothing was measured."]
    head = ("metric", "value", "of", "compared with", "features", "seed", "measured by")
    meanings = {each["metric"]: each["meaning"] for each in reported}
    notes = [f"* `{metric}`: {meaning}." for metric, meaning in meanings.items()]
    warned = {
        (m["measurement"], text) for m in reported for text in m.get("warnings", ())
    }
    parts = [_table(head, [_row(each) for each in reported]), "\n".join(notes)]
    parts += [f"Warning of {name}: {text}" for name, text in sorted(warned)]
    for name, run in content["measurements"].items():
        if any(each["measurement"] == name for each in reported):
            parts += [f"`{name}` is measured by", _command_block(run["command"])]
    return parts


def _row(reported: Mapping[str, Any]) -> tuple[str, ...]:
    metric, value = reported["metric"], f"{reported['value']:.4g}"
    for kind in DEVIATIONS:
        if kind == "interval" and kind in reported:
            low, high = reported[kind]
            value += f" (95 %: {low:.4g} to {high:.4g})"
        elif kind in reported:
            value += f" ({kind} {reported[kind]:.4g})"
    counts = [
        f"{reported[name]:,} {name.removeprefix('num_')}"
        for name in _SHOWN_COUNTS
        if name in reported
    ]
    if "num_steps" in reported:
        counts.append(f"{reported['num_steps']:,} Langevin steps")
    if "ball" in reported and metric.startswith(("robust", "pgd", "apgd")):
        counts.append(f"{reported['ball']['norm']} {reported['ball']['epsilon']:g}/255")
    texts = [str(reported.get(name, "")) for name in ("reference", "features", "seed")]
    return metric, value, ", ".join(counts), *texts, reported["measurement"]


def _command_block(text: str | None) -> str:
    if text is None:
        return "Settings: those in `card.json`; no config file of the program has them."
    return f"```\n{text}\n```"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
