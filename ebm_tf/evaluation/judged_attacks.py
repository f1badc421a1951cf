"""What is done to images of a batch: they are attacked, and the result is judged."""

from collections.abc import Callable

import tensorflow as tf

from ebm_tf.attacks.auto_attack import auto_attack
from ebm_tf.attacks.carlini_wagner import carlini_wagner
from ebm_tf.attacks.outcomes import errs, predicted
from ebm_tf.attacks.pgd import pgd_attack
from ebm_tf.config.robustness import RobustnessMeasurement
from ebm_tf.protocols import AttackFn, Classifier

JudgeFn = Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]
# (images [n, H, W, C], labels [n], radii float32 [n], key) -> outcomes [n, ...].
PhaseFn = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]


def named_attacks(
    config: RobustnessMeasurement, classifier: Classifier
) -> dict[str, AttackFn]:
    """What is asked for, in its order: PGD, AutoAttack, Carlini and Wagner."""
    attacks: dict[str, AttackFn] = {}
    if config.pgd is not None:
        attacks["pgd"] = pgd_attack(classifier, config.pgd, config.ball)
    if config.auto_attack is not None:
        attacks |= auto_attack(classifier, config.auto_attack, config.ball)
    if config.carlini_wagner is not None:
        attack = carlini_wagner(classifier, config.carlini_wagner, config.ball)
        attacks["carlini_wagner"] = attack
    return attacks


def is_random(config: RobustnessMeasurement) -> bool:
    """Whether the classifier is said to answer at random."""
    return config.auto_attack is not None and config.auto_attack.version == "rand"


def judging(classifier: Classifier, num_verifications: int) -> JudgeFn:
    """Says of images whether the majority of several evaluations errs.

    Args:
      classifier: images -> logits.
      num_verifications: evaluations; one is enough where nothing is random.

    Returns:
      (images, labels) -> "broken" bool [n], "logits" float32 [n, k] of the first
      evaluation and "prediction" int64 [n] by the mean logits, -1 where they are not
      finite.
    """

    def judge(images: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = [classifier(images) for _ in range(num_verifications)]
        errors = [tf.cast(errs(values, labels), tf.int32) for values in logits]
        return {
            "broken": 2 * tf.add_n(errors) > num_verifications,
            "logits": logits[0],
            "prediction": predicted(tf.add_n(logits)),
        }

    return judge


def attacking(attack: AttackFn, judge: JudgeFn) -> PhaseFn:
    """Attacks images and has the result judged anew.

    Returns:
      What the judge says, "images", "claimed", the attack's own verdict, and its info,
      its names after "info_".
    """

    def run(
        images: tf.Tensor, labels: tf.Tensor, epsilon: tf.Tensor, key: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        attacked = attack(images, labels, epsilon, key)
        verdict = judge(attacked.images, labels)
        del verdict["logits"]
        return {
            "images": attacked.images,
            "claimed": attacked.broken,
            **verdict,
            **{f"info_{name}": value for name, value in attacked.info.items()},
        }

    return run
