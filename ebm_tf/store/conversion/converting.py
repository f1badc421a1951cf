"""The kinds of published weights that can be converted."""

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

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


class Target(NamedTuple):
    """What weights are converted for.

    Attributes:
      name: of the kind.
      kind: what is known of it.
      image_size: side of the images.
      channels: of the images.
      network: its settings.
    """

    name: str
    kind: Kind
    image_size: int
    channels: int
    network: NetworkSettings

    @property
    def table(self) -> Table:
        """Of the layers."""
        return self.kind.tables[self.image_size]

    def build(self) -> keras.Model:
        """The network, with fresh weights.

        Raises:
          ConfigError: if it cannot have such images.
        """
        return build(self.network, self.image_size, self.channels, "float32")


def target(
    name: str, image_size: int | None, channels: int, assignments: list[str]
) -> Target:
    """What a command line asks for.

    Args:
      name: of the kind.
      image_size: side of the images; may be None where there is one only.
      channels: of the images.
      assignments: ``key=value`` for settings of the network.

    Raises:
      ConfigError: if there is no such kind, or it has not such settings.
    """
    if name not in KINDS:
        raise ConfigError(unknown_key(name, KINDS).replace("setting", "kind"))
    kind = KINDS[name]
    if image_size is None and len(kind.tables) == 1:
        (image_size,) = kind.tables
    if image_size is None or image_size not in kind.tables:
        sizes = [str(size) for size in kind.tables]
        choice = f"one of {', '.join(sizes)}" if len(sizes) < 10 else "that of its data"
        if image_size is None:
            raise ConfigError(f"{name} needs --image_size, {choice}.")
        raise ConfigError(f"Expected --image_size={image_size} to be {choice}.")
    network = override(kind.settings, assignments)
    if kind.tables[image_size].dropped and network.architecture != (
        kind.settings.architecture
    ):
        raise ConfigError(
            f"Expected architecture={network.architecture!r} to be "
            f"{kind.settings.architecture!r} for {name}."
        )
    if network.weights:
        raise ConfigError(
            f"Expected no weights={network.weights!r}: they come from the source."
        )
    return Target(name, kind, image_size, channels, network)


class Converted(NamedTuple):
    """What was written.

    Attributes:
      path: of the weight file.
      num_parameters: in it.
      assignments: ``key.path=value`` by which a config takes the weights.
    """

    path: str
    num_parameters: int
    assignments: list[str]


def convert(target: Target, source: str, output: str) -> Converted:
    """Reads weights, and writes a folder that `find_weights` knows.

    Args:
      target: what they are converted for.
      source: the file that holds them, or what files of a checkpoint have in common.
      output: the folder; it may have weights of other roles.

    Raises:
      WeightsError: if they cannot be read or do not fit.
      RunError: if the folder cannot be written.
    """
    model = target.build()
    path = os.path.join(output, FOLDER, weights_name(target.kind.role))
    if exists(path):
        raise WeightsError(f"{path} exists: choose another folder.")
    _fill(model, target.table, source)
    make_folder(os.path.dirname(path))
    save_weights(model, path)
    settings = os.path.join(output, CONVERTED.format(target.kind.role))
    replace_file(settings, _described(target, source))
    return Converted(path, model.count_params(), _assignments(target, output))


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


def _assignments(target: Target, output: str) -> list[str]:
    """What a config must be told: the weights, and settings that are no defaults."""
    network, role = target.network, target.kind.role
    usual = type(network)()
    changed = (
        (field.name, getattr(network, field.name))
        for field in dataclasses.fields(network)
        if getattr(network, field.name) != getattr(usual, field.name)
    )
    return [
        f"{role}.weights={output}",
        *(f"{role}.{name}={value}" for name, value in changed),
    ]


def _described(target: Target, source: str) -> str:
    description: dict[str, Any] = {
        "kind": target.name,
        "source": os.path.basename(source),
        "role": target.kind.role,
        "image_size": target.image_size,
        "channels": target.channels,
        "network": to_mapping(target.network),
    }
    return json.dumps(description, indent=2) + "\n"
