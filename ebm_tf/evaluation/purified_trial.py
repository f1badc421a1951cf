"""A classifier behind purification: what attacks it and judges it, on all devices."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf.attacks import purified_gradients
from ebm_tf.attacks.purified_gradients import Estimator
from ebm_tf.config.defense import DefenseMeasurement, PurifiedAutoAttack
from ebm_tf.defenses.purification import (
    KernelFn,
    purification,
    purification_gradient,
)
from ebm_tf.defenses.voting import replicate_logits, vote
from ebm_tf.evaluation.defense_trial import AutoTrial, Judge, PgdTrial, Trial
from ebm_tf.kernels import Kernel
from ebm_tf.models.ebm import EbmModels
from ebm_tf.protocols import AscentFn, Classifier, Defense
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.rows import over_rows
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.sampling.langevin import DrawFn
from ebm_tf.sampling.potentials import langevin_kernel, potential

# What is left of chains goes into chunks of a quarter and of a sixteenth.
CHUNK_PARTS = (1, 4, 16)


class PurifiedTrial(NamedTuple):
    """The attack with its judge, and the defence by itself.

    Attributes:
      trial: attacks images and judges them.
      purify: (images [n, H, W, C], seeds int32 [n, 2]) -> purified images.
    """

    trial: Trial
    purify: Callable[[Any, Any], np.ndarray]


def purified_trial(
    config: DefenseMeasurement,
    replicas: Replicas,
    classifier: Classifier,
    models: EbmModels | None,
) -> PurifiedTrial:
    """What the config asks for, with chains in chunks.

    Args:
      config: the measurement.
      replicas: the devices.
      classifier: what is defended.
      models: the networks that purify; None where nothing does.
    """

    def kernel(draw: DrawFn) -> Kernel:
        if models is None:
            raise ValueError("Nothing purifies.")
        energy = potential(config, models.energy, models.prior)
        return langevin_kernel(config, energy, draw=draw)

    def over_chains(function: Callable) -> Callable:
        return over_rows(function, replicas, config.chunk, parts=CHUNK_PARTS)

    attack, scores = config.attack, vote(config.defense.vote)
    purify = purification(kernel, config.defense.num_steps)
    estimator = _estimator(config, classifier, purify, kernel)
    estimator = Estimator(*map(over_chains, estimator))
    classify = over_chains(lambda images, seed: classifier(purify(images, seed)))
    # Without noise all replicates are one.
    is_random = config.defense.num_steps > 0
    num_seen = attack.num_replicates if is_random else 1
    num_seen = 1 if attack.gradient == "transfer" else num_seen

    def seeing(loss: Callable[..., tf.Tensor]) -> Callable[[tf.Tensor], AscentFn]:
        return lambda labels: purified_gradients.expected(
            estimator,
            lambda logits: loss(logits, labels, attack.average),
            scores,
            num_seen,
        )

    def voted(images: tf.Tensor, seed: tf.Tensor, num_replicates: int) -> tf.Tensor:
        num = num_replicates if is_random else 1
        return scores(
            replicate_logits(classify, images, seed, num, most_at_once=config.chunk)
        )

    judge = Judge(config, voted, seeds.key(config.seed, Purpose.ATTACKS))
    cross_entropy = seeing(purified_gradients.averaged_cross_entropy)
    if isinstance(attack, PurifiedAutoAttack):
        dlr = seeing(purified_gradients.averaged_dlr)
        trial = AutoTrial(judge, attack, {"apgd_ce": cross_entropy, "apgd_dlr": dlr})
    else:
        trial = PgdTrial(judge, attack, cross_entropy)
    return PurifiedTrial(trial, over_chains(purify))


def _estimator(
    config: DefenseMeasurement,
    classifier: Classifier,
    purify: Defense,
    kernel: KernelFn,
) -> Estimator:
    """How the attack sees one replicate."""
    attack = config.attack
    if attack.gradient == "transfer":
        return purified_gradients.transfer(classifier)
    if attack.chain_steps is None:
        return purified_gradients.bpda(classifier, purify)
    return purified_gradients.through_chain(
        classifier,
        purification(kernel, attack.chain_steps),
        purification_gradient(kernel, attack.chain_steps),
    )


def description(config: DefenseMeasurement) -> Iterator[str]:
    """The defence and the attack, a line each."""
    defense, attack, ball = config.defense, config.attack, config.ball
    kind = "AutoAttack rand, " if isinstance(attack, PurifiedAutoAttack) else ""
    yield (
        f"defence: {defense.num_steps} Langevin steps, {defense.num_replicates} "
        f"replicates, {defense.noise} noise; {config.chunk} chains at once"
    )
    yield (
        f"attack: {kind}{attack.gradient}, {attack.num_steps} steps, "
        f"{attack.num_replicates} replicates, {ball.norm} epsilon {ball.epsilon:g}/255"
    )
