"""The network of the run that weights of a classifier belong to."""

import os

from ebm_tf.config.catalogue import EXPERIMENTS
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.parts import Data
from ebm_tf.errors import ConfigError
from ebm_tf.runtime.cloud_files import exists
from ebm_tf.runtime.releases.installed import located
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
    there = learned.data
    if (data.image_size, data.channels) != (there.image_size, there.channels):
        raise ConfigError(
            f"{run} learned from images of {there.image_size} pixels and "
            f"{there.channels} channels, but data.image_size={data.image_size} and "
            f"data.channels={data.channels}."
        )
    return learned.classifier
