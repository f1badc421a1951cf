"""What images are compared by: functions from images to vectors and logits.

Every extractor takes bytes, so that all images are rounded to 8 bits before anything
is measured, as published Fréchet distances demand.
"""

import functools
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ebm_tf.config.core import to_mapping
from ebm_tf.config.fid import FeatureExtractor
from ebm_tf.config.kinds import file_in
from ebm_tf.config.parts import Data
from ebm_tf.errors import ConfigError, DataError, UnnamedWeightsError
from ebm_tf.evaluation.inception import (
    KERAS_INCEPTION_SIDE,
    import_graph,
    load_inception_keras,
    read_inception_2015,
)
from ebm_tf.models.catalogue import in_lanes
from ebm_tf.pixels import from_bytes
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.files import sha256_of
from ebm_tf.runtime.rows import over_rows
from ebm_tf.store.network_sources import CLASSIFIER, network_source

CHUNK = 50


class Features(NamedTuple):
    """The features of n images.

    Attributes:
      vectors: float32 [n,d].
      logits: float32 [n,k], where k is 0 for an extractor that does not classify.
    """

    vectors: tf.Tensor
    logits: tf.Tensor


class Extractor(NamedTuple):
    """A feature extractor, and what makes its distances comparable with others.

    Attributes:
      name: which one; distances by different extractors are never comparable.
      size: d.
      resize: description of how images are resized.
      weights: description of its weights.
      extract: bytes [n,H,W,C], where C is 1 or 3 -> features. It is pure, and keeps a
        known n known.
      network: description of what the weights are put into, where that is a choice.
    """

    name: str
    size: int
    resize: str
    weights: str
    extract: Callable[[tf.Tensor], Features]
    network: str = ""


def pixels(image_size: int, channels: int) -> Extractor:
    """The images themselves, in [-1,1], as vectors."""
    size = image_size * image_size * channels

    def extract(images: tf.Tensor) -> Features:
        return _without_logits(tf.reshape(from_bytes(images), [-1, size]))

    return Extractor("pixels", size, "none", "none", extract)


def inception_2015(graph_def: bytes, weights: str) -> Extractor:
    """The pooled features of the graph by which Fréchet distances are published.

    Logits are those of the Inception score of Salimans et al. (2016): without bias,
    1,008 of them.

    Args:
      graph_def: `classify_image_graph_def.pb`.
      weights: its description.

    Raises:
      WeightsError: if it is not that graph.
    """
    graph = import_graph(graph_def, weights)

    def extract(images: tf.Tensor) -> Features:
        vectors, logits = graph.run(tf.cast(_in_colour(images), tf.float32))
        return Features(
            tf.ensure_shape(vectors, [images.shape[0], graph.size]),
            tf.ensure_shape(logits, [images.shape[0], graph.num_logits]),
        )

    resize = "bilinear to 299 inside the graph (TensorFlow 1, no half-pixel centres)"
    return Extractor("inception_2015", graph.size, resize, weights, extract)


def inception_keras(model: keras.Model, weights: str) -> Extractor:
    """The pooled features of Keras' InceptionV3, as Hill et al. (2022) measured.

    Their distances are not comparable with published ones: the weights are others,
    the images are in [-1,1], and the resize has half-pixel centres and no antialias.
    They also left out the rounding to 8 bits.

    Args:
      model: images [n,299,299,3] in [-1,1] -> features [n,d].
      weights: description of its weights.
    """
    sides = (KERAS_INCEPTION_SIDE, KERAS_INCEPTION_SIDE)

    def extract(images: tf.Tensor) -> Features:
        floats = from_bytes(_in_colour(images))
        resized = tf.image.resize(floats, sides, method="bilinear", antialias=False)
        return _without_logits(model(resized, training=False))

    resize = "bilinear to 299 with half-pixel centres, no antialias"
    size = model.output_shape[-1]
    return Extractor("inception_keras", size, resize, weights, extract)


def classifier(model: keras.Model, weights: str) -> Extractor:
    """The logits of a classifier, and the input of its last layer that has weights.

    Args:
      model: a functional model from images [n,H,W,C] in [-1,1] to logits [n,k], whose
        last layer with weights takes vectors [n,d].
      weights: description of its weights.

    Raises:
      ConfigError: if that takes something else.
    """
    probe = _with_vectors(model)
    size = probe.output_shape[0][-1]

    def extract(images: tf.Tensor) -> Features:
        return Features(*probe(from_bytes(images), training=False))

    return Extractor("classifier", size, "none", weights, extract)


