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
    """

    role: str
    settings: NetworkSettings
    tables: Mapping[int, Table]


KINDS: Mapping[str, Kind] = {
    "mimicry_sngan": Kind(
        "generator",
        # PyTorch's; the default of Keras would shift every image.
        GeneratorNetwork(architecture="sngan", batch_norm_epsilon=1e-5),
        dict.fromkeys(_SNGAN_SIZES, tables.MIMICRY_GENERATOR),
    ),
    "biggan_deep": Kind(
        "generator",
        GeneratorNetwork(architecture="biggan_conditional"),
        dict.fromkeys((64, 128, 224, 256, 512), tables.BIGGAN_DEEP),
    ),
    "life_cycle_sngan_energy": Kind(
        "energy",
        Network(architecture="sngan"),
        dict.fromkeys(_SNGAN_SIZES, tables.SNGAN_ENERGY_GRAPH),
    ),
    "life_cycle_biggan_energy": Kind(
        "energy",
        Network(architecture="biggan"),
        tables.BIGGAN_ENERGY_GRAPHS,
    ),
    "life_cycle_sngan_generator": Kind(
        "generator",
        GeneratorNetwork(architecture="sngan"),
        dict.fromkeys(_SNGAN_SIZES, tables.SNGAN_GENERATOR_GRAPH),
    ),
    "life_cycle_biggan_generator": Kind(
        "generator",
        GeneratorNetwork(architecture="biggan"),
        dict.fromkeys((64, 128), tables.BIGGAN_GENERATOR_GRAPH),
    ),
    "life_cycle_biggan_conditional": Kind(
        "generator",
        GeneratorNetwork(architecture="biggan_conditional"),
        dict.fromkeys((64, 128, 224, 256, 512), tables.BIGGAN_CONDITIONAL_GRAPH),
    ),
    "life_cycle_wide_resnet": Kind(
        "classifier",
        ClassifierNetwork(architecture="wide_resnet"),
        {32: tables.WIDE_RESNET_GRAPH},
    ),
    "own_energy": Kind("energy", Network(), _OWN),
    "own_generator": Kind("generator", GeneratorNetwork(), _OWN),
    "own_classifier": Kind("classifier", ClassifierNetwork(), _OWN),
}
