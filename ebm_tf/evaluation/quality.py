"""How close samples are to the images they should be like."""

import functools
import math
from typing import Any

import numpy as np

from ebm_tf.config.fid import distance_name
from ebm_tf.config.parts import Data, Samples
from ebm_tf.data.pipelines import load_images
from ebm_tf.data.sources import Source
from ebm_tf.evaluation.frechet import Moments, frechet_distance, merge, moments
from ebm_tf.evaluation.neighbours import class_shares
from ebm_tf.runtime import plots
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.sampling.chain_runner import EbmSampling

CHUNK = 5000
MOST_DIMENSIONS = 3072
MOST_IMAGES = 50_000
NUM_PICTURED = 100
DISTANCE = distance_name("pixels")  # of what is measured here
MOST_CLASS_DIMENSIONS = 1024
MOST_CLASS_IMAGES = 5000


def pixel_moments(images: np.ndarray) -> Moments:
    """The moments of images [n, H, W, C] as vectors, without a float64 copy of all."""
    vectors = images.reshape(len(images), -1)
    starts = range(0, len(vectors), CHUNK)
    return functools.reduce(
        merge, (moments(vectors[start : start + CHUNK]) for start in starts)
    )


def pixel_distance(samples: np.ndarray, reference: Moments) -> float:
    """The Fréchet distance of images [n, H, W, C], clipped to [-1, 1], to moments.

    It is NaN where a sample is not finite.
    """
    if not np.isfinite(samples).all():
        return math.nan
    return frechet_distance(pixel_moments(np.clip(samples, -1.0, 1.0)), reference)


def measure_pixels(
    samples: np.ndarray, images: np.ndarray, labels: np.ndarray
) -> dict[str, Any]:
    """Metrics of samples against a dataset, in raw pixels in [-1, 1].

    Args:
      samples: [n, H, W, C]; they are clipped to [-1, 1], as pictures of them are.
      images: [m, H, W, C].
      labels: int [m], -1 where there is none.

    Returns:
      `frechet_pixels`, and for labelled images of at most 1,024 dimensions the
      `class_shares` of the samples, by a classifier of the first 5,000 images. Where
      samples are not finite nothing is measured, and `num_not_finite` counts them.
    """
    finite = np.isfinite(samples).all(axis=(1, 2, 3))
    metrics: dict[str, Any] = {
        DISTANCE: None,
        "num_samples": len(samples),
        "num_images": len(images),
    }
    if not finite.all():
        return metrics | {"num_not_finite": int(np.sum(~finite))}
    samples = np.clip(samples, -1.0, 1.0)
    metrics[DISTANCE] = pixel_distance(samples, pixel_moments(images))
    classes = np.unique(labels)
    labelled = classes.min() >= 0 and len(classes) > 1
    if samples[0].size <= MOST_CLASS_DIMENSIONS and labelled:
        few = slice(MOST_CLASS_IMAGES)
        metrics["class_shares"] = class_shares(samples, images[few], labels[few])
    return metrics


def measure_chains(
    chains: EbmSampling, settings: Samples, workspace: Workspace
) -> dict[str, Any]:
    """Draws fresh chains, animates them, and measures where they end.

    Returns:
      The metrics, on the first worker.
    """
    workspace.log(f"Sampling {settings.num_samples} fresh chains.")
    samples, frames = chains.fresh_samples(settings), chains.frames(settings.num_steps)
    if not workspace.is_chief:
        return {}
    plots.save_animation(workspace.path("images", "chains.gif"), frames)
    return measure_samples(samples, chains.source, chains.config.data, workspace)


def measure_samples(
    samples: np.ndarray, source: Source | None, data: Data, workspace: Workspace
) -> dict[str, Any]:
    """Shows samples [n, H, W, C] and measures them against the data.

    Nothing is measured where there is no data, or where images are too large for it.
    """
    plots.save_grid(workspace.path("images", "samples.png"), samples[:NUM_PICTURED])
    if source is None or samples[0].size > MOST_DIMENSIONS:
        return {DISTANCE: None, "num_samples": len(samples)}
    return measure_pixels(samples, *load_images(source, data, limit=MOST_IMAGES))
