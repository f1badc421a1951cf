"""The kinds of published weights that can be converted, and their conversion."""

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import NamedTuple

import keras

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import to_mapping, unknown_key
from ebm_tf.config.overrides import override
from ebm_tf.config.parts import GeneratorNetwork, Network
from ebm_tf.errors import ConfigError, WeightsError
from ebm_tf.models.catalogue import build
from ebm_tf.runtime.files import exists, make_folder, replace_file
from ebm_tf.runtime.weight_files import FOLDER, save_weights, weights_name
from ebm_tf.store.conversion import tables
from ebm_tf.store.conversion.fitting import fitted, sources
from ebm_tf.store.conversion.readers import read_arrays
from ebm_tf.store.conversion.tables import Table
from ebm_tf.store.sources import CONVERTED

NetworkSettings = Network | GeneratorNetwork | ClassifierNetwork


class Kind(NamedTuple):
    """A published network, and the names of its weights.

    Attributes:
      settings: of the network here.
      tables: of its layers, by the side of its images.
    """

    settings: NetworkSettings
    tables: Mapping[int, Table]


def _sngan(table: Table) -> dict[int, Table]:
    return dict.fromkeys((32, 64, 128), table)


def _biggan(table: Table) -> dict[int, Table]:
    return dict.fromkeys((64, 128, 224, 256, 512), table)


_OWN = dict.fromkeys(range(1, 1025), tables.OWN_NAMES)  # a network checks its sizes
_CONDITIONAL = GeneratorNetwork(architecture="biggan_conditional")

KINDS: Mapping[str, Kind] = {
    "mimicry_sngan": Kind(
        # PyTorch's epsilon; with the default of Keras every image would differ.
        GeneratorNetwork(architecture="sngan", batch_norm_epsilon=1e-5),
        _sngan(tables.MIMICRY_GENERATOR),
    ),
    "biggan_deep": Kind(_CONDITIONAL, _biggan(tables.BIGGAN_DEEP)),
    "life_cycle_sngan_energy": Kind(
        Network(architecture="sngan"), _sngan(tables.SNGAN_ENERGY_GRAPH)
    ),
    "life_cycle_biggan_energy": Kind(
        Network(architecture="biggan"), tables.BIGGAN_ENERGY_GRAPHS
    ),
    "life_cycle_sngan_generator": Kind(
        GeneratorNetwork(architecture="sngan"), _sngan(tables.SNGAN_GENERATOR_GRAPH)
    ),
    "life_cycle_biggan_generator": Kind(
        GeneratorNetwork(architecture="biggan"),
        dict.fromkeys((64, 128), tables.BIGGAN_GENERATOR_GRAPH),
    ),
    "life_cycle_biggan_conditional": Kind(
        _CONDITIONAL, _biggan(tables.BIGGAN_CONDITIONAL_GRAPH)
    ),
    "life_cycle_wide_resnet": Kind(
        ClassifierNetwork(architecture="wide_resnet"), {32: tables.WIDE_RESNET_GRAPH}
    ),
    "own_energy": Kind(Network(), _OWN),
    "own_generator": Kind(GeneratorNetwork(), _OWN),
    "own_classifier": Kind(ClassifierNetwork(), _OWN),
}
_ROLES = {
    Network: "energy",
    GeneratorNetwork: "generator",
    ClassifierNetwork: "classifier",
}


class Target(NamedTuple):
    """The network that weights are converted for.

    Attributes:
      kind: its name among the kinds.
      table: of its layers.
      image_size: side of the images.
      channels: of the images.
      network: its settings.
    """

    kind: str
    table: Table
    image_size: int
    channels: int
    network: NetworkSettings

    def build(self) -> keras.Model:
        """The network, with fresh weights."""
        return build(self.network, self.image_size, self.channels, "float32")


def target(
    name: str, image_size: int | None, channels: int, assignments: list[str]
) -> Target:
    """The network that a command line asks for.

    Args:
      name: of the kind.
      image_size: side of the images; may be None where there is only one.
      channels: of the images.
      assignments: ``key=value`` for settings of the network.

    Raises:
      ConfigError: if there is no such kind, or it does not have such settings.
    """
    if name not in KINDS:
        raise ConfigError(unknown_key(name, KINDS).replace("setting", "kind"))
    settings, by_size = KINDS[name]
    if image_size is None and len(by_size) == 1:
        (image_size,) = by_size
    if image_size is None or image_size not in by_size:
        sizes = ", ".join(map(str, by_size))
        choice = f"one of {sizes}" if by_size is not _OWN else "that of its data"
        if image_size is None:
            raise ConfigError(f"{name} needs --image_size, {choice}.")
        raise ConfigError(f"Expected --image_size={image_size} to be {choice}.")
    network = override(settings, assignments)
    if by_size is not _OWN and network.architecture != settings.architecture:
        raise ConfigError(
            f"Expected architecture={network.architecture!r} to be "
            f"{settings.architecture!r} for {name}."
        )
    if network.weights:
        raise ConfigError(
            f"Expected no weights={network.weights!r}: they come from the source."
        )
    return Target(name, by_size[image_size], image_size, channels, network)


class Converted(NamedTuple):
    """The weights that were written.

    Attributes:
      path: of the weight file.
      num_parameters: in it.
      assignments: ``key.path=value`` by which a config takes the weights.
    """

    path: str
    num_parameters: int
    assignments: list[str]


def convert(target: Target, source: str, output: str) -> Converted:
    """Reads weights, and writes a folder that a config takes as weights.

    Args:
      target: the network that they are converted for.
      source: the file that holds them, or the common prefix of a checkpoint.
      output: the folder; it may have weights of other roles.

    Raises:
      ConfigError: if the network cannot have such images.
      WeightsError: if they cannot be read or do not fit.
      RunError: if the folder cannot be written.
    """
    network, role = target.network, _ROLES[type(target.network)]
    model = target.build()
    path = os.path.join(output, FOLDER, weights_name(role))
    if exists(path):
        raise WeightsError(f"{path} exists: choose another folder.")
    _fill(model, target.table, source)
    make_folder(os.path.dirname(path))
    save_weights(model, path)
    description = {
        "kind": target.kind,
        "source": os.path.basename(source),
        "role": role,
        "image_size": target.image_size,
        "channels": target.channels,
        "network": to_mapping(network),
    }
    text = json.dumps(description, indent=2) + "\n"
    replace_file(os.path.join(output, CONVERTED.format(role)), text)
    settings = ((field.name, field.default) for field in dataclasses.fields(network))
    changed = [
        f"{role}.{name}={value}"
        for name, default in settings
        if (value := getattr(network, name)) != default
    ]
    assignments = [f"{role}.weights={output}", *changed]
    return Converted(path, model.count_params(), assignments)


def _fill(model: keras.Model, table: Table, source: str) -> None:
    variables = {variable.path: variable for variable in model.variables}
    shapes = {path: tuple(variable.shape) for path, variable in variables.items()}
    wanted = sources(shapes, table).values()
    arrays = read_arrays(source, [name for stored in wanted for name in stored.names])
    try:
        values = fitted(arrays, shapes, table)
    except WeightsError as error:
        raise WeightsError(f"{source} is not for {model.name}: {error}") from error
    for path, value in values.items():
        variables[path].assign(value)
