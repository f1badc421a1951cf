"""Attacks on any classifier: a function, a Keras model, a model of this program."""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.api.chains import in_inference
from ebm_tf.api.images import as_images
from ebm_tf.api.models import Model, rounded_up
from ebm_tf.config.attacks import AutoAttack, Ball, CarliniWagner, Pgd, PgdLoss
from ebm_tf.config.core import Device
from ebm_tf.config.robustness import ClassifierAttacks
from ebm_tf.errors import ConfigError, DataError
from ebm_tf.evaluation import attacked as measured
from ebm_tf.evaluation.attack_phases import Phases, named_attacks, notes
from ebm_tf.models.trials import looks_like_probabilities
from ebm_tf.pixels import PixelRange
from ebm_tf.protocols import Classifier
from ebm_tf.runtime.distribution import make_replicas

Norm = Literal["linf", "l2"]
# What a classifier gives for each image and class.
Outputs = Literal["logits", "probabilities"]
# Images [n, H, W, C] -> [n, k]; or a Keras model that does so; or a `Model`.
ClassifierLike = Callable[..., Any] | Model
FEW = 10  # images by whose outputs a classifier is checked
_TINY = 1e-30  # so that the logarithm of a probability of 0 is a number


class AttackResult(NamedTuple):
    """What became of n images.

    Attributes:
      images: float32 [n, H, W, C] in the range that was stated: one in the ball that
        is misclassified where `broken`, else what the first attack left of it.
      broken: bool [n], whether the classifier errs, at the natural image or at this.
      predictions: int64 [n], at these images.
      natural_predictions: int64 [n].
      distances: float [n], the Euclidean distance to the nearest error that
        `carlini_wagner` found, inside the ball or not, in units of the range; 0 for
        images that are wrong to begin with, infinite where it found none. None of
        other attacks.
      metrics: `natural_accuracy`, `robust_accuracy` and others, with intervals as
        `attack.py` reports them; `warnings`, reasons not to believe them; and `notes`,
        what was done otherwise because there are few classes, where there is any.
    """

    images: np.ndarray
    broken: np.ndarray
    predictions: np.ndarray
    natural_predictions: np.ndarray
    distances: np.ndarray | None
    metrics: dict[str, Any]


def pgd(
    classifier: ClassifierLike,
    images: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    epsilon: float,
    pixel_range: PixelRange,
    norm: Norm = "linf",
    num_steps: int = 20,
    step_size: float | None = None,
    loss: PgdLoss = "cross_entropy",
    start: Literal["uniform", "normal", "natural"] = "uniform",
    num_restarts: int = 1,
    outputs: Outputs = "logits",
    seed: int = 0,
    batch: int = 100,
    device: Device = "auto",
) -> AttackResult:
    """Projected gradient ascent (Madry et al., 2018); one step of it is FGSM.

    Args:
      classifier: tensors [n, H, W, C] in `pixel_range` -> [n, k], by operations of
        TensorFlow; or a Keras model; or what `load` gives.
      images: [n, H, W, C] or [n, H, W], floats in `pixel_range` or bytes.
      labels: integers [n].
      epsilon: radius of the ball, in units of `pixel_range`: 8 / 255 of "0..1" is
        16 / 255 of "-1..1" and 8 of "0..255".
      pixel_range: of the images that the classifier takes, of those given and
        returned: "-1..1", "0..1" or "0..255".
      norm: of the ball, "linf" or "l2".
      num_steps: of ascent.
      step_size: in the same units as epsilon; a quarter of it if None.
      loss: what is raised; `Pgd` of `config/attacks.py` says more.
      start: where ascent begins.
      num_restarts: how often it is run; the best run counts.
      outputs: of the classifier. Gradients of probabilities vanish, so their
        logarithms are attacked.
      seed: of all random numbers.
      batch: images at once, over all devices; rounded up to a multiple of these.
      device: "auto", "cpu", "gpu" or "tpu".

    Raises:
      UserError: if images or labels do not fit, or outputs are not what is said.
    """
    step = epsilon / 4 if step_size is None else step_size
    settings = Pgd(
        loss=loss,
        num_steps=num_steps,
        step_size=_255ths(step, pixel_range),
        start=start,
        num_restarts=num_restarts,
    )
    attacks = ClassifierAttacks(
        name="pgd",
        pgd=settings,
        auto_attack=None,
        **_where(epsilon, norm, pixel_range, seed, batch, device),
    )
    return _attacked(attacks, classifier, images, labels, pixel_range, outputs)


def auto_attack(
    classifier: ClassifierLike,
    images: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    epsilon: float,
    pixel_range: PixelRange,
    norm: Norm = "linf",
    settings: AutoAttack | None = None,
    outputs: Outputs = "logits",
    seed: int = 0,
    batch: int = 100,
    device: Device = "auto",
) -> AttackResult:
    """The ensemble of Croce and Hein (2020): APGD-CE, APGD-T, FAB-T and Square.

    Args:
      classifier: as `pgd` takes it, likewise all that is not explained here.
      images: likewise.
      labels: likewise.
      epsilon: likewise.
      pixel_range: likewise.
      norm: likewise.
      settings: version and budgets; the published ones if None. `AutoAttack(
        version="rand")` is for classifiers with randomness.
      outputs: likewise.
      seed: likewise.
      batch: likewise.
      device: likewise.

    Raises:
      UserError: as `pgd`.
    """
    attacks = ClassifierAttacks(
        name="auto_attack",
        pgd=None,
        auto_attack=settings or AutoAttack(),
        **_where(epsilon, norm, pixel_range, seed, batch, device),
    )
    return _attacked(attacks, classifier, images, labels, pixel_range, outputs)


