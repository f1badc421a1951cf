"""The kinds of published weights that can be converted."""

from collections.abc import Mapping
from typing import NamedTuple

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.parts import GeneratorNetwork, Network
from ebm_tf.models.conversion import tables
from ebm_tf.models.conversion.tables import Table

NetworkSettings = Network | GeneratorNetwork | ClassifierNetwork

_SNGAN_SIZES = (32, 64, 128)
_OWN = dict.fromkeys(range(1, 1025), tables.OWN_NAMES)  # a network checks its sizes


class Kind(NamedTuple):
    """A network that was published, and how its weights are named.

    Attributes:
      role: "energy", "generator" or "classifier".
      settings: of the network here.
      tables: of its layers, by the side of its images.
      text: what it is, for users.
    """

    role: str
    settings: NetworkSettings
    tables: Mapping[int, Table]
    text: str


KINDS: Mapping[str, Kind] = {
    "mimicry_sngan": Kind(
        "generator",
        # PyTorch's; the default of Keras would shift every image.
        GeneratorNetwork(architecture="sngan", batch_norm_epsilon=1e-5),
        dict.fromkeys(_SNGAN_SIZES, tables.MIMICRY_GENERATOR),
        "SNGAN generator of mimicry (PyTorch)",
    ),
    "biggan_deep": Kind(
        "generator",
        GeneratorNetwork(architecture="biggan_conditional"),
        dict.fromkeys((64, 128, 224, 256, 512), tables.BIGGAN_DEEP),
        "BigGAN-deep generator of pytorch-pretrained-BigGAN (PyTorch)",
    ),
    "life_cycle_sngan_energy": Kind(
        "energy",
        Network(architecture="sngan"),
        dict.fromkeys(_SNGAN_SIZES, tables.SNGAN_ENERGY_GRAPH),
        "SNGAN energy of Hill et al. (2022) (TensorFlow)",
    ),
    "life_cycle_biggan_energy": Kind(
        "energy",
        Network(architecture="biggan"),
        tables.BIGGAN_ENERGY_GRAPHS,
        "BigGAN energy of Hill et al. (2022) (TensorFlow)",
    ),
    "life_cycle_sngan_generator": Kind(
        "generator",
        GeneratorNetwork(architecture="sngan"),
        dict.fromkeys(_SNGAN_SIZES, tables.SNGAN_GENERATOR_GRAPH),
        "SNGAN generator of Hill et al. (2022) (TensorFlow)",
    ),
    "life_cycle_biggan_generator": Kind(
        "generator",
        GeneratorNetwork(architecture="biggan"),
        dict.fromkeys((64, 128), tables.BIGGAN_GENERATOR_GRAPH),
        "BigGAN generator without classes of Hill et al. (2022) (TensorFlow)",
    ),
    "life_cycle_biggan_conditional": Kind(
        "generator",
        GeneratorNetwork(architecture="biggan_conditional"),
        dict.fromkeys((64, 128, 224, 256, 512), tables.BIGGAN_CONDITIONAL_GRAPH),
        "BigGAN generator with classes of Hill et al. (2022) (TensorFlow)",
    ),
    "life_cycle_wide_resnet": Kind(
        "classifier",
        ClassifierNetwork(architecture="wide_resnet"),
        {32: tables.WIDE_RESNET_GRAPH},
        "WRN-28-10 of Hill et al. (2022) (TensorFlow)",
    ),
    "own_energy": Kind("energy", Network(), _OWN, "an energy in this project's names"),
    "own_generator": Kind(
        "generator", GeneratorNetwork(), _OWN, "a generator in this project's names"
    ),
    "own_classifier": Kind(
        "classifier", ClassifierNetwork(), _OWN, "a classifier in this project's names"
    ),
}
