"""What an attack on a purified classifier will do and need, in words."""

import math
from collections.abc import Iterator

import keras

from ebm_tf.attacks import few_classes
from ebm_tf.config.attacks import Ball
from ebm_tf.config.defense import (
    DefenseMeasurement,
    EnergyDescent,
    Purification,
    PurifiedAttack,
    PurifiedAutoAttack,
)
from ebm_tf.config.parts import MomentumLangevin, Network
from ebm_tf.models.ebm import EbmModels
from ebm_tf.models.smoothing import is_rectifier

_WORD = 4  # bytes of a float32
# Features of a step, their gradients, and both of them once more in the step back.
_COPIES = 4


def description(config: DefenseMeasurement) -> Iterator[str]:
    """The defence and the attack, a line each."""
    defense, attack = config.defense, config.attack
    if isinstance(defense, EnergyDescent):
        yield (
            f"defence: {defense.num_steps} steps of {defense.step_size:g}/255 down the "
            f"energy, at most {defense.radius:g}/255 in all, nothing random"
        )
    else:
        noise = defense.start_noise
        before = f" after normal noise of {noise:g}" if noise else ""
        yield (
            f"defence: {defense.num_steps} Langevin steps{before}, "
            f"{defense.num_replicates} replicates, {defense.noise} noise; "
            f"{config.chunk} chains at once"
        )
    yield _attack(attack, config.ball)


def _attack(attack: PurifiedAttack, ball: Ball) -> str:
    kind = "AutoAttack rand, " if isinstance(attack, PurifiedAutoAttack) else ""
    restarts = f"{attack.num_restarts} times, " if attack.num_restarts > 1 else ""
    bend = f" (sharpness {attack.sharpness:g})" if attack.sharpness else ""
    return (
        f"attack: {kind}{', '.join(attack.gradients)}{bend}, {restarts}"
        f"{attack.num_steps} steps, {attack.num_replicates} replicates, "
        f"{ball.norm} epsilon {ball.epsilon:g}/255"
    )


def memory_of_states(config: DefenseMeasurement) -> Iterator[str]:
    """What differentiating through a chain keeps, on all devices together."""
    steps, segment = config.steps_through, config.attack.segment
    if not _sees_chain(config):
        return
    data, chains = config.data, config.chunk
    state = _WORD * chains * data.channels * data.image_size**2
    if isinstance(config.langevin, MomentumLangevin) or isinstance(
        config.defense, EnergyDescent
    ):
        state *= 2  # a velocity, or where it began
    num = steps if segment is None else steps // segment + segment
    yield (
        f"memory of the gradient through {steps} steps of {chains} chains at once: "
        f"{_bytes(num * state)} for {num} states"
    )


def memory_of_features(config: DefenseMeasurement, models: EbmModels) -> Iterator[str]:
    """What one step of it takes besides, by an estimate."""
    if _sees_chain(config):
        needed = _COPIES * config.chunk * features_of(models)
        yield f"memory of the features of one step: about {_bytes(needed)}"


def _sees_chain(config: DefenseMeasurement) -> bool:
    return "chain" in config.attack.gradients and config.steps_through > 0


def features_of(models: EbmModels) -> int:
    """The bytes of all outputs of the layers of the networks, of one image."""
    networks = [model for model in (models.energy, models.prior) if model is not None]
    layers = [layer for network in networks for layer in network.layers]
    return sum(
        _WORD * math.prod(output.shape[1:])
        for layer in layers
        for output in keras.tree.flatten(layer.output)
    )


def _bytes(count: float) -> str:
    """A number of bytes with three digits."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} GB" if count < 1000 else f"{count:,.0f} GB"


def notes(config: DefenseMeasurement, num_classes: int) -> Iterator[str]:
    """What the attack does otherwise than the config seems to say."""
    attack = config.attack
    if isinstance(attack, PurifiedAutoAttack) and "apgd_dlr" in attack.climbs:
        yield from few_classes.raised_instead("apgd_dlr", num_classes)
    if _sees_chain(config) and _is_flat(config) and attack.sharpness is None:
        yield (
            f"the energy is piecewise linear (activation "
            f"{config.energy.activation!r}), so that the gradient through the chain is "
            "that of BPDA; --set attack.sharpness=50 bends it where it is attacked"
        )


def _is_flat(config: DefenseMeasurement) -> bool:
    """Whether nothing in the energy is curved; of another form it is not known here."""
    energy = config.energy
    return (
        isinstance(energy, Network)
        and energy.architecture == "sngan"
        and is_rectifier(energy.activation)
        and config.gaussian_stddev is None
        and isinstance(config.defense, Purification)
    )
