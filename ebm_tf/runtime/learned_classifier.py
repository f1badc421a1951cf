"""The run that weights of a classifier belong to: its network and its images."""

import dataclasses
import os

from ebm_tf.config.catalogue import EXPERIMENTS
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import differing_fields
from ebm_tf.config.parts import Data
from ebm_tf.errors import ConfigError
from ebm_tf.runtime.cloud_files import exists
from ebm_tf.runtime.releases.installed import located
from ebm_tf.runtime.remarks import Remarks, seen_images
from ebm_tf.runtime.run_folders import read_config
from ebm_tf.runtime.weights import SUFFIX
from ebm_tf.runtime.workspace import CONFIG


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
    learned = _learned(source)
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
    learned = _learned(source)
    if learned is None:
        return Remarks()
    there = dataclasses.replace(learned.classifier, weights=network.weights)
    notes = [
        f"{name} is that of the run which learned it"
        for name in differing_fields(there, network, "classifier.", fixed_only=False)
    ]
    seen = seen_images("classifier", learned.data, data, flattered="classifier")
    return Remarks(notes, seen)


def _learned(source: str) -> ClassifierTraining | None:
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
