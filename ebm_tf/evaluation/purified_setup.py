"""A classifier behind purification, its attack and its evaluator, on all devices."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.attacks import purified_gradients
from ebm_tf.attacks.purified_gradients import Estimator
from ebm_tf.config.defense import (
    DefenseMeasurement,
    EnergyDescent,
    PurifiedAutoAttack,
    PurifiedPgd,
)
from ebm_tf.defenses.purification import KernelFn, purification, purification_gradient
from ebm_tf.defenses.voting import VOTES, replicate_logits
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.chain_gradients import TurnFn, turns
from ebm_tf.evaluation.purified_attacks import (
    AutoAttackOnPurified,
    Climb,
    PgdOnPurified,
    PurifiedAttack,
)
from ebm_tf.evaluation.purified_evaluator import Evaluator
from ebm_tf.models.ebm import EbmModels
from ebm_tf.models.smoothing import smoothed
from ebm_tf.protocols import AscentFn, Classifier
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.sampling.descent import energy_descent
from ebm_tf.sampling.purifying import energy_of, over_chains, step_kernel


class PurifiedSystem(NamedTuple):
    """A defended classifier under attack.

    Attributes:
      attack: of images, which it evaluates too.
      purify: (images [n, H, W, C], seeds int32 [n, 2]) -> purified images.
      turn: how far the gradient through the chain is from that without it; None
        where no attack differentiates through one.
    """

    attack: PurifiedAttack
    purify: Callable[[Any, Any], np.ndarray]
    turn: TurnFn | None


def purified_system(
    config: DefenseMeasurement,
    replicas: Replicas,
    classifier: Classifier,
    models: EbmModels,
) -> PurifiedSystem:
    """The attack that the config asks for, with chains in chunks, and the defence.

    Args:
      config: the measurement.
      replicas: the devices.
      classifier: what is defended.
      models: the networks that purify, where any do.
    """
    in_chunks = functools.partial(over_chains, replicas=replicas, chunk=config.chunk)
    attack, defense = config.attack, config.defense
    kernel = _kernel(config, models, replicas)
    noise = defense.start_noise
    purify = purification(kernel, defense.num_steps, start_noise=noise)
    gradient = purification_gradient(
        kernel,
        config.steps_through,
        start_noise=noise,
        segment=attack.segment,
        back=_bent(config, models, replicas),
    )
    seen = purification(kernel, config.steps_through, start_noise=noise)
    estimators = {
        "bpda": purified_gradients.bpda(classifier, purify),
        "chain": purified_gradients.through_chain(classifier, seen, gradient),
        "transfer": purified_gradients.transfer(classifier),
    }
    compiled = {
        name: Estimator(*map(in_chunks, estimators[name]))
        for name in dict.fromkeys(attack.gradients)
    }
    classify = in_chunks(lambda images, seed: classifier(purify(images, seed)))

    def logits(images: tf.Tensor, seed: tf.Tensor, num_replicates: int) -> tf.Tensor:
        num = num_replicates if defense.is_random else 1  # else all replicates are one
        return replicate_logits(classify, images, seed, num, most_at_once=config.chunk)

    evaluator = Evaluator(config, logits, seeds.key(config.seed, Purpose.ATTACKS))
    has_chain = "chain" in compiled and config.steps_through > 0
    return PurifiedSystem(
        _attack(config, evaluator, compiled),
        in_chunks(purify),
        turns(in_chunks, gradient) if has_chain else None,
    )


def _attack(
    config: DefenseMeasurement, evaluator: Evaluator, estimators: dict[str, Estimator]
) -> PurifiedAttack:
    attack, scores = config.attack, VOTES[config.defense.vote]

    def ascent_of(name: str, loss: Callable[..., tf.Tensor]) -> Climb:
        is_averaged = config.defense.is_random and name != "transfer"

        def ascent(labels: tf.Tensor) -> AscentFn:
            return purified_gradients.expected(
                estimators[name],
                lambda logits: loss(logits, labels, attack.average),
                scores,
                attack.num_replicates if is_averaged else 1,
            )

        return Climb(name, ascent)

    losses = {
        "apgd_ce": purified_gradients.averaged_cross_entropy,
        "apgd_dlr": purified_gradients.averaged_dlr,
    }
    raised = attack.climbs if isinstance(attack, PurifiedAutoAttack) else ("apgd_ce",)
    climbs = [
        ascent_of(name, losses[loss]) for name in attack.gradients for loss in raised
    ] * attack.num_restarts
    if isinstance(attack, PurifiedPgd):
        return PgdOnPurified(evaluator, climbs, attack)
    return AutoAttackOnPurified(evaluator, climbs, attack)


def _kernel(
    config: DefenseMeasurement, models: EbmModels, replicas: Replicas
) -> KernelFn:
    """The steps of the defence."""
    defense, energy = config.defense, energy_of(config, models, replicas)
    if not isinstance(defense, EnergyDescent):
        return step_kernel(config.langevin, energy)
    step, radius = map(pixels.from_255ths, (defense.step_size, defense.radius))
    return lambda draw: energy_descent(energy, step=step, radius=radius)


def _bent(
    config: DefenseMeasurement, models: EbmModels, replicas: Replicas
) -> KernelFn | None:
    """The steps that are differentiated, where they are not those of the defence.

    Raises:
      ConfigError: if there is nothing to bend.
    """
    sharpness = config.attack.sharpness
    if sharpness is None or not config.defense.num_steps:
        return None
    bent = {
        role: model and smoothed(model, sharpness)
        for role, model in (("energy", models.energy), ("prior", models.prior))
    }
    if not any(bent.values()):
        raise ConfigError(
            f"Expected no attack.sharpness={sharpness:g}: no layer of the energy is a "
            "rectifier that it could bend."
        )
    rest = {role: model for role, model in bent.items() if model is not None}
    return _kernel(config, models._replace(**rest), replicas)
