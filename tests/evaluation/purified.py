"""Small measurements of purified classifiers, their evaluators and gradients."""

import tensorflow as tf

from ebm_tf.attacks.purified_gradients import expected
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.defense import DefenseMeasurement
from ebm_tf.config.parts import Data, Langevin
from ebm_tf.defenses.voting import mean_logits, replicate_logits
from ebm_tf.evaluation.purified_evaluator import Evaluator

KEY = tf.constant([5, 6])
MOST_AT_ONCE = 50


def measurement(**given) -> DefenseMeasurement:
    """A ball, an attack and a defence are given."""
    return DefenseMeasurement(
        name="small",
        data=Data(name="digits", image_size=8, channels=1),
        langevin=Langevin(noise=0.1),
        temperature=1.0,
        classifier=ClassifierNetwork(),
        num_final_replicates=8,
        **given,
    )


def evaluator_of(config, classify) -> Evaluator:
    """By the mean logits of a purified classifier, (images, seeds) -> logits."""

    def logits(images, seed, num_replicates):
        return replicate_logits(
            classify, images, seed, num_replicates, most_at_once=MOST_AT_ONCE
        )

    return Evaluator(config, logits, KEY)


def ascents_of(estimator, loss, average, num_replicates):
    """Labels -> loss and gradient of their images, by (logits, labels, average)."""
    return lambda labels: expected(
        estimator,
        lambda logits: loss(logits, labels, average),
        mean_logits,
        num_replicates,
    )
