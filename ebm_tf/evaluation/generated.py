"""What a classifier generates: chains of its energies, and those of its own run.

Fresh chains of E(x), fresh chains of E(x, y) and the replay buffer are kept separate:
the last are as old as learning, and figures of JEM++ (Yang and Ji, 2021) are of them.
All of a set, or a part that is drawn by the seed, is measured, never the best of it.
"""

import functools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ebm_tf import pixels
from ebm_tf.attacks.outcomes import predicted
from ebm_tf.config.core import to_mapping
from ebm_tf.config.parts import Samples
from ebm_tf.data.pipelines import load_images
from ebm_tf.data.sources import positions_at_random, subset
from ebm_tf.evaluation import plots
from ebm_tf.evaluation.class_agreement import MOST_IMAGES, Judges, class_metrics, judges
from ebm_tf.evaluation.distal import shown_classes
from ebm_tf.evaluation.features import extracted
from ebm_tf.evaluation.generation import BANK, CONDITIONAL, UNCONDITIONAL, Generation
from ebm_tf.evaluation.reference import summary_of_reference
from ebm_tf.evaluation.summaries import Summary, compare, summarize
from ebm_tf.protocols import Classifier
from ebm_tf.runtime import seeds
from ebm_tf.runtime.files import save_arrays
from ebm_tf.runtime.plots import save_grid
from ebm_tf.runtime.rows import over_rows
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.store.models import CLASSIFIER
from ebm_tf.store.replay_buffers import replay_buffer, why_none

# The names of their pictures.
_PICTURES = {UNCONDITIONAL: "samples.png", BANK: "bank.png"}
NUM_PICTURED = 100
MOST_IN_A_ROW = 10

MEANINGS = {
    "samples": "images in 8 bits, chosen by chance alone; fid, kid, precision and "
    "recall are by the features that are named, against images of learning; unlike "
    "the fresh chains those of the bank are as old as learning; class_agreement is the "
    "share of samples that are of the class asked for, by the classifier itself and by "
    "a logistic regression on pixels; 95 % interval of Wilson"
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
    judged_by = _judges(generation, test)
    sets: dict[str, Any] = dict.fromkeys((UNCONDITIONAL, CONDITIONAL, BANK))
    for kind, samples in found.items():
        sets[kind] = _metrics(generation, samples, reference, judged_by)
        workspace.log(f"samples, {kind}: {_summary(sets[kind])}")
    _save(generation, found, workspace)
    results = {
        **sets,
        "notes": generation.notes,
        "judge_accuracy": judged_by.test_accuracy,
        **_conditions(generation, name),
    }
    return results, list(_warnings(sets))


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


def _judges(generation: Generation, test: tuple[np.ndarray, np.ndarray]) -> Judges:
    """The classifier itself, and one that is fitted to some images of learning."""
    seed = seeds.integer(generation.config.seed, Purpose.STATISTICS)
    source = generation.source
    chosen = positions_at_random(source.num_examples, MOST_IMAGES, seed)
    images = load_images(subset(source, chosen), generation.config.data)
    itself = over_rows(
        functools.partial(_classes, generation.model.classifier),
        generation.replicas,
        generation.config.batch,
        together=False,  # only the first worker asks
    )
    return judges(itself, images, test)


def _classes(classifier: Classifier, images: Any) -> Any:
    return predicted(classifier(images))


def _metrics(
    generation: Generation, samples: Generated, reference: Summary, judged_by: Judges
) -> dict[str, Any]:
    """All figures of a set of samples; where any is not finite, how many are."""
    finite = np.isfinite(samples.images).all(axis=(1, 2, 3))
    counts = {"num_samples": len(samples.images), **samples.facts}
    if not finite.all():
        return {"fid": None, **counts, "num_not_finite": int(np.sum(~finite))}
    shown = pixels.to_bytes(samples.images)
    vectors = extracted([shown], generation.extractor, generation.replicas)
    summary = summarize(vectors, len(shown))
    return {
        **compare(summary, reference, generation.config.seed),
        **counts,
        **class_metrics(
            judged_by,
            pixels.from_bytes(shown).numpy(),
            samples.labels,
            generation.num_classes,
        ),
    }


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


def _summary(metrics: Mapping[str, Any]) -> str:
    """The main figures of a set of samples, for people."""
    if metrics["fid"] is None:
        return f"{metrics['num_not_finite']} of them are not finite"
    agreed = metrics.get("class_agreement", {})
    words = [f"{name} agrees with {one['share']:.3f}" for name, one in agreed.items()]
    return "; ".join([f"fid {metrics['fid']:.3f}", *words])


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
        plots.save_by_class(path, *_rows(found[CONDITIONAL], generation.num_classes))


def _rows(samples: Generated, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Up to ten classes [c], and the first few images [c * m, ...] of each."""
    classes = shown_classes(num_classes)
    places = [np.flatnonzero(samples.labels == label) for label in classes]
    kept = [(c, own) for c, own in zip(classes, places, strict=True) if len(own)]
    count = min([MOST_IN_A_ROW, *(len(own) for _, own in kept)])
    chosen = np.concatenate([own[:count] for _, own in kept])
    return np.array([c for c, _ in kept]), samples.images[chosen]
