"""What a classifier generates: chains of its energies, and those of its own run.

Fresh chains of E(x), fresh chains of E(x, y) and the replay buffer are kept separate:
the last are as old as learning, and figures of JEM++ (Yang and Ji, 2021) are of them.
All of a set, or a part that is drawn by the seed, is measured, never the best of it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ebm_tf import pixels
from ebm_tf.config.core import to_mapping
from ebm_tf.config.fid import distance_name
from ebm_tf.config.parts import Samples
from ebm_tf.data.sources import positions_at_random
from ebm_tf.evaluation import class_samples, plots
from ebm_tf.evaluation.class_samples import (
    Labelled,
    Standard,
    make_standard,
    rows_of_classes,
    sample_metrics,
    summary_line,
)
from ebm_tf.evaluation.classifier_chains import (
    BANK,
    CONDITIONAL,
    UNCONDITIONAL,
    Generation,
)
from ebm_tf.evaluation.reference import summary_of_reference
from ebm_tf.evaluation.summaries import few_references
from ebm_tf.runtime import seeds
from ebm_tf.runtime.files import save_arrays
from ebm_tf.runtime.plots import save_grid
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.store.network_sources import CLASSIFIER
from ebm_tf.store.replay_buffers import replay_buffer, why_none

# The names of their pictures.
_PICTURES = {UNCONDITIONAL: "samples.png", BANK: "bank.png"}
NUM_PICTURED = 100

MEANINGS = class_samples.MEANINGS | {
    "bank": "unlike fresh chains those of the bank are as old as learning"
}


class Generated(NamedTuple):
    """Images of chains [n, H, W, C], and the classes int [n] asked for, or ()."""

    images: np.ndarray
    labels: Any
    facts: Mapping[str, int]


def measure_generated(
    generation: Generation, test: tuple[np.ndarray, np.ndarray], workspace: Workspace
) -> tuple[dict[str, Any] | None, list[str]]:
    """Runs the chains, pictures their images and measures them.

    Args:
      generation: what is sampled.
      test: images and labels by which judges of classes are judged.
      workspace: the run's folder.

    Returns:
      On the first worker, the figures of each set of samples under its name and what
      they were made with, and reasons not to believe them; None and none on others.
    """
    for note in generation.notes:
        workspace.log(f"Note: {note}.")
    config = generation.config
    reference, name = summary_of_reference(
        config, generation.source, generation.extractor, generation.replicas, workspace
    )
    found = dict(_drawn(generation, workspace))
    if not workspace.is_chief:
        return None, []
    standard = make_standard(
        generation.model.classifier,
        Labelled(generation.source, config.data, test),
        reference,
        generation.extractor,
        generation.replicas,
        num_classes=generation.num_classes,
        batch=config.batch,
        seed=config.seed,
    )
    sets: dict[str, Any] = dict.fromkeys((UNCONDITIONAL, CONDITIONAL, BANK))
    for kind, samples in found.items():
        sets[kind] = _metrics(standard, samples)
        workspace.log(
            f"samples, {kind}: {summary_line(sets[kind], generation.extractor.name)}"
        )
    _save(generation, found, workspace)
    results = {
        **sets,
        "notes": generation.notes,
        "judge_accuracy": standard.judged_by.test_accuracy,
        **_conditions(generation, name),
    }
    few = few_references(reference.whole.count, generation.extractor.size)
    return results, [*few, *_warnings(sets)]


def _drawn(
    generation: Generation, workspace: Workspace
) -> Iterator[tuple[str, Generated]]:
    """Fresh chains of each kind, and those of the replay buffer where there is one."""
    config = generation.config
    for kind, chains in generation.chains.items():
        workspace.log(f"Sampling {config.num_samples} fresh chains, {kind}.")
        settings = Samples(
            num_samples=config.num_samples,
            num_steps=config.measured_steps[-1],
            denoising_steps=config.denoising_steps,
        )
        yield kind, Generated(*chains.fresh_chains(settings), {})
    source = generation.model.sources[CLASSIFIER].source
    if source is None or why_none(source):
        return
    bank = replay_buffer(source)
    seed = seeds.integer(config.seed, Purpose.SUBSET)
    chosen = positions_at_random(len(bank.images), config.num_samples, seed)
    labels = bank.labels if isinstance(bank.labels, tuple) else bank.labels[chosen]
    facts = {"num_in_bank": len(bank.images), "num_updates": bank.num_updates}
    yield BANK, Generated(bank.images[chosen], labels, facts)


def _metrics(standard: Standard, samples: Generated) -> dict[str, Any]:
    """All figures of a set of samples; where any is not finite, how many are."""
    finite = np.isfinite(samples.images).all(axis=(1, 2, 3))
    counts = {"num_samples": len(samples.images), **samples.facts}
    if not finite.all():
        name = distance_name(standard.extractor.name)
        return {name: None, **counts, "num_not_finite": int(np.sum(~finite))}
    shown = pixels.to_bytes(samples.images)
    return {**sample_metrics(standard, shown, samples.labels), **counts}


def _conditions(generation: Generation, reference: str) -> dict[str, Any]:
    """What the figures were made with."""
    config, extractor = generation.config, generation.extractor
    return {
        "num_steps": config.measured_steps[-1],
        "denoising_steps": config.denoising_steps,
        "langevin": to_mapping(config.langevin),
        "temperature": config.temperature,
        "gaussian_stddev": config.gaussian_stddev,
        "start": config.start,
        "noise_scale": config.noise_scale,
        "features": extractor.name,
        "feature_weights": extractor.weights,
        "resize": extractor.resize,
        "reference": reference,
    }


def _warnings(sets: Mapping[str, Any]) -> Iterator[str]:
    """Reasons not to believe figures, as sentences."""
    for kind, metrics in sets.items():
        number = metrics and metrics.get("num_not_finite")
        if number:
            total = metrics["num_samples"]
            yield f"Of {total} samples, {kind}, {number} are not finite."


def _save(
    generation: Generation, found: Mapping[str, Generated], workspace: Workspace
) -> None:
    """Writes the images in 8 bits, and pictures of the first of them."""
    arrays = {}
    for kind, samples in found.items():
        arrays[f"{kind}/images"] = pixels.to_bytes(samples.images)
        if not isinstance(samples.labels, tuple):
            arrays[f"{kind}/labels"] = samples.labels
        if kind in _PICTURES:
            path = workspace.path("images", _PICTURES[kind])
            save_grid(path, samples.images[:NUM_PICTURED])
    save_arrays(workspace.path("samples.npz"), **arrays)
    if CONDITIONAL in found:
        path = workspace.path("images", "samples_by_class.png")
        chosen = found[CONDITIONAL]
        rows = rows_of_classes(chosen.images, chosen.labels, generation.num_classes)
        plots.save_by_class(path, *rows)
