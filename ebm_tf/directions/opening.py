"""Settings of directions become functions."""

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ebm_tf.config.core import to_mapping
from ebm_tf.config.directions import (
    AnyDirections,
    GeneratorDirections,
    SearchedDirections,
    TrueDirections,
)
from ebm_tf.data.sources import Source
from ebm_tf.directions.kept_rows import KeptRows
from ebm_tf.directions.searched import Networks, key_of, row_width, searched, summary
from ebm_tf.errors import ConfigError, DataError, UnnamedWeightsError, WeightsError
from ebm_tf.models.catalogue import in_inference
from ebm_tf.protocols import Directions
from ebm_tf.runtime.cache_folders import cache_folder
from ebm_tf.store.models import LoadedModel
from ebm_tf.store.network_sources import (
    CLASSIFIER,
    GENERATOR,
    MAPPER,
    learned_data,
    network_source,
)
from ebm_tf.store.sources import find

# Of the environment: the folder of what searches find.
VARIABLE = "EBM_TF_DIRECTIONS"


class OpenDirections(NamedTuple):
    """Directions that were found, and what they are made of.

    Attributes:
      differences: of images, their labels and the classes to move to.
      lines: what there is to say of them, for people.
      digests: hashes of their weights by what they are, for `inputs.require_same`.
      metrics: of all differences that were asked for so far, by name.
      compiles: whether XLA can compile them.
    """

    differences: Directions
    lines: tuple[str, ...] = ()
    digests: Mapping[str, str] = {}
    metrics: Callable[[], dict[str, Any]] = dict
    compiles: bool = True


def open_directions(
    settings: AnyDirections, config: Any, source: Source, setting: str = "directions"
) -> OpenDirections:
    """Finds directions, and builds networks for them; call it in the strategy's scope.

    Args:
      settings: which directions.
      config: of the experiment, with its `data` and its `compute_dtype`.
      source: of the images, which is opened where directions are the data's own.
      setting: of the config that these settings are, for messages.

    Raises:
      UserError: if the data know no directions, or weights are missing or do not fit.
    """
    match settings:
        case TrueDirections():
            return OpenDirections(_true(source), ("directions: those of the data",))
        case GeneratorDirections():
            return _mapped(settings, config, setting)
        case SearchedDirections():
            return _searched(settings, config, setting)
    raise TypeError(f"Expected settings of directions, got {settings!r}.")


def _true(source: Source) -> Directions:
    if source.directions is None:
        raise DataError(
            f"Expected directions that are estimated: dataset {source.name} does not "
            "know its own, as spheres, squares and squares32 do."
        )
    return source.directions


def _opened(role: str, weights: str | None, config: Any, setting: str) -> LoadedModel:
    """A network of a run, with its weights, for the images of an experiment.

    Raises:
      UserError: if there is none, or it learned from images of another shape.
    """
    if weights is None:
        raise UnnamedWeightsError(
            f"The directions of {config.name} need weights of a {role}: --set "
            f"{setting}=RUN names them."
        )
    source = find(weights)
    settings = source.network(role)
    if settings is None:
        raise WeightsError(
            f"Expected {weights} to be the folder of a run or release:NAME: a weight "
            "file does not say which network it is for."
        )
    found = network_source(role, settings, weights)
    there, data = learned_data(found), config.data
    shapes = [(one.image_size, one.channels) for one in (there or data, data)]
    if shapes[0] != shapes[1]:
        raise ConfigError(
            f"The {role} of {weights} learned from images of {shapes[0][0]} pixels and "
            f"{shapes[0][1]} channels, but data.image_size={shapes[1][0]} and "
            f"data.channels={shapes[1][1]}."
        )
    model = found.build(data, config.compute_dtype)
    opened = LoadedModel({role: found}, {role: model})
    opened.load()
    return opened


def _mapped(settings: GeneratorDirections, config: Any, setting: str) -> OpenDirections:
    """The direct method."""
    model = _opened(MAPPER, settings.weights, config, f"{setting}.weights")
    mapper = in_inference(model.networks[MAPPER])
    return OpenDirections(
        lambda images, labels, wrong, seed: mapper([images, labels, wrong]),
        (f"directions: of the mapper {model.files()[MAPPER]}",),
        model.digests(None),
    )


def _searched(
    settings: SearchedDirections, config: Any, setting: str
) -> OpenDirections:
    """The indirect method."""
    model = _opened(GENERATOR, settings.weights, config, f"{setting}.weights")
    network = model.sources[GENERATOR].settings
    if network.num_classes is None and network.architecture != "biggan_conditional":
        raise ConfigError(
            f"Expected {setting}.weights={settings.weights} of a generator of "
            "classes, which has generator.num_classes."
        )
    judge = None
    if settings.judge is not None:
        judged_by = _opened(CLASSIFIER, settings.judge, config, f"{setting}.judge")
        model, judge = model | judged_by, judged_by.classifier
    digests = model.digests(None)
    about = {"generator": to_mapping(network), "dtype": config.compute_dtype}
    parent = settings.cache or cache_folder("directions", VARIABLE)
    folder = os.path.join(parent, key_of(settings, digests, about))
    size = network.latent_size
    kept = KeptRows(folder, row_width(size))
    networks = Networks(in_inference(model.networks[GENERATOR]), size, judge)
    return OpenDirections(
        searched(networks, settings, kept),
        (
            f"directions: searched with the generator {model.files()[GENERATOR]}",
            f"directions: what is found is kept in {folder}",
        ),
        digests,
        summary(kept, size),
        compiles=False,
    )
