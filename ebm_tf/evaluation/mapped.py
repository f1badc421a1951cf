"""How far images are mapped to other classes, and whether they arrive there."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ebm_tf.directions.alignment import cosine
from ebm_tf.evaluation.energy_statistics import mean_interval
from ebm_tf.evaluation.robustness import accuracy
from ebm_tf.models.catalogue import in_inference
from ebm_tf.protocols import Directions
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.rows import over_rows

NUM_SHOWN = 12


class Mapped(NamedTuple):
    """Images and what a mapper makes of them.

    Attributes:
      images: float32 [n, H, W, C].
      labels: int64 [n].
      wrong: int64 [n], the class to which each image is mapped.
      differences: float32 [n, H, W, C], what is added to the images.
      predictions: int64 [n], of a classifier at the mapped images.
    """

    images: np.ndarray
    labels: np.ndarray
    wrong: np.ndarray
    differences: np.ndarray
    predictions: np.ndarray

    @property
    def mapped(self) -> np.ndarray:
        """The mapped images [n, H, W, C]."""
        return self.images + self.differences


def mapping(
    mapper: keras.Model, classifier: keras.Model, replicas: Replicas, batch: int
) -> Callable[[np.ndarray, np.ndarray], Mapped]:
    """What maps images [n, H, W, C] of labels [n] each to the class after its own.

    Both networks are in inference mode, with the weights of the time of a call.
    """
    differences_of = in_inference(mapper)
    logits_of = in_inference(classifier)
    num_classes = classifier.output_shape[-1]

    def both(images: tf.Tensor, labels: tf.Tensor, wrong: tf.Tensor) -> Any:
        inputs: Any = [images, labels, wrong]
        differences = differences_of(inputs)
        return differences, tf.argmax(logits_of(images + differences), -1)

    run = over_rows(both, replicas, batch, together=False)

    def mapped(images: np.ndarray, labels: np.ndarray) -> Mapped:
        wrong = (labels + 1) % num_classes
        return Mapped(images, labels, wrong, *run(images, labels, wrong))

    return mapped


def norms(rows: np.ndarray) -> np.ndarray:
    """Euclidean norms [n] of rows [n, ...]."""
    return np.linalg.norm(np.reshape(rows, [len(rows), -1]), axis=1)


def measures(found: Mapped, directions: Directions | None = None) -> dict[str, Any]:
    """Metrics of mapped images.

    Args:
      found: the images, more than one.
      directions: the true ones, where they are known; their lengths do not count.

    Returns:
      `flip_rate`, the share of mapped images that the classifier takes for the other
      class, with its interval; `norms` by class, means of those of images (`image`),
      differences and mapped images; and `cosine` with the truth, with its interval.
    """
    results = accuracy("flip_rate", found.predictions == found.wrong)
    rows = {
        "image": found.images,
        "difference": found.differences,
        "mapped": found.mapped,
    }
    results["norms"] = {
        str(label): {
            name: float(np.mean(norms(values[found.labels == label])))
            for name, values in rows.items()
        }
        for label in np.unique(found.labels)
    }
    if directions is not None:
        values = _cosines(found, directions)
        results |= {
            "cosine": float(np.mean(values)),
            "cosine_interval": mean_interval(values),
        }
    return results | {"num_images": len(found.labels)}


def _cosines(found: Mapped, directions: Directions) -> np.ndarray:
    """Those [n] of the angles between differences and true ones."""
    parts = found.images, found.labels, found.wrong, np.zeros(2, np.int32)
    images, labels, wrong, key = map(tf.constant, parts)
    truth = directions(images, labels, wrong, key)
    return cosine(tf.constant(found.differences), truth).numpy()


def pictured(found: Mapped) -> dict[str, tuple[np.ndarray, list[str]]]:
    """Some images, what they become, and the differences: columns for a picture."""
    few = slice(NUM_SHOWN)
    labels, predictions = (
        [f"class {number}" for number in numbers[few]]
        for numbers in (found.labels, found.predictions)
    )
    return {
        "image": (found.images[few], labels),
        "mapped": (found.mapped[few], predictions),
        "difference": (found.differences[few], []),
    }
