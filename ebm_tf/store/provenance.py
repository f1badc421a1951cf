"""A measurement compared with the runs that learned its networks."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ebm_tf.config.core import differing_fields
from ebm_tf.config.ebm import SampledExperiment
from ebm_tf.config.parts import Data
from ebm_tf.config.splits import overlap
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.store.network_sources import CLASSIFIER, ENERGY, NetworkSource, learned_data

_SAMPLED_FIELDS = ("temperature", "prior_temperature", "gaussian_stddev", "langevin")


@dataclasses.dataclass(frozen=True)
class Provenance:
    """Notes and warnings.

    Attributes:
      notes: settings that differ from what one may expect, without a full stop.
      warnings: reasons not to believe the reported metrics, as sentences.
    """

    notes: list[str]
    warnings: list[str]

    def lines(self) -> Iterator[str]:
        """For a dry run."""
        yield from (f"note: {note}" for note in self.notes)
        yield from (f"warning: {warning}" for warning in self.warnings)

    def log_notes(self, workspace: Workspace) -> None:
        """Logs the notes at the beginning of a run; warnings belong to its end."""
        for note in self.notes:
            workspace.log(f"Note: {note}.")


def provenance(
    config: Any,
    sources: Mapping[str, NetworkSource],
    measured: Sequence[str] | None = None,
) -> Provenance:
    """Compares a measurement with the runs that learned its networks.

    Args:
      config: of the measurement.
      sources: of its networks, by role.
      measured: the splits of its data that are measured; that of `config.data` if
        None.

    Returns:
      Notes: settings of a classifier that are those of its run instead, and settings
      of a sampled energy that differ from its run. Warnings: images that a network
      has, or may have, seen.
    """
    notes, warnings = [], []
    splits = [config.data.split] if measured is None else measured
    parts = [dataclasses.replace(config.data, split=split) for split in splits]
    if ENERGY in sources:
        notes += _differences(config, sources[ENERGY])
        for data in parts:
            warnings += _seen(sources[ENERGY], data, flattered="defence")
    if CLASSIFIER in sources:
        notes += _replaced(config.classifier, sources[CLASSIFIER])
        for data in parts:
            warnings += _seen(sources[CLASSIFIER], data, flattered=CLASSIFIER)
    return Provenance(notes, warnings)


def _differences(config: Any, energy: NetworkSource) -> Iterator[str]:
    """Settings of the sampled energy that differ from those of its run."""
    learned = energy.source and energy.source.config
    if not isinstance(learned, SampledExperiment):
        return
    changed = []
    prior = getattr(learned, "prior", None)
    here = getattr(config, "prior", None)
    if (here is None) != (prior is None):
        changed.append(f"prior={here} (learned with {prior})")
    for name in _SAMPLED_FIELDS:
        here, there = getattr(config, name, None), getattr(learned, name, None)
        if dataclasses.is_dataclass(here):
            changed += differing_fields(here, there, f"{name}.")
        elif here != there:
            changed.append(f"{name}={here} (learned with {there})")
    yield from (f"{change} differs from how it was learned" for change in changed)


def _replaced(settings: Any, classifier: NetworkSource) -> Iterator[str]:
    """Settings of a classifier that are those of its run instead."""
    if classifier.source is None:  # it comes with its weights
        return
    there = dataclasses.replace(classifier.settings, weights=settings.weights)
    for name in differing_fields(there, settings, "classifier.", fixed_only=False):
        yield f"{name} is that of the run which learned it"


def _seen(found: NetworkSource, measured: Data, *, flattered: str) -> Iterator[str]:
    """A warning where a network has, or may have, seen the measured images.

    Args:
      found: the network.
      measured: the images of the measurement.
      flattered: what looks better for it.
    """
    learned = learned_data(found)
    if learned is None or learned.name != measured.name:
        return
    shared = overlap(learned.split, measured.split)
    if shared is False:
        return
    shares, looks = ("shares", "looks") if shared else ("may share", "may look")
    yield (
        f"The {found.role_there} was learned from {learned.split}, which {shares} "
        f"images with the {measured.split} that is measured: the {flattered} {looks} "
        "better than it is."
    )
