"""What a release says of itself, for programs (JSON) and for people (Markdown)."""

import ast
import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ebm_tf.config.core import Experiment, to_mapping
from ebm_tf.runtime.releases.commands import ROOT
from ebm_tf.runtime.releases.told_figures import DEVIATIONS, shown

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
