"""The gradients of a classifier beside directions to other classes, and the figures."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.config.alignment import AlignmentMeasurement
from ebm_tf.directions.alignment import considered, cosine, linear_distances, linearised
from ebm_tf.evaluation.batch_files import Arrays
from ebm_tf.evaluation.energy_statistics import statistics
from ebm_tf.protocols import Classifier, Directions
from ebm_tf.runtime import seeds
from ebm_tf.runtime.seeds import Purpose

# The gradients that are compared; the first is that of eq. 8.
GRADIENTS = {
    "closest": "f_c - f_y of the label y and the wrong class c at the least linear "
    "distance",
    "of_prediction": "f_c - f_p of the prediction p and the class c nearest to it",
    "prediction": "f_p",
    "label": "f_y",
}
# Arrays that are images, to be looked at.
PICTURES = ("gradient", "differences", "estimate")
MEANINGS = {
    "alpha_dx": "cosine of a gradient and the direction x' - x to the nearest image of "
    "the closest wrong class, in [-1, 1]",
    "alpha_x": "absolute cosine of a gradient and the image x itself, in [0, 1]; the "
    "gradient is that of f_c - f_y of two classes, of f_p of more",
    "gradients": GRADIENTS,
    "alpha_x_unit": "the same with pixels in [0, 1]",
    "alpha_x_centred": "the same with the mean of each image taken off",
    "estimate_cosine": "cosine of estimated and true directions",
    "norms": "Euclidean, of x, of x' - x and of x', by label",
    "statistics": "means with 95 % intervals of the percentile bootstrap; all: all "
    "images, right: those that are classified rightly",
    "lengths": "units of images in [-1, 1]",
}


def gradient_rows(
    classifier: Classifier,
    directions: Directions,
    estimated: Directions | None,
    *,
    num_wrong: int | None = None,
) -> Callable:
    """The function of rows (images, labels, key) -> arrays of each image by name.

    They are "logits", "classes" among which the closest was sought, their linear
    "distances" [n, m], "wrong" (the closest wrong class), "prediction", "gradient" (of
    f_c - f_y), "differences" (the directions), norms, and the alignments
    "alpha_dx/NAME" and "alpha_x/NAME" of each of GRADIENTS.

    Args:
      classifier: images -> logits.
      directions: that gradients are compared with.
      estimated: what is compared with these.
      num_wrong: the likeliest wrong classes that are considered; all if None.
    """

    def run(images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor) -> Arrays:
        logits = classifier(images)
        classes = considered(logits, labels, num_wrong)
        lines = linearised(classifier, images, classes)

        def place(which: tf.Tensor) -> tf.Tensor:
            return tf.argmax(tf.cast(classes == which[:, None], tf.int32), -1)

        def of(place: tf.Tensor) -> tf.Tensor:
            return tf.gather(lines[1], place, axis=1, batch_dims=1)

        label, prediction = place(labels), place(tf.argmax(logits, -1, labels.dtype))
        distances = linear_distances(*lines, label)
        closest = tf.argmin(distances, -1)
        nearest = tf.argmin(linear_distances(*lines, prediction), -1)
        wrong = tf.gather(classes, closest, axis=1, batch_dims=1)

        of_classes = (
            of(closest) - of(label),
            of(nearest) - of(prediction),
            of(prediction),
            of(label),
        )
        gradients = dict(zip(GRADIENTS, of_classes, strict=True))
        differences = directions(images, labels, wrong, key)
        found = {
            "logits": logits,
            "classes": classes,
            "distances": distances,
            "wrong": wrong,
            "prediction": tf.argmax(logits, -1),
            "gradient": gradients["closest"],
            "differences": differences,
            **_norms(images, differences),
            **_alignments(images, differences, gradients, logits.shape[-1]),
        }
        if estimated is not None:
            guess = estimated(images, labels, wrong, key)
            found |= {"estimate": guess, "estimate_cosine": cosine(guess, differences)}
        return found

    return run


def _norms(images: tf.Tensor, differences: tf.Tensor) -> Arrays:
    return {
        "norms/x": _lengths(images),
        "norms/difference": _lengths(differences),
        "norms/sum": _lengths(images + differences),
    }


def _alignments(
    images: tf.Tensor,
    differences: tf.Tensor,
    gradients: Mapping[str, tf.Tensor],
    num_classes: int,
) -> Arrays:
    """Of all gradients with directions and images, and those that are reported."""
    main = "closest" if num_classes == 2 else "prediction"
    centred = images - tf.reduce_mean(images, [1, 2, 3], keepdims=True)
    found = {
        "alpha_x_unit": tf.abs(cosine(pixels.to_unit(images), gradients[main])),
        "alpha_x_centred": tf.abs(cosine(centred, gradients[main])),
    }
    for name, gradient in gradients.items():
        found[f"alpha_dx/{name}"] = cosine(gradient, differences)
        found[f"alpha_x/{name}"] = tf.abs(cosine(images, gradient))
    found["alpha_dx"] = found["alpha_dx/closest"]
    found["alpha_x"] = found[f"alpha_x/{main}"]
    return found


def _lengths(images: tf.Tensor) -> tf.Tensor:
    return tf.norm(tf.reshape(images, [tf.shape(images)[0], -1]), axis=1)


def results(
    config: AlignmentMeasurement, found: Mapping[str, np.ndarray], labels: np.ndarray
) -> dict[str, Any]:
    """Statistics of all alignments and norms, on all and on rightly classified images.

    Args:
      config: of the measurement.
      found: arrays [n] by the names of `gradient_rows`.
      labels: int64 [n].
    """
    draws = {
        "num_draws": config.num_draws,
        "seed": seeds.integer(config.seed, Purpose.STATISTICS),
    }
    aligned = {
        name: np.asarray(values, np.float64)
        for name, values in found.items()
        if name.startswith("alpha") or name == "estimate_cosine"
    }
    lengths = {
        name.partition("/")[2]: np.asarray(values, np.float64)
        for name, values in found.items()
        if name.startswith("norms/")
    }
    subsets = {
        "all": np.ones(len(labels), bool),
        "right": found["prediction"] == labels,
    }
    return {
        "alignments": {
            name: statistics(aligned, chosen, **draws)
            for name, chosen in subsets.items()
        },
        "norms": {
            str(label): statistics(lengths, labels == label, **draws)
            for label in np.unique(labels)
        },
    }


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The main figures of `results`, for people."""
    of_all = found["alignments"]["all"]
    for name in ("alpha_dx", "alpha_x", "estimate_cosine"):
        if name in of_all:
            low, high = of_all[name]["mean_interval"]
            yield f"{name}: {of_all[name]['mean']:.4f} ({low:.4f} to {high:.4f})"
