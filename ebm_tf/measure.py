"""Compares two sets of images: python3 ebm_tf/measure.py IMAGES REFERENCE."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("measure"))

from collections.abc import Iterator
from typing import Any

from ebm_tf.api import measuring
from ebm_tf.api.measuring import Comparison
from ebm_tf.config.sets import SetComparison
from ebm_tf.evaluation.summaries import few_references
from ebm_tf.runtime.workspace import Workspace


def run(config: SetComparison, workspace: Workspace) -> dict[str, Any]:
    """Compares the two sets.

    Returns:
      On the first worker, the metrics of `summaries.compare`, what they were made with,
      and reasons not to believe them.
    """
    parts = build(config)
    if not workspace.is_chief:
        return {}
    for line in _sets(parts):
        workspace.log(line)
    found = parts.measured(config.seed)
    for note in parts.notes():
        workspace.log(note)
    few = few_references(found["num_reference"], parts.extractor.size)
    for warning in few:
        workspace.log(f"Warning: {warning}")
    names = dict(zip(("images", "reference"), config.sets, strict=True))
    return {**found, **names, "warnings": few}


def describe(config: SetComparison) -> Iterator[str]:
    """What a run would read, a line each; nothing is written."""
    parts = build(config)
    yield from _sets(parts)
    yield f"features: {parts.extractor.name}, {parts.extractor.weights}"


def build(config: SetComparison) -> Comparison:
    """Opens the sets and the features.

    Raises:
      UserError: if images or weights are missing, or the two sets differ in size.
    """
    return measuring.comparison(
        *config.sets,
        features=config.features,
        weights=config.weights,
        network=config.network,
        image_size=config.image_size,
        channels=config.channels,
        skip_unreadable=config.skip_unreadable,
        device=config.device,
    )


def _sets(parts: Comparison) -> Iterator[str]:
    yield f"images: {len(parts.images):,} of {parts.images.origin}"
    if parts.reference is None:
        yield "reference: moments"
    else:
        yield f"reference: {len(parts.reference):,} of {parts.reference.origin}"
