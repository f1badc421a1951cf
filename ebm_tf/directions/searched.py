"""Directions to images that a generator of classes makes: the indirect method."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf.config.core import to_mapping
from ebm_tf.config.directions import SearchedDirections
from ebm_tf.directions.kept_rows import KeptRows
from ebm_tf.directions.latent_search import latent_search
from ebm_tf.models.latents import with_classes
from ebm_tf.protocols import Classifier, Directions, Generator

# Of what a search does for its settings; what an older one found is not used.
VERSION = 1
# Behind the latent of a row: the loss, and the verdict of the judge.
_EXTRAS = 2


class Networks(NamedTuple):
    """What searches with, and who judges.

    Attributes:
      generator: latents [n, z + 1], with classes in the last column -> images.
      latent_size: z.
      judge: images -> logits; nobody judges if None.
    """

    generator: Generator
    latent_size: int
    judge: Classifier | None = None


def key_of(
    settings: SearchedDirections, digests: Mapping[str, str], about: Mapping[str, Any]
) -> str:
    """A hash of all that decides what is found for an image and a class.

    Args:
      settings: of the search; names and places of files do not count.
      digests: hashes of weights, by what they are.
      about: whatever else decides.
    """
    chosen = to_mapping(settings)
    for name in ("weights", "judge", "cache"):
        chosen.pop(name)
    parts = [VERSION, chosen, dict(digests), dict(about)]
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def searched(
    networks: Networks, settings: SearchedDirections, kept: KeptRows
) -> Directions:
    """Directions to what a latent search finds, which is kept.

    What is kept lies on the host, so that XLA cannot compile this.

    Args:
      networks: of the search.
      settings: of it.
      kept: rows of `row_width` numbers.
    """
    search = latent_search(networks.generator, networks.latent_size, settings)
    judge = networks.judge

    def rows_of(images: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
        found = search(images, classes)
        right = tf.fill(tf.shape(found.loss), -1.0)
        if judge is not None:
            predicted = tf.argmax(judge(found.images), -1, classes.dtype)
            right = tf.cast(predicted == classes, tf.float32)
        extras = tf.stack([found.loss, right], 1)
        return tf.concat([found.latents, extras], 1)

    def completed(
        images: tf.Tensor, classes: tf.Tensor, rows: tf.Tensor, missing: tf.Tensor
    ) -> tf.Tensor:
        some = tf.gather(images, missing), tf.gather(classes, missing)
        found = rows_of(*some)
        tf.numpy_function(kept.keep, [*some, found], [])
        return tf.tensor_scatter_nd_update(rows, missing[:, None], found)

    def directions(
        images: tf.Tensor, labels: tf.Tensor, wrong: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        del labels, seed
        rows, known = tf.numpy_function(
            kept.recall, [images, wrong], [tf.float32, tf.bool]
        )
        rows = tf.ensure_shape(rows, [images.shape[0], kept.width])
        missing = tf.reshape(tf.where(~known), [-1])
        rows = tf.cond(
            tf.size(missing) > 0,
            lambda: completed(images, wrong, rows, missing),
            lambda: rows,
        )
        latents = rows[:, : networks.latent_size]
        return networks.generator(with_classes(latents, wrong)) - images

    return directions


def row_width(latent_size: int) -> int:
    """Numbers that are kept of a search."""
    return latent_size + _EXTRAS


def summary(kept: KeptRows, latent_size: int) -> Callable[[], dict[str, Any]]:
    """What gives metrics of all that was asked for in this process.

    Returns:
      () -> `num_searched`; the mean `search_loss`; `latent_rms`, which is 1 for latents
      of the prior; and `judged_right`, the share of images of which the judge says
      that they are of their class, None without a judge.
    """

    def metrics() -> dict[str, Any]:
        rows = kept.asked().astype(np.float64)
        if not len(rows):
            return {"num_searched": 0}
        latents, loss, right = np.split(rows, [latent_size, latent_size + 1], axis=1)
        return {
            "num_searched": len(rows),
            "search_loss": float(loss.mean()),
            "latent_rms": float(np.sqrt(np.mean(latents**2))),
            "judged_right": float(right.mean()) if right.min() >= 0 else None,
        }

    return metrics
