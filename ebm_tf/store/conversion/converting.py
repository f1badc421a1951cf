"""The kinds of published weights that can be converted, and their conversion."""

import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import Settings, to_mapping, unknown_key
from ebm_tf.config.networks import Standardised
from ebm_tf.config.overrides import override
from ebm_tf.config.parts import GeneratorNetwork, Network
from ebm_tf.errors import ConfigError, WeightsError
from ebm_tf.models.catalogue import build
from ebm_tf.models.wide_resnets import DM_PIXELS
from ebm_tf.runtime.files import exists, make_folder, replace_file
from ebm_tf.runtime.weight_files import FOLDER, save_weights, weights_name
from ebm_tf.store.conversion import tables
from ebm_tf.store.conversion.classifier_tables import (
    CIFAR_RESNET,
    DM_WRN,
    PREACT_RESNET,
    ROBUSTBENCH_WRN,
    TORCHVISION_RESNET,
)
from ebm_tf.store.conversion.fitting import fitted, sources
from ebm_tf.store.conversion.readers import read_arrays, read_state_dicts
from ebm_tf.store.conversion.state_dicts import (
    Layout,
    known_settings,
    one_network,
    standardisation,
)
from ebm_tf.store.conversion.tables import Table
from ebm_tf.store.sources import CONVERTED

NetworkSettings = Network | GeneratorNetwork | ClassifierNetwork


class Kind(NamedTuple):
    """A published network, and the names of its weights.

    Attributes:
      settings: of the network here.
      tables: of its layers, by the side of its images.
      usual_size: that side, where none is named.
      layout: of the names that tell more of its settings.
    """

    settings: NetworkSettings
    tables: Mapping[int, Table]
    usual_size: int | None = None
    layout: Layout | None = None


def _sngan(table: Table) -> dict[int, Table]:
    return dict.fromkeys((32, 64, 128), table)


def _biggan(table: Table) -> dict[int, Table]:
    return dict.fromkeys((64, 128, 224, 256, 512), table)


def _any_size(table: Table) -> dict[int, Table]:
    return dict.fromkeys(range(1, 1025), table)  # a network checks its sizes


def _torch_classifier(
    architecture: str, table: Table, layout: Layout, size: int = 32, **settings: Any
) -> Kind:
    network = ClassifierNetwork(architecture=architecture, **settings)
    return Kind(network, _any_size(table), size, layout)


