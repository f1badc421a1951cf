"""What a measurement says of the runs that learned what it measures."""

import dataclasses
import os
from collections.abc import Iterable, Iterator

from ebm_tf.config.catalogue import EXPERIMENTS
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import differing_fields
from ebm_tf.config.defense import DefenseMeasurement
from ebm_tf.config.ebm import EbmExperiment
from ebm_tf.config.fid import SampleMeasurement
from ebm_tf.config.parts import Data
from ebm_tf.config.splits import overlap
from ebm_tf.errors import ConfigError, UnnamedWeightsError, WeightsError
from ebm_tf.runtime.files import exists
from ebm_tf.runtime.run_folders import read_config
from ebm_tf.runtime.workspace import CONFIG, Workspace
from ebm_tf.store.releases.installed import located
from ebm_tf.store.sources import (
    SUFFIX,
    find_weights,
    require_as_made,
    weights_of_run,
)


@dataclasses.dataclass(frozen=True)
class Remarks:
    """Notes and warnings.

    Attributes:
      notes: what is otherwise than one may think, without a full stop.
      warnings: reasons not to believe the figures, whole sentences.
    """

    notes: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)

    def __add__(self, other: "Remarks") -> "Remarks":
        """Both."""
        return Remarks(self.notes + other.notes, self.warnings + other.warnings)

    def lines(self) -> Iterator[str]:
        """For a dry run."""
        yield from (f"note: {note}" for note in self.notes)
        yield from (f"warning: {warning}" for warning in self.warnings)

    def log_notes(self, workspace: Workspace) -> None:
        """Tells the notes at the beginning of a run; warnings belong to its end."""
        for note in self.notes:
            workspace.log(f"Note: {note}.")


def seen_images(
    role: str, learned: Data, measured: Data, *, flattered: str
) -> list[str]:
    """A warning where a network has, or may have, seen images that are attacked.

    Args:
      role: of the network.
      learned: the images that it was learned from.
      measured: the images that are attacked.
      flattered: what looks better for it.
    """
    shared = learned.name == measured.name and overlap(learned.split, measured.split)
    if shared is False:
        return []
    shares, looks = ("shares", "looks") if shared else ("may share", "may look")
    return [
        f"The {role} was learned from {learned.split}, which {shares} images with the "
        f"{measured.split} that is attacked: the {flattered} {looks} better than it is."
    ]


def learned_network(source: str, data: Data) -> ClassifierNetwork | None:
    """The settings of a network by where its weights are.

    Every classifier ends in a mean over space, so weights fit images of any size and
    would be wrong without a word.

    Args:
      source: a run folder, ``release:NAME`` or a weight file.
      data: the images that it shall classify.

    Returns:
      The settings in that run; None for a file that lies in no run.

    Raises:
      ConfigError: if the run did not learn a classifier of such images.
    """
    learned = _learned_classifier(source)
    if learned is None:
        return None
    there = learned.data
    if (data.image_size, data.channels) != (there.image_size, there.channels):
        raise ConfigError(
            f"{source} learned from images of {there.image_size} pixels and "
            f"{there.channels} channels, but data.image_size={data.image_size} and "
            f"data.channels={data.channels}."
        )
    return learned.classifier


def remarks(network: ClassifierNetwork, source: str, data: Data) -> Remarks:
    """What a measurement tells of the run that weights of a classifier belong to.

    Args:
      network: settings that were asked for.
      source: where the weights are, as in `learned_network`.
      data: the images that are attacked.

    Returns:
      Notes, of settings which are those of that run instead, and a warning if it saw
      these images; nothing for a file that lies in no run.
    """
    learned = _learned_classifier(source)
    if learned is None:
        return Remarks()
    there = dataclasses.replace(learned.classifier, weights=network.weights)
    notes = [
        f"{name} is that of the run which learned it"
        for name in differing_fields(there, network, "classifier.", fixed_only=False)
    ]
    seen = seen_images("classifier", learned.data, data, flattered="classifier")
    return Remarks(notes, seen)


def _learned_classifier(source: str) -> ClassifierTraining | None:
    """The run that weights belong to, if they lie in one."""
    run = source = located(source)
    if source.endswith(SUFFIX):
        run = os.path.dirname(os.path.dirname(source))
    if not exists(os.path.join(run, CONFIG)):
        return None
    learned = read_config(run, EXPERIMENTS)
    if not isinstance(learned, ClassifierTraining):
        raise ConfigError(
            f"{run} is a run of {learned.executable}.py and did not learn a classifier."
        )
    return learned


Measurement = SampleMeasurement | DefenseMeasurement

SAMPLED_FIELDS = ("temperature", "prior_temperature", "gaussian_stddev", "langevin")


def weight_files(
    config: Measurement, roles: Iterable[str], step: int | None = None
) -> dict[str, str]:
    """The weight file of every network, by role.

    Args:
      config: names them, or the run that has them.
      roles: of the networks.
      step: of the run's saved weights; the newest if None.

    Raises:
      WeightsError: if one is missing, or made for other settings.
    """
    files = {}
    for role in roles:
        settings = getattr(config, role)
        learned_as = "classifier" if isinstance(settings, ClassifierNetwork) else role
        if settings.weights:
            # What is a prior here was learned as an energy elsewhere.
            learned_as = "energy" if role == "prior" else learned_as
            files[role] = find_weights(settings.weights, learned_as)
        elif config.weights is None:
            raise UnnamedWeightsError(
                f"The {role} of {config.name} needs weights: --set weights=RUN, "
                f"the folder of the run that learned it or release:NAME, or --set "
                f"{role}.weights=FILE."
            )
        elif config.weights.endswith(SUFFIX):
            raise WeightsError(
                f"Expected weights={config.weights} to be the folder of a run; a "
                f"file goes to its network: --set {role}.weights=FILE."
            )
        else:
            if learned_as in ("energy", "prior") and _has_config(config.weights):
                _learned(config.weights)  # raises where it did not
            files[role] = weights_of_run(
                config.weights, learned_as, kind=config.weights_kind, step=step
            )
        require_as_made(settings, files[role], role, learned_as)
    return files


def differences(config: Measurement) -> list[str]:
    """Settings of the sampled energy that differ from those of the run."""
    if config.weights is None or isinstance(config.energy, ClassifierNetwork):
        return []
    learned = _learned(config.weights)
    changed = []
    if (config.prior is None) != (learned.prior is None):
        changed.append(f"prior={config.prior} (learned with {learned.prior})")
    for name in SAMPLED_FIELDS:
        here, there = getattr(config, name), getattr(learned, name)
        if dataclasses.is_dataclass(here):
            changed += differing_fields(here, there, f"{name}.")
        elif here != there:
            changed.append(f"{name}={here} (learned with {there})")
    return changed


def seen_before(config: DefenseMeasurement) -> list[str]:
    """A warning where the energy has, or may have, seen images that are attacked."""
    if config.weights is None or isinstance(config.energy, ClassifierNetwork):
        return []
    learned = _learned(config.weights).data
    return seen_images("energy", learned, config.data, flattered="defence")


def _has_config(run: str) -> bool:
    """Whether it is a whole run folder, and not weights alone."""
    return exists(os.path.join(located(run), CONFIG))


def _learned(run: str) -> EbmExperiment:
    learned = read_config(located(run), EXPERIMENTS)
    if not isinstance(learned, EbmExperiment):
        raise ConfigError(
            f"{run} is a run of {learned.executable}.py and did not learn an energy."
        )
    return learned
