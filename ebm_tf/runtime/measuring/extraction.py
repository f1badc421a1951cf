"""Feature extraction on all devices of this process, in chunks of one shape."""

import functools
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import tensorflow as tf

from ebm_tf.config.fid import FeatureExtractor, SampleMeasurement
from ebm_tf.errors import UnnamedWeightsError
from ebm_tf.evaluation import features
from ebm_tf.evaluation.features import Extractor
from ebm_tf.models.catalogue import build_classifier
from ebm_tf.runtime.distribution import Replicas, distributed, local, on_each
from ebm_tf.runtime.measuring.inception_files import (
    load_inception_keras,
    read_inception_2015,
)
from ebm_tf.runtime.weights import digest, load_weights

CHUNK = 50


def open_extractor(config: SampleMeasurement, replicas: Replicas) -> Extractor:
    """The extractor that a config names, with its weights.

    Raises:
      WeightsError: if weights are missing, damaged or others.
    """
    settings = config.features
    size, channels = config.data.image_size, config.data.channels
    with replicas.strategy.scope():
        match settings.name:
            case "pixels":
                return features.pixels(size, channels)
            case "inception_keras":
                return features.inception_keras(*load_inception_keras(settings.weights))
            case "inception_2015":
                graph = read_inception_2015(_needed(settings))
                return features.inception_2015(*graph)
            case _:
                return _classifier(settings, size, channels)


def _classifier(settings: FeatureExtractor, size: int, channels: int) -> Extractor:
    if settings.classifier is None:
        raise ValueError("The config promised a classifier.")
    model = build_classifier(settings.classifier, size, channels, "float32")
    path = load_weights(model, _needed(settings), "classifier")
    return features.classifier(model, f"{path} sha256 {digest(path)}")


def _needed(settings: FeatureExtractor) -> str:
    if settings.weights is None:
        what = {
            "inception_2015": "classify_image_graph_def.pb or inception-2015-12-05.tgz "
            "(models/image/imagenet/ of download.tensorflow.org)",
            "classifier": "a weight file, a run folder or release:NAME",
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

    Chunks of one shape are compiled once; the last one is filled up and cut.
    """
    run, seed = _compiled(replicas, extractor), tf.zeros([2], tf.int32)
    size = CHUNK * replicas.num_local
    for chunk in rechunked(images, size):
        missing = [(0, size - len(chunk))] + [(0, 0)] * 3
        parts = np.split(np.pad(chunk, missing), replicas.num_local)
        results = local(replicas, run(distributed(replicas, parts), seed))
        vectors, logits = (
            np.concatenate([np.asarray(getattr(part, name)) for part in results])
            for name in ("vectors", "logits")
        )
        yield vectors[: len(chunk)], logits[: len(chunk)]


@functools.lru_cache(maxsize=1)  # a run has one, for its reference and all samples
def _compiled(replicas: Replicas, extractor: Extractor) -> Callable:
    def extract(part: tf.Tensor, seed: tf.Tensor) -> features.Features:
        del seed
        return extractor.extract(part)

    return on_each(replicas, extract)


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
