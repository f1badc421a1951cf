"""What one replica does with its part of a batch: it attacks, and judges."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from ebm_tf.attacks.outcomes import errs, predicted
from ebm_tf.protocols import AttackFn, Classifier
from ebm_tf.runtime.distribution import Replicas, on_each


class Piece(NamedTuple):
    """The part of a batch that one replica works on.

    Attributes:
      images: float32 [n, H, W, C].
      labels: int64 [n].
      epsilon: float32 [n], radii in units of images in [-1, 1].
      key: int32 [2].
    """

    images: Any
    labels: Any
    epsilon: Any
    key: Any


PieceFn = Callable[[Piece], dict[str, tf.Tensor]]


def judging(classifier: Classifier, num_verifications: int) -> PieceFn:
    """Says of images whether the majority of several evaluations errs.

    Args:
      classifier: images -> logits.
      num_verifications: evaluations; one is enough where nothing is random.

    Returns:
      piece -> "broken" bool [n], "logits" float32 [n, k] of the first evaluation and
      "prediction" int64 [n] by the mean logits, -1 where they are not finite.
    """

    def judge(piece: Piece) -> dict[str, tf.Tensor]:
        logits = [classifier(piece.images) for _ in range(num_verifications)]
        errors = [errs(values, piece.labels) for values in logits]
        count = tf.add_n([tf.cast(error, tf.int32) for error in errors])
        mean = tf.add_n(logits)
        return {
            "broken": 2 * count > num_verifications,
            "logits": logits[0],
            "prediction": predicted(mean),
        }

    return judge


def attacking(attack: AttackFn, judge: PieceFn) -> PieceFn:
    """Attacks images and has the result judged anew.

    Returns:
      piece -> what the judge says, "images", "claimed", the attack's own verdict, and
      its info, its names after "info_".
    """

    def run(piece: Piece) -> dict[str, tf.Tensor]:
        attacked = attack(piece.images, piece.labels, piece.epsilon, piece.key)
        info = {f"info_{name}": value for name, value in attacked.info.items()}
        verdict = judge(piece._replace(images=attacked.images))
        del verdict["logits"]
        return {
            "images": attacked.images,
            "claimed": attacked.broken,
            **verdict,
            **info,
        }

    return run


def compiled(replicas: Replicas, function: PieceFn) -> Callable:
    """Compiles a function of pieces into one of all replicas."""
    inner = tf.function(function, jit_compile=replicas.jit, autograph=False)
    return on_each(replicas, lambda piece, _: inner(piece))
