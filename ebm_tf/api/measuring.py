"""Sets of images compared: FID, KID, Inception Score, precision and recall."""

import dataclasses
import os
from typing import Any

from ebm_tf.api.images import ImageSet, open_images
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import Device
from ebm_tf.config.fid import FeatureExtractor, FeatureName
from ebm_tf.config.kinds import is_own
from ebm_tf.config.own_networks import OwnNetwork, require_own
from ebm_tf.config.parts import Data
from ebm_tf.errors import ConfigError, DataError
from ebm_tf.evaluation.features import CHUNK, Extractor, extracted, open_extractor
from ebm_tf.evaluation.frechet import load_moments
from ebm_tf.evaluation.summaries import Summary, compare, published, summarize
from ebm_tf.pixels import PixelRange
from ebm_tf.runtime.bounded_arrays import array_names
from ebm_tf.runtime.distribution import Replicas, make_replicas
from ebm_tf.store.network_sources import CLASSIFIER
from ebm_tf.store.own_networks import use_of
from ebm_tf.store.sources import find


def evaluate(
    images: Any,
    reference: Any,
    *,
    features: FeatureName,
    weights: str | None = None,
    network: OwnNetwork | None = None,
    image_size: int | None = None,
    channels: int | None = None,
    pixel_range: PixelRange = "-1..1",
    skip_unreadable: bool = False,
    seed: int = 0,
    device: Device = "auto",
) -> dict[str, Any]:
    """Compares images with others, all of them rounded to bytes, as `fid.py` does.

    Args:
      images: an array [n, H, W, C], or the path of a folder or zip of image files, or
        of an npz or npy file; see `read_images`.
      reference: likewise; or an npz file of moments, `mu` and `sigma`.
      features: by what they are compared: "inception_2015", by which published
        distances are made; "inception_keras", "classifier" and "pixels", which are
        comparable with themselves only.
      weights: of the extractor: the graph of 2015; or the run or release of a
        classifier, or one of one's own, FILE.keras or FILE.py:function.
      network: of one's own, its pixels and sizes. Its pixels are those of `pixel_range`
        if None; a function needs its classes.
      image_size: to which files are cropped and scaled; all have one size if None.
      channels: 1 or 3, to which files are turned; those of the first if None.
      pixel_range: of floats in arrays.
      skip_unreadable: whether files that cannot be read are left out, not an error.
      seed: which subsets the kernel distance draws.
      device: "auto", "cpu", "gpu" or "tpu".

    Returns:
      `fid`, `kid`, `inception_score`, `precision`, `recall` and others as `fid.py`
      reports them, and what they were made with: `features`, `feature_weights`,
      `resize`. Distances by other features than inception_2015 have their names:
      `frechet_pixels` and `kernel_pixels`.

    Raises:
      UserError: if images or weights are missing, or the two sets differ in size.
    """
    if network is not None:
        require_own(network, weights)
    parts = comparison(
        images,
        reference,
        features=features,
        weights=weights,
        network=network or OwnNetwork(pixel_range=pixel_range),
        image_size=image_size,
        channels=channels,
        pixel_range=pixel_range,
        skip_unreadable=skip_unreadable,
        device=device,
    )
    return parts.measured(seed)


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """Two sets of images, and what they are compared by.

    Attributes:
      images: the first set.
      reference: the second one; None where only its moments are known.
      moments: these, if so.
      extractor: of the features.
      replicas: the devices.
    """

    images: ImageSet
    reference: ImageSet | None
    moments: Summary | None
    extractor: Extractor
    replicas: Replicas

    def measured(self, seed: int) -> dict[str, Any]:
        """The metrics, and what they were made with; see `evaluate`."""
        extractor, replicas = self.extractor, self.replicas
        standard = self.moments or _summary(
            self.reference, extractor, replicas, num_parts=1
        )
        samples = _summary(self.images, extractor, replicas)
        return {
            **compare(samples, standard, extractor.name, seed),
            "features": extractor.name,
            "feature_weights": extractor.weights,
            "resize": extractor.resize,
        }

    def notes(self) -> list[str]:
        """What a user should know of the images that were read."""
        sets = (self.images, self.reference)
        return [note for one in sets if one is not None for note in one.notes()]


def comparison(
    images: Any,
    reference: Any,
    *,
    features: FeatureName,
    weights: str | None = None,
    network: OwnNetwork,
    device: Device = "auto",
    **how: Any,
) -> Comparison:
    """Opens what `evaluate` compares; `how` are further arguments of `open_images`.

    Raises:
      UserError: if images or weights are missing, or the two sets differ in size.
    """
    samples = open_images(images, **how)
    moments = _moments(reference)
    others = None if moments else open_images(reference, **how)
    if others is not None and others.shape != samples.shape:
        raise DataError(
            f"Expected images of one shape, got {list(samples.shape)} of "
            f"{samples.origin} and {list(others.shape)} of {others.origin}: say "
            "image_size and channels."
        )
    replicas = make_replicas(device)
    extractor = _extractor(features, weights, network, samples, replicas)
    if moments is not None and len(moments.whole.mean) != extractor.size:
        raise ConfigError(
            f"Expected the moments {reference} to have {extractor.size} dimensions "
            f"like the features {features}, got {len(moments.whole.mean)}."
        )
    return Comparison(samples, others, moments, extractor, replicas)


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
    name: FeatureName,
    weights: str | None,
    network: OwnNetwork,
    images: ImageSet,
    replicas: Replicas,
) -> Extractor:
    height, width, channels = images.shape
    if height != width:
        raise DataError(
            f"Expected square images, got {height}x{width}: say image_size."
        )
    data = Data(name=images.origin, image_size=height, channels=channels)
    classifier = _classifier(weights, network, data) if name == "classifier" else None
    settings = FeatureExtractor(name=name, weights=weights, classifier=classifier)
    return open_extractor(settings, data, replicas)


def _classifier(
    weights: str | None, network: OwnNetwork, data: Data
) -> ClassifierNetwork:
    """The settings of the classifier that weights name, for such images."""
    if weights is None:
        raise ConfigError(
            "features='classifier' needs weights: a run folder, release:NAME, "
            "FILE.keras or FILE.py:function."
        )
    if not is_own(weights):
        found = find(weights).network(CLASSIFIER)
    else:
        sizes = {"image_size": data.image_size, "channels": data.channels}
        said = {name: getattr(network, name) or sizes[name] for name in sizes}
        found = use_of(weights, dataclasses.replace(network, **said)).classifier
    if found is None:
        raise ConfigError(
            f"Expected weights={weights} to be of a classifier, and to say what "
            "network they are for: a run, a release, FILE.keras, or FILE.py:function "
            "with network.num_classes."
        )
    return found


def _summary(
    images: ImageSet | None, extractor: Extractor, replicas: Replicas, **how: int
) -> Summary:
    if images is None or len(images) < 2:
        raise DataError("Expected two images at least in each set.")
    parts = images.parts(CHUNK * replicas.num_local)
    return summarize(extracted(parts, extractor, replicas), len(images), **how)
