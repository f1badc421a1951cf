"""A classifier behind purification, its attack and its evaluator, on all devices."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf.attacks import few_classes, purified_gradients
from ebm_tf.attacks.purified_gradients import Estimator
from ebm_tf.config.defense import DefenseMeasurement, PurifiedAutoAttack
from ebm_tf.defenses.purification import KernelFn, purification, purification_gradient
from ebm_tf.defenses.voting import VOTES, replicate_logits
from ebm_tf.evaluation.purified_attacks import (
    AutoAttackOnPurified,
    Evaluator,
    PgdOnPurified,
    PurifiedAttack,
)
from ebm_tf.models.ebm import EbmModels
from ebm_tf.protocols import AscentFn, Classifier, Defense
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.sampling.purifying import energy_of, over_chains, step_kernel


def purified_attack(
    config: DefenseMeasurement,
    replicas: Replicas,
    classifier: Classifier,
    models: EbmModels,
) -> tuple[PurifiedAttack, Callable[[Any, Any], np.ndarray]]:
    """The attack that the config asks for, with chains in chunks, and the defence.

    Args:
      config: the measurement.
      replicas: the devices.
      classifier: what is defended.
      models: the networks that purify, where any do.

    Returns:
      What attacks and evaluates images; and (images [n, H, W, C], seeds int32 [n, 2])
      -> purified images.
    """
    kernel = step_kernel(config.langevin, energy_of(config, models, replicas))
    in_chunks = functools.partial(over_chains, replicas=replicas, chunk=config.chunk)
    attack, scores = config.attack, VOTES[config.defense.vote]
    purify = purification(
        kernel, config.defense.num_steps, start_noise=config.defense.start_noise
    )
    estimator = Estimator(
        *map(in_chunks, _estimator(config, classifier, purify, kernel))
    )
    classify = in_chunks(lambda images, seed: classifier(purify(images, seed)))
    is_random = config.defense.is_random  # else all replicates are one
    is_averaged = is_random and attack.gradient != "transfer"
    num_replicates = attack.num_replicates if is_averaged else 1

    def ascents(loss: Callable[..., tf.Tensor]) -> Callable[[tf.Tensor], AscentFn]:
        return lambda labels: purified_gradients.expected(
            estimator,
            lambda logits: loss(logits, labels, attack.average),
            scores,
            num_replicates,
        )

    def voted(images: tf.Tensor, seed: tf.Tensor, num_replicates: int) -> tf.Tensor:
        num = num_replicates if is_random else 1
        return scores(
            replicate_logits(classify, images, seed, num, most_at_once=config.chunk)
        )

    evaluator = Evaluator(config, voted, seeds.key(config.seed, Purpose.ATTACKS))
    cross_entropy = ascents(purified_gradients.averaged_cross_entropy)
    if isinstance(attack, PurifiedAutoAttack):
        dlr = ascents(purified_gradients.averaged_dlr)
        by_name = {"apgd_ce": cross_entropy, "apgd_dlr": dlr}
        made = AutoAttackOnPurified(evaluator, attack, by_name)
    else:
        made = PgdOnPurified(evaluator, attack, cross_entropy)
    return made, in_chunks(purify)


def _estimator(
    config: DefenseMeasurement,
    classifier: Classifier,
    purify: Defense,
    kernel: KernelFn,
) -> Estimator:
    attack = config.attack
    if attack.gradient == "transfer":
        return purified_gradients.transfer(classifier)
    if attack.chain_steps is None:
        return purified_gradients.bpda(classifier, purify)
    noise = config.defense.start_noise
    return purified_gradients.through_chain(
        classifier,
        purification(kernel, attack.chain_steps, start_noise=noise),
        purification_gradient(kernel, attack.chain_steps, start_noise=noise),
    )


def description(config: DefenseMeasurement) -> Iterator[str]:
    """The defence and the attack, a line each."""
    defense, attack, ball = config.defense, config.attack, config.ball
    kind = "AutoAttack rand, " if isinstance(attack, PurifiedAutoAttack) else ""
    noise = defense.start_noise
    before = f" after normal noise of {noise:g}" if noise else ""
    yield (
        f"defence: {defense.num_steps} Langevin steps{before}, "
        f"{defense.num_replicates} replicates, {defense.noise} noise; "
        f"{config.chunk} chains at once"
    )
    yield (
        f"attack: {kind}{attack.gradient}, {attack.num_steps} steps, "
        f"{attack.num_replicates} replicates, {ball.norm} epsilon {ball.epsilon:g}/255"
    )


def notes(config: DefenseMeasurement, num_classes: int) -> Iterator[str]:
    """What the attack does otherwise than the config says, of so few classes."""
    if isinstance(config.attack, PurifiedAutoAttack):
        yield from few_classes.raised_instead("apgd_dlr", num_classes)
