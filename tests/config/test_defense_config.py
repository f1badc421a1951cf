"""Settings of defended classifiers that cannot be."""

import dataclasses

import pytest

from configs_attack.digits import config
from ebm_tf.config.parts import GeneratorNetwork
from ebm_tf.errors import ConfigError


def test_a_generator_which_purifies_nothing_is_refused():
    with pytest.raises(ConfigError, match="generator=None: purification begins"):
        dataclasses.replace(config, generator=GeneratorNetwork())


def test_classes_of_images_to_purify_are_not_known():
    with pytest.raises(ConfigError, match="conditional=False: images to purify"):
        dataclasses.replace(config, conditional=True)