def _with_vectors(model: keras.Model) -> keras.Model:
    """Images -> what the last layer with weights takes, and the logits.

    That layer may be within a model that is a layer itself, at any depth.
    """
    last = next((layer for layer in reversed(model.layers) if layer.weights), None)
    if isinstance(last, keras.Model) and getattr(last, "inputs", None):
        inner, found = _with_vectors(last), []

        def call(layer: Any, *given: Any, **how: Any) -> Any:
            if layer is not last:
                return layer(*given, **how)
            vectors, outputs = inner(*given)
            found.append(vectors)
            return outputs

        outer: Any = keras.models.clone_model(
            keras.Model(model.inputs, model.outputs),
            clone_function=lambda layer: layer,  # the same, with its weights
            call_function=call,
        )
        return keras.Model(outer.inputs[0], [found[-1], outer.outputs[0]])
    vectors: Any = getattr(last, "input", None)
    if vectors is None or isinstance(vectors, list) or len(vectors.shape) != 2:
        raise ConfigError(
            f"Expected the last layer with weights of {model.name} to take vectors "
            "[B, d], which are the features of images."
        )
    return keras.Model(model.inputs[0], [vectors, model.outputs[0]])


def _without_logits(vectors: tf.Tensor) -> Features:
    return Features(vectors, vectors[:, :0])


def _in_colour(images: tf.Tensor) -> tf.Tensor:
    """Repeats the one channel of grey images."""
    return tf.tile(images, [1, 1, 1, 3]) if images.shape[-1] == 1 else images


def open_extractor(
    settings: FeatureExtractor, data: Data, replicas: Replicas
) -> Extractor:
    """The extractor that settings name, with its weights, for the images of a config.

    Raises:
      WeightsError: if weights are missing, damaged or others.
    """
    with replicas.strategy.scope():
        match settings.name:
            case "pixels":
                return pixels(data.image_size, data.channels)
            case "inception_keras":
                return inception_keras(*load_inception_keras(settings.weights))
            case "inception_2015":
                return inception_2015(*read_inception_2015(_needed(settings)))
            case _:
                return _classifier(settings, data)


def _classifier(settings: FeatureExtractor, data: Data) -> Extractor:
    if settings.classifier is None:
        raise ValueError("Expected features.classifier where it is compared by.")
    found = network_source(CLASSIFIER, settings.classifier, _needed(settings))
    model = found.build(data, "float32")
    path = found.load(model)
    digest = sha256_of(file_in(path) or path)
    extractor = classifier(model, f"{path} sha256 {digest}")
    network = to_mapping(found.settings) | {"weights": None}
    return extractor._replace(network=json.dumps(network, sort_keys=True))


def _needed(settings: FeatureExtractor) -> str:
    if settings.weights is None:
        what = {
            "inception_2015": "classify_image_graph_def.pb or inception-2015-12-05.tgz "
            "(models/image/imagenet/ of download.tensorflow.org)",
            "classifier": "a weight file, a run folder, release:NAME or FILE.keras",
        }
        raise UnnamedWeightsError(
            f"features.name={settings.name!r} needs weights: --set features.weights="
            f"PATH, {what[settings.name]}."
        )
    return settings.weights


def extracted(
    images: Iterable[np.ndarray], extractor: Extractor, replicas: Replicas
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields vectors [n, d] and logits [n, k] of images uint8 [n, H, W, C].

    Raises:
      DataError: if one is not finite: a mean with it would say nothing.
    """
    run, seen = _over_rows(replicas, extractor), 0
    for chunk in rechunked(images, CHUNK * replicas.num_local):
        vectors, logits = found = run(chunk)
        finite = np.isfinite(vectors).all(1) & np.isfinite(logits).all(1)
        if not finite.all():
            raise DataError(
                f"The features {extractor.name} of image {seen + np.argmin(finite)} "
                f"are not finite, counted from 0: are its weights, "
                f"{extractor.weights}, those of another network?"
            )
        seen += len(chunk)
        yield found


@functools.lru_cache(maxsize=1)  # a run has one, for its reference and all samples
def _over_rows(replicas: Replicas, extractor: Extractor) -> Callable:
    batch = CHUNK * replicas.count
    extract = in_lanes(extractor.extract, replicas.lanes)
    return over_rows(extract, replicas, batch, together=False, jit=False)


def rechunked(arrays: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The rows of arrays in arrays of one size, the last one perhaps smaller."""
    waiting: list[np.ndarray] = []
    count = 0
    for array in arrays:
        waiting.append(array)
        count += len(array)
        if count >= size:
            rows = np.concatenate(waiting)
            whole = len(rows) // size * size
            yield from np.split(rows[:whole], whole // size)
            waiting, count = [rows[whole:]], len(rows) - whole
    if count:
        yield np.concatenate(waiting)
