"""The networks that a run has learned, as a measurement wants them."""

import dataclasses
import os
from collections.abc import Iterable

from ebm_tf.config.catalogue import EXPERIMENTS
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import differing_fields
from ebm_tf.config.defense import DefenseMeasurement
from ebm_tf.config.ebm import EbmExperiment
from ebm_tf.config.fid import SampleMeasurement
from ebm_tf.errors import ConfigError, UnnamedWeightsError, WeightsError
from ebm_tf.runtime.cloud_files import exists
from ebm_tf.runtime.releases.installed import located
from ebm_tf.runtime.remarks import seen_images
from ebm_tf.runtime.run_folders import read_config
from ebm_tf.runtime.weights import (
    SUFFIX,
    find_weights,
    require_as_made,
    weights_of_run,
)
from ebm_tf.runtime.workspace import CONFIG

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
