"""Sets of images compared: FID, KID, Inception Score, precision and recall."""

import os
from typing import Any, Literal

from ebm_tf.api.images import ImageSet, open_images
from ebm_tf.config.core import Device
from ebm_tf.config.fid import FeatureExtractor
from ebm_tf.config.parts import Data
from ebm_tf.errors import ConfigError, DataError
from ebm_tf.evaluation.features import CHUNK, Extractor, extracted, open_extractor
from ebm_tf.evaluation.frechet import load_moments
from ebm_tf.evaluation.summaries import Summary, compare, published, summarize
from ebm_tf.pixels import PixelRange
from ebm_tf.runtime.bounded_arrays import array_names
from ebm_tf.runtime.distribution import Replicas, make_replicas
from ebm_tf.store.models import CLASSIFIER
from ebm_tf.store.sources import find

FeatureName = Literal["inception_2015", "inception_keras", "classifier", "pixels"]


def evaluate(
    images: Any,
    reference: Any,
    *,
    features: FeatureName,
    weights: str | None = None,
    image_size: int | None = None,
    channels: int | None = None,
    pixel_range: PixelRange = "-1..1",
    seed: int = 0,
    device: Device = "auto",
) -> dict[str, Any]:
    """Compares images with others, all of them rounded to bytes, as `fid.py` does.

    Args:
      images: an array [n, H, W, C], or the path of a folder or zip of image files, or
        of an npz or npy file; see `open_images`.
      reference: likewise; or an npz file of moments, `mu` and `sigma`.
      features: by what they are compared: "inception_2015", by which published
        distances are made; "inception_keras", "classifier" and "pixels", which are
        comparable with themselves only.
      weights: of the extractor: the graph of 2015; or the run or release of a
        classifier.
      image_size: to which files are cropped and scaled; all have one size if None.
      channels: 1 or 3, to which files are turned; those of the first if None.
      pixel_range: of floats in arrays.
      seed: which subsets the kernel distance draws.
      device: "auto", "cpu", "gpu" or "tpu".

    Returns:
      `fid`, `kid`, `inception_score`, `precision`, `recall` and others as `fid.py`
      reports them, and what they were made with: `features`, `feature_weights`,
      `resize`.

    Raises:
      UserError: if images or weights are missing, or the two sets differ in size.
    """
    how = {"image_size": image_size, "channels": channels, "pixel_range": pixel_range}
    samples = open_images(images, **how)
    moments = _moments(reference)
    others = None if moments else open_images(reference, **how)
    if others is not None and others.shape != samples.shape:
        raise DataError(
            f"Expected images of one shape, got {list(samples.shape)} of "
            f"{samples.origin} and {list(others.shape)} of {others.origin}."
        )
    replicas = make_replicas(device)
    extractor = _extractor(features, weights, samples, replicas)
    if moments is not None and len(moments.whole.mean) != extractor.size:
        raise ConfigError(
            f"Expected the moments {reference} to have {extractor.size} dimensions "
            f"like the features {features}, got {len(moments.whole.mean)}."
        )
    standard = moments or _summary(others, extractor, replicas, num_parts=1)
    return {
        **compare(_summary(samples, extractor, replicas), standard, seed),
        "features": extractor.name,
        "feature_weights": extractor.weights,
        "resize": extractor.resize,
    }


def _moments(reference: Any) -> Summary | None:
    """What is known of moments, where a file of them is named."""
    if not isinstance(reference, str | os.PathLike):
        return None
    path = os.fspath(reference)
    if not (path.endswith(".npz") and os.path.isfile(path)):
        return None
    with open(path, "rb") as file:
        has_moments = "mu" in array_names(file)
    return published(load_moments(path)) if has_moments else None


def _extractor(
    name: FeatureName, weights: str | None, images: ImageSet, replicas: Replicas
) -> Extractor:
    height, width, channels = images.shape
    if height != width:
        raise DataError(
            f"Expected square images, got {height}x{width}: say image_size."
        )
    classifier = None
    if name == "classifier" and weights is not None:
        classifier = find(weights).network(CLASSIFIER)
        if classifier is None:
            raise ConfigError(
                f"Expected weights={weights} to be a run or a release, which says what "
                "network they are for."
            )
    if name == "classifier" and weights is None:
        raise ConfigError(
            "features='classifier' needs weights: a run folder or release:NAME."
        )
    settings = FeatureExtractor(name=name, weights=weights, classifier=classifier)
    data = Data(name=images.origin, image_size=height, channels=channels)
    return open_extractor(settings, data, replicas)


def _summary(
    images: ImageSet | None, extractor: Extractor, replicas: Replicas, **how: int
) -> Summary:
    if images is None or len(images) < 2:
        raise DataError("Expected two images at least in each set.")
    parts = images.parts(CHUNK * replicas.num_local)
    return summarize(extracted(parts, extractor, replicas), len(images), **how)
