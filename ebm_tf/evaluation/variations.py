"""Experiments that differ in one setting, and what came of them side by side."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ebm_tf.config.fid import distance_name, kernel_name
from ebm_tf.config.generation import ImageGeneration, Variation
from ebm_tf.config.overrides import override
from ebm_tf.evaluation.class_agreement import INDEPENDENT, ITSELF
from ebm_tf.runtime.plots import Panel
from ebm_tf.runtime.sweeps import label

# Of the results of an experiment, those that are compared.
COMPARED = ("precision", "recall", "diversity", "num_samples")
JUDGES = (ITSELF, INDEPENDENT)


def experiments(
    config: ImageGeneration, variation: Variation
) -> Iterator[tuple[str, str, ImageGeneration]]:
    """The experiments of a variation: a name for a folder, the value, the config.

    Raises:
      ConfigError: if there is no such setting, or a value is none of it.
    """
    for index, value in enumerate(variation.values):
        assignments = [f"{variation.setting}={value}", "variations=()", "export=False"]
        name = f"{variation.setting}_{index}"
        yield name, label(value), override(config, assignments)


def table(
    rows: Mapping[str, Sequence[Mapping[str, Any]]], features: str
) -> dict[str, list[dict[str, Any]]]:
    """Of each setting, a row for each value: what is compared of its results."""
    return {
        setting: [
            {
                "value": result["value"],
                distance_name(features): result.get(distance_name(features)),
                kernel_name(features): result.get(kernel_name(features)),
                **{name: result.get(name) for name in COMPARED},
                "agreement": {
                    judge: one["share"]
                    for judge, one in result.get("class_agreement", {}).items()
                },
            }
            for result in results
        ]
        for setting, results in rows.items()
    }


def panels(
    found: Mapping[str, Sequence[Mapping[str, Any]]], features: str
) -> dict[str, dict[str, Panel]]:
    """A table as `runtime.plots.save_panels` takes it."""

    def of_one(rows: Sequence[Mapping[str, Any]]) -> dict[str, Panel]:
        texts = [row["value"] for row in rows]
        distances = [row.get(distance_name(features)) for row in rows]
        agreed = {
            judge: (texts, [row["agreement"].get(judge) for row in rows])
            for judge in JUDGES
        }
        return {
            f"Fréchet distance\n({features})": {"": (texts, distances)},
            "diversity": {"": (texts, [row["diversity"] for row in rows])},
            "share of the class asked for": agreed,
        }

    return {setting: of_one(rows) for setting, rows in found.items()}