_OWN = _any_size(tables.OWN_NAMES)
_RESNET_BLOCK = r"layer\d\.\d+\.conv1\.weight"
_CIFAR_LAYOUT = Layout(_RESNET_BLOCK, "linear")
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
    "cifar_resnet": _torch_classifier("resnet", CIFAR_RESNET, _CIFAR_LAYOUT),
    "torchvision_resnet": _torch_classifier(
        "resnet",
        TORCHVISION_RESNET,
        Layout(_RESNET_BLOCK, "fc"),
        size=224,
        stem="imagenet",
        pixel_range=Standardised(  # which its programs apply outside
            mean=(0.485, 0.456, 0.406), stddev=(0.229, 0.224, 0.225)
        ),
    ),
    "preact_resnet": _torch_classifier("preact_resnet", PREACT_RESNET, _CIFAR_LAYOUT),
    "robustbench_wrn": _torch_classifier(
        "robustbench_wrn",
        ROBUSTBENCH_WRN,
        Layout(r"block\d\.layer\.\d+\.conv1\.weight", "fc"),
    ),
    "dm_wrn": _torch_classifier(
        "dm_wrn",
        DM_WRN,
        Layout(r"layer\.\d\.block\.\d+\.conv_0\.weight", "logits"),
        activation="silu",
        pixel_range=DM_PIXELS[3],
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
      given: the names of those that the user gave.
      key: a part of the names of its weights, where a file has those of several.
    """

    kind: str
    table: Table
    image_size: int
    channels: int
    network: NetworkSettings
    given: frozenset[str] = frozenset()
    key: str | None = None

    def with_known(self, known: Mapping[str, Any]) -> "Target":
        """With settings that are known of it and that the user did not give."""
        free = {name: known[name] for name in known.keys() - self.given}
        return self._replace(network=dataclasses.replace(self.network, **free))

    def build(self) -> keras.Model:
        """The network, with fresh weights."""
        return build(self.network, self.image_size, self.channels, "float32")


def target(
    name: str,
    image_size: int | None,
    channels: int,
    assignments: list[str],
    key: str | None = None,
) -> Target:
    """The network that a command line asks for.

    Args:
      name: of the kind.
      image_size: side of the images; may be None where there is only one.
      channels: of the images.
      assignments: ``key=value`` for settings of the network.
      key: a part of the names of its weights, where a file has those of several.

    Raises:
      ConfigError: if there is no such kind, or it does not have such settings.
    """
    if name not in KINDS:
        raise ConfigError(unknown_key(name, KINDS).replace("setting", "kind"))
    settings, by_size, usual_size, layout = KINDS[name]
    if image_size is None:
        image_size = next(iter(by_size)) if len(by_size) == 1 else usual_size
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
    given = frozenset(re.split("[.=]", each)[0].strip() for each in assignments)
    if layout and "pixel_range" in given and network.pixel_range == "-1..1":
        raise ConfigError(
            f"Expected no pixel_range=-1..1, which leaves pixels to the network: where "
            f"{name} saw them in [-1, 1], --set pixel_range.mean=0.5 --set "
            "pixel_range.stddev=0.5."
        )
    table = by_size[image_size]
    return Target(name, table, image_size, channels, network, given, key)


class Converted(NamedTuple):
    """The weights that were written.

    Attributes:
      path: of the weight file.
      num_parameters: in it.
      assignments: ``key.path=value`` by which a config takes the weights.
      notes: what is to be known of them, as sentences.
    """

    path: str
    num_parameters: int
    assignments: list[str]
    notes: list[str]


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
    role = _ROLES[type(target.network)]
    path = os.path.join(output, FOLDER, weights_name(role))
    if exists(path):
        raise WeightsError(f"{path} exists: choose another folder.")
    target, model = _filled(target, source)
    network = target.network
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
    assignments = [f"{role}.weights={output}", *_changed(network, role)]
    return Converted(path, model.count_params(), assignments, list(_notes(target)))


def _changed(network: Any, name: str) -> Iterator[str]:
    """Assignments of the settings that are not the usual ones."""
    for field in dataclasses.fields(network):
        value = getattr(network, field.name)
        if isinstance(value, Settings):
            yield from _changed(value, f"{name}.{field.name}")
        elif value != field.default:
            yield f"{name}.{field.name}={value}"


def _filled(target: Target, source: str) -> tuple[Target, keras.Model]:
    """The network with the weights of a file, and what the file says of it."""
    table, layout = target.table, KINDS[target.kind].layout
    is_torch = table.separator == "." or target.key is not None
    found = read_state_dicts(source) if is_torch else {}
    if layout:
        known = known_settings(target.network.architecture, layout, found.values())
        target = target.with_known(known)
    model = target.build()
    variables = {variable.path: variable for variable in model.variables}
    shapes = {path: tuple(variable.shape) for path, variable in variables.items()}
    wanted = sources(shapes, table).values()
    names = [name for stored in wanted for name in stored.names]
    if is_torch:
        arrays = one_network(found, names, target.key, source)
    else:
        arrays = read_arrays(source, names)
    if layout:
        known, arrays = standardisation(arrays, source)
        _require_given(target, known, source)
        target = target.with_known(known)  # which changes no layer that has weights
    try:
        values = fitted(arrays, shapes, table)
    except WeightsError as error:
        raise WeightsError(f"{source} is not for {model.name}: {error}") from error
    for path, value in values.items():
        variables[path].assign(value)
    return target, model


def _require_given(target: Target, known: Mapping[str, Any], source: str) -> None:
    """Checks that a user says nothing else of pixels than the file."""
    for name in target.given & known.keys():
        given, there = getattr(target.network, name), known[name]
        if not isinstance(given, Standardised) or not _alike(given, there):
            raise WeightsError(
                f"{source} has {there.mean} and {there.stddev} as mean and standard "
                f"deviation of pixels, but --set says {name}={given}: leave it out."
            )


def _alike(one: Standardised, other: Standardised) -> bool:
    return np.allclose(one.mean, other.mean, rtol=1e-5) and np.allclose(
        one.stddev, other.stddev, rtol=1e-5
    )


def _notes(target: Target) -> Iterator[str]:
    """What a network takes for its pixels, which no misfit would tell."""
    if KINDS[target.kind].layout is None:
        return
    seen = target.network.pixel_range
    if isinstance(seen, Standardised):
        yield f"It sees pixels in [0, 1], less {seen.mean}, over {seen.stddev}."
    elif "pixel_range" in target.given:
        yield f"It sees pixels in {seen}."
    else:
        yield (
            "It sees pixels in [0, 1]. If it learned from others, which the file does "
            "not tell: --set pixel_range.mean=M --set pixel_range.stddev=S."
        )
