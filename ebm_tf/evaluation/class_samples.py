"""How good samples are, of classes or not: distances, classes and diversity."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ebm_tf import pixels
from ebm_tf.attacks.outcomes import predicted
from ebm_tf.config.fid import distance_name
from ebm_tf.config.parts import Data
from ebm_tf.data.pipelines import load_images
from ebm_tf.data.sources import Source, positions_at_random, subset
from ebm_tf.evaluation.class_agreement import MOST_IMAGES, Judges, class_metrics, judges
from ebm_tf.evaluation.distal import shown_classes
from ebm_tf.evaluation.diversity import diversity, spreads
from ebm_tf.evaluation.features import Extractor, extracted
from ebm_tf.evaluation.summaries import Summary, compare, summarize
from ebm_tf.protocols import Classifier
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.rows import over_rows
from ebm_tf.runtime.seeds import Purpose

MOST_IN_A_ROW = 10

MEANINGS = {
    "samples": "images in 8 bits, chosen by chance alone; Fréchet and kernel "
    "distances, precision and recall are by the features that are named, against "
    "images of learning; "
    "class_agreement is the share of samples that are of the class asked for, by the "
    "classifier itself and by a logistic regression on pixels, with 95 % intervals of "
    "Wilson; diversity is the mean distance of two samples of a class, by these "
    "features, over that of two real images of it"
}


class Standard(NamedTuple):
    """What samples are measured by.

    Attributes:
      extractor: of features.
      replicas: the devices.
      reference: of the features of real images.
      judged_by: who says of which class samples are.
      spreads: of the features of real images of each class.
      num_classes: of the classifier.
      seed: of the run.
    """

    extractor: Extractor
    replicas: Replicas
    reference: Summary
    judged_by: Judges
    spreads: Mapping[int, float]
    num_classes: int
    seed: int


class Labelled(NamedTuple):
    """Real images, and whether there are classes among them.

    Attributes:
      source: images of learning.
      data: their size.
      test: images and labels by which judges of classes are judged.
    """

    source: Source
    data: Data
    test: tuple[np.ndarray, np.ndarray]


def make_standard(
    classifier: Classifier | None,
    real: Labelled,
    reference: Summary,
    extractor: Extractor,
    replicas: Replicas,
    *,
    num_classes: int,
    batch: int,
    seed: int,
) -> Standard:
    """Fits the independent judge, and measures how much real images differ.

    Only the first worker asks the classifier.

    Args:
      classifier: that generates; None of an energy that has no classes.
      real: images of learning, and others.
      reference: what samples are compared with.
      extractor: of features.
      replicas: the devices.
      num_classes: of the classifier, or of the images.
      batch: images at once.
      seed: of the run, by which some of the images are drawn.
    """
    chosen = positions_at_random(
        real.source.num_examples, MOST_IMAGES, seeds.integer(seed, Purpose.STATISTICS)
    )
    images, labels = load_images(subset(real.source, chosen), real.data)
    itself = classifier and over_rows(
        functools.partial(_classes, classifier), replicas, batch, together=False
    )
    vectors = _features(pixels.to_bytes(images), extractor, replicas)
    return Standard(
        extractor,
        replicas,
        reference,
        judges(itself, (images, labels), real.test),
        spreads(vectors[labels >= 0], labels[labels >= 0]),
        num_classes,
        seed,
    )


def _classes(classifier: Classifier, images: Any) -> Any:
    return predicted(classifier(images))


def _features(
    images: np.ndarray, extractor: Extractor, replicas: Replicas
) -> np.ndarray:
    parts = [vectors for vectors, _ in extracted([images], extractor, replicas)]
    return np.concatenate(parts)


def sample_metrics(
    standard: Standard, images: np.ndarray, labels: Any
) -> dict[str, Any]:
    """All metrics of samples uint8 [n, H, W, C], asked to be of classes int [n] or ().

    Returns:
      Those of `summaries.compare` and `class_agreement.class_metrics`, and of samples
      that have classes those of `diversity`.
    """
    features = list(extracted([images], standard.extractor, standard.replicas))
    summary = summarize(iter(features), len(images))
    found = {
        **compare(summary, standard.reference, standard.extractor.name, standard.seed),
        **class_metrics(
            standard.judged_by,
            pixels.from_bytes(images).numpy(),
            labels,
            standard.num_classes,
        ),
    }
    if isinstance(labels, tuple):
        return found
    vectors = np.concatenate([vectors for vectors, _ in features])
    return found | diversity(vectors, labels, standard.spreads)


def summary_line(metrics: Mapping[str, Any], features: str) -> str:
    """The main metrics of a set of samples, for people."""
    distance = metrics.get(distance_name(features))
    if distance is None:
        return f"{metrics['num_not_finite']} of them are not finite"
    agreed = metrics.get("class_agreement", {})
    words = [f"{name} agrees with {one['share']:.3f}" for name, one in agreed.items()]
    if metrics.get("diversity") is not None:
        words.append(f"diversity {metrics['diversity']:.2f}")
    return "; ".join([f"{distance_name(features)} {distance:.3f}", *words])


def rows_of_classes(
    images: np.ndarray, labels: np.ndarray, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Up to ten classes [c], and the first few images [c * m, ...] of each."""
    classes = shown_classes(num_classes)
    present = np.unique(labels)
    if len(present) < len(classes):
        classes = present
    places = [np.flatnonzero(labels == label) for label in classes]
    kept = [(c, own) for c, own in zip(classes, places, strict=True) if len(own)]
    count = min([MOST_IN_A_ROW, *(len(own) for _, own in kept)])
    chosen = np.concatenate([own[:count] for _, own in kept])
    return np.array([c for c, _ in kept]), images[chosen]