def carlini_wagner(
    classifier: ClassifierLike,
    images: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    pixel_range: PixelRange,
    epsilon: float | None = None,
    settings: CarliniWagner | None = None,
    outputs: Outputs = "logits",
    seed: int = 0,
    batch: int = 100,
    device: Device = "auto",
) -> AttackResult:
    """The l2 attack of Carlini and Wagner (2017), which looks for the nearest error.

    Args:
      classifier: as `pgd` takes it, likewise all that is not explained here.
      images: likewise.
      labels: likewise.
      pixel_range: likewise.
      epsilon: an error counts inside this l2 radius, in units of `pixel_range`; at
        any distance if None. `distances` are those of all errors.
      settings: steps, rates and confidence; the published ones if None.
      outputs: likewise.
      seed: likewise.
      batch: likewise.
      device: likewise.

    Raises:
      UserError: as `pgd`.
    """
    if epsilon is None:  # the diagonal of all images that there are
        epsilon = pixels.range_width(pixel_range) * math.sqrt(np.size(images))
    attacks = ClassifierAttacks(
        name="carlini_wagner",
        pgd=None,
        auto_attack=None,
        carlini_wagner=settings or CarliniWagner(),
        **_where(epsilon, "l2", pixel_range, seed, batch, device),
    )
    return _attacked(attacks, classifier, images, labels, pixel_range, outputs)


def _255ths(length: float, pixel_range: PixelRange) -> float:
    """A length in units of a range, in 255ths of it."""
    return length * 255 / pixels.range_width(pixel_range)


def _where(
    epsilon: float,
    norm: Norm,
    pixel_range: PixelRange,
    seed: int,
    batch: int,
    device: Device,
) -> dict[str, Any]:
    return {
        "ball": Ball(norm=norm, epsilon=_255ths(epsilon, pixel_range)),
        "seed": seed,
        "batch": rounded_up(batch, make_replicas(device)),
        "device": device,
    }


def _attacked(
    attacks: ClassifierAttacks,
    classifier: ClassifierLike,
    images: npt.ArrayLike,
    labels: npt.ArrayLike,
    pixel_range: PixelRange,
    outputs: Outputs,
) -> AttackResult:
    natural, replicas = as_images(images, pixel_range), make_replicas(attacks.device)
    logits = as_classifier(classifier, pixel_range, outputs)
    classes = _labels(labels, natural, logits(tf.constant(natural[:FEW])).numpy())
    phases = Phases(
        attacks,
        replicas,
        None,
        natural,
        classes,
        logits,
        named_attacks(attacks, logits),
    )
    found = measured.attack_all(phases)
    verdicts, metrics = found.verdicts, measured.metrics(phases, found)
    if remarks := list(notes(attacks, found.natural["logits"].shape[1])):
        metrics["notes"] = remarks
    return AttackResult(
        pixels.to_range(verdicts.images, pixel_range),
        verdicts.broken_by >= 0,
        verdicts.predictions,
        found.natural["prediction"],
        _distances(found, pixel_range),
        metrics,
    )


def as_classifier(
    classifier: ClassifierLike, pixel_range: PixelRange, outputs: Outputs = "logits"
) -> Classifier:
    """Logits of images in [-1, 1], of what a script has."""
    if isinstance(classifier, Model):
        return classifier.networks.classifier
    call = in_inference(classifier)

    def logits(images: tf.Tensor) -> tf.Tensor:
        values = tf.convert_to_tensor(call(pixels.to_range(images, pixel_range)))
        if values.shape.rank != 2 or values.shape[0] != images.shape[0]:
            raise ConfigError(
                f"Expected a classifier that gives [n, k] for {images.shape[0]} "
                f"images, got an output of the shape {values.shape.as_list()}."
            )
        values = tf.cast(values, tf.float32)
        return tf.math.log(values + _TINY) if outputs == "probabilities" else values

    return logits


def _labels(
    labels: npt.ArrayLike, images: np.ndarray, logits: np.ndarray
) -> np.ndarray:
    """The labels int64 [n], given the logits [m, k] of some images, which are checked.

    Raises:
      UserError: if labels are no classes, or logits no logits.
    """
    if looks_like_probabilities(logits):
        raise ConfigError(
            "The outputs of the classifier look like probabilities, whose gradients "
            "vanish: say outputs='probabilities', or give the logits."
        )
    found = np.asarray(labels)
    if found.shape != images.shape[:1] or found.dtype.kind not in "iu":
        raise DataError(
            f"Expected labels to be {len(images)} integers, one for each image, got "
            f"{found.dtype} of the shape {list(found.shape)}."
        )
    num_classes = logits.shape[-1]
    if found.min() < 0 or found.max() >= num_classes:
        raise DataError(
            f"Expected labels of {num_classes} classes, got {found.min()} to "
            f"{found.max()}."
        )
    return found.astype(np.int64)


def _distances(found: measured.Findings, pixel_range: PixelRange) -> np.ndarray | None:
    if (nearest := measured.distances(found)) is None:
        return None
    chosen, distances = nearest
    everywhere = np.zeros(len(found.verdicts.broken_by))
    everywhere[chosen] = distances * (pixels.range_width(pixel_range) / 2)
    return everywhere
