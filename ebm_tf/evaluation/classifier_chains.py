"""What samples a classifier's energies and what measures it, as settings say."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ebm_tf.config.analysis import Analysis, GeneratedSamples
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import Experiment
from ebm_tf.config.ebm import SampledExperiment
from ebm_tf.config.fid import SampleMeasurement
from ebm_tf.config.parts import Samples
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import num_batches
from ebm_tf.data.sources import Source, deferred, unaugmented
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.features import Extractor, open_extractor
from ebm_tf.models.ebm import EbmModels, marginal_energy
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.sampling.chain_runner import EbmSampling
from ebm_tf.store.models import LoadedModel
from ebm_tf.store.network_sources import CLASSIFIER
from ebm_tf.store.replay_buffers import why_none

# The sets of samples, by which energy and from where.
UNCONDITIONAL, CONDITIONAL, BANK = "unconditional", "conditional", "bank"


class Generation(NamedTuple):
    """What is sampled and what measures it.

    Attributes:
      config: the measurement of unconditional samples, as `fid.py` would take it.
      model: the classifier.
      replicas: the devices.
      chains: fresh ones, by name.
      extractor: of features.
      source: images that samples are compared with.
      notes: what is missing and why, as words.
    """

    config: SampleMeasurement
    model: LoadedModel
    replicas: Replicas
    chains: Mapping[str, EbmSampling]
    extractor: Extractor
    source: Source
    notes: list[str]

    @property
    def num_classes(self) -> int:
        """Of the classifier."""
        return self.model.networks[CLASSIFIER].output_shape[-1]

    def lines(self) -> Iterator[str]:
        """For a dry run."""
        config = self.config
        yield (
            f"samples: {config.num_samples:,} chains of each of "
            f"{', '.join(self.chains)}, {config.measured_steps[-1]} Langevin steps "
            f"from {config.start}"
        )
        yield f"features: {self.extractor.name}, {self.extractor.weights}"
        yield from (f"note: {note}" for note in self.notes)


def open_generation(
    config: Analysis, model: LoadedModel, replicas: Replicas
) -> Generation | None:
    """Composes chains, features and data, where samples are to be measured.

    Raises:
      UserError: if settings are missing, or weights of features.
    """
    if config.samples is None:
        return None
    learned = _learned(model)
    how = measurement(config, config.samples, learned)
    source, notes = deferred(lambda: _opened(how)), []
    networks = EbmModels(marginal_energy(model.networks[CLASSIFIER]), None, None)
    chains = {UNCONDITIONAL: EbmSampling(how, replicas, networks, source)}
    settings = model.sources[CLASSIFIER].settings
    if isinstance(settings, ClassifierNetwork) and settings.energy_head:
        notes.append("no chains of classes: the energy is a head of its own")
    else:
        by_class = dataclasses.replace(how, conditional=True)
        chains[CONDITIONAL] = EbmSampling(by_class, replicas, networks, source)
    if reason := why_none(model.sources[CLASSIFIER].source):
        notes.append(f"no replay buffer: {reason}")
    extractor = open_extractor(how.features, how.data, replicas)
    return Generation(how, model, replicas, chains, extractor, source, notes)


def _opened(config: SampleMeasurement) -> Source:
    """The data; DataError where it is missing, or has no batch for chains from it."""
    source = open_source(config.data)
    if config.start == "data":
        num_batches(source, config.batch)
    return source


def _learned(model: LoadedModel) -> Experiment | None:
    """The experiment that learned the classifier, where it is known."""
    source = model.sources[CLASSIFIER].source
    return source and source.config


def measurement(
    config: Analysis, settings: GeneratedSamples, learned: Experiment | None
) -> SampleMeasurement:
    """The settings of `fid.py` that say what is sampled, and how it is measured.

    Args:
      config: of the analysis.
      settings: its samples.
      learned: the experiment that learned the classifier, where it is known.

    Raises:
      ConfigError: if something is neither given nor of the run.
    """
    return SampleMeasurement(
        name=config.name,
        seed=config.seed,
        compute_dtype=config.compute_dtype,
        device=config.device,
        data=unaugmented(config.data),
        features=settings.features,
        num_samples=settings.num_samples,
        batch=config.batch,
        num_reference=settings.num_reference,
        **_chosen(settings, learned),
    )


# Settings of samples that may be those of a run, and what they are where neither says.
_NEEDED = ("num_steps", "langevin", "temperature")
_USUAL: dict[str, Any] = {
    **dict.fromkeys(_NEEDED),
    "denoising_steps": 0,
    "start": "noise",
    "noise_scale": 1.0,
}


def _chosen(settings: GeneratedSamples, learned: Experiment | None) -> dict[str, Any]:
    """What is given, else of the run, else usual; ConfigError where there is none."""
    given = {name: getattr(settings, name) for name in _USUAL}
    chosen = _of_run(learned) | {n: v for n, v in given.items() if v is not None}
    missing = [name for name in _NEEDED if name not in chosen]
    if missing:
        raise ConfigError(
            f"Expected {' and '.join(f'samples.{name}' for name in missing)}: the run "
            "that learned the classifier did not sample its energy, as train_jem.py "
            "does. Such as --set samples.num_steps=100 --set samples.temperature=1.0 "
            "--set \"samples.langevin={'type': 'Langevin', 'noise': 0.01, 'drift': "
            '0.3}".'
        )
    return _USUAL | chosen


def _of_run(learned: Experiment | None) -> dict[str, Any]:
    """The settings of a run that sampled the energy of what it learned."""
    if not isinstance(learned, SampledExperiment):
        return {}
    found: dict[str, Any] = {
        name: getattr(learned, name)
        for name in ("langevin", "temperature", "gaussian_stddev")
    }
    if isinstance(samples := getattr(learned, "samples", None), Samples):
        found["num_steps"] = samples.num_steps
        found["denoising_steps"] = samples.denoising_steps
    if chains := getattr(learned, "chains", None):
        found |= {"start": chains.start, "noise_scale": chains.noise_scale}
    return found
