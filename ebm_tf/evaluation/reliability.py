"""Whether the attacks on a classifier can be believed."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.special import bdtrc

from ebm_tf.models.trials import looks_like_probabilities

# Attacks that see no gradient.
BLACK_BOX = ("square",)
# Attacks by gradients may miss this share of all images by bad luck. Where a black-box
# attack breaks more of those which they left than chance explains (at 5 %, and more
# than one), gradients were no good guide.
_MISSED_SHARE = 2e-3
_CHANCE = 0.05
# The least rise of a loss at an attack's end, and difference of logits, that count.
_RISE = 0.01
_DIFFERENCE = 1e-4


class Evidence(NamedTuple):
    """Measures of how far attacks can be believed; shares are of all images.

    Attributes:
      logit_difference: the largest difference between the logits of two passes,
        relative to the largest logit where that is above 1.
      looks_like_probabilities: whether what should be logits sums to 1.
      zero_gradient_share: images that an attack did not break and at which it met
        a gradient of zero.
      num_black_box: images that only a black-box attack broke.
      num_images: all images, attacked or not.
      rise: how much the loss of unbroken images still rose at an attack's end.
      num_disagreeing: images on which an attack and its verification disagree.
    """

    logit_difference: float = 0.0
    looks_like_probabilities: bool = False
    zero_gradient_share: float = 0.0
    num_black_box: int = 0
    num_images: int = 0
    rise: float = 0.0
    num_disagreeing: int = 0


def logit_difference(first: np.ndarray, second: np.ndarray) -> float:
    """The largest difference of two passes, relative to logits larger than 1."""
    scale = max(1.0, float(np.abs(first).max()))
    return float(np.abs(first - second).max()) / scale


def with_logits(evidence: Evidence, first: np.ndarray, second: np.ndarray) -> Evidence:
    """The evidence with that of the logits [n, k] of two passes."""
    return evidence._replace(
        logit_difference=logit_difference(first, second),
        looks_like_probabilities=looks_like_probabilities(first),
    )


def mean_rise(rises: np.ndarray) -> float:
    """The mean of [n] rises of a loss, less two standard errors; 0 for no images.

    A loss that goes to and fro rises as often as it falls, which is no rise.
    """
    if len(rises) < 2:
        return float(rises.sum())
    error = float(rises.std(ddof=1)) / math.sqrt(len(rises))
    return float(rises.mean()) - 2 * error


def black_box_wins(num_broken: int, num_images: int) -> bool:
    """Whether black-box attacks broke more than gradients miss by bad luck.

    That is two images at least, and more than a binomial test at 5 % explains by a
    share of 0.2 %: 3 of 360, 6 of 1,000, 29 of 10,000.
    """
    if num_broken < 2:
        return False
    # The tail of the binomial distribution: so many or more.
    return bool(bdtrc(num_broken - 1, num_images, _MISSED_SHARE) < _CHANCE)


def reliability(evidence: Evidence) -> dict[str, Any]:
    """Whether there are reasons not to believe a robust accuracy.

    Returns:
      `flags`, booleans by name, and `warnings`, a sentence for each that is true.
    """
    share = f"{evidence.zero_gradient_share:.1%}"
    black_box, num_images = evidence.num_black_box, evidence.num_images
    found: dict[str, tuple[bool, str]] = {
        "random_logits": (
            not evidence.logit_difference <= _DIFFERENCE,
            "Two passes over the same images give different logits: the classifier "
            "is random, and only auto_attack.version='rand' is meant for that.",
        ),
        "probabilities": (
            evidence.looks_like_probabilities,
            "The outputs look like probabilities of a softmax: gradients of a "
            "cross-entropy taken of them vanish; attack the logits.",
        ),
        "zero_gradients": (
            evidence.zero_gradient_share > 0.0,
            f"At {share} of the images a gradient was zero and the attack failed: "
            "attacks that follow gradients are blind there.",
        ),
        "black_box_wins": (
            black_box_wins(black_box, num_images),
            f"A black-box attack broke {black_box} of the {num_images} images, which "
            "attacks by gradients had not: the true accuracy may be lower still.",
        ),
        "still_rising": (
            evidence.rise > _RISE,
            f"The loss of unbroken images still rose by {evidence.rise:.2g} at the end "
            "of an attack: more steps may break more.",
        ),
        "not_repeatable": (
            evidence.num_disagreeing > 0,
            f"The verdict of an attack could not be repeated on "
            f"{evidence.num_disagreeing} images.",
        ),
    }
    return {
        "flags": {name: raised for name, (raised, _) in found.items()},
        "warnings": [sentence for raised, sentence in found.values() if raised],
    }


def gathered(
    outcomes: Mapping[str, tuple[np.ndarray, Mapping[str, np.ndarray]]],
    num_images: int,
    *,
    is_random: bool,
) -> Evidence:
    """The evidence from all attacks, without that of logits.

    Args:
      outcomes: of each attack, the positions [m] of the images that it was tried on
        and, [m], "broken" by a new evaluation, "claimed" by itself, and of its info,
        where it has them, "info_zero_gradient" and either "info_loss_last_rise" or
        "info_loss_last" and "info_loss_before_last".
      num_images: n, of which some were attacked.
      is_random: whether a verdict may by chance not be repeated.
    """
    blind, by_gradients, by_others = np.zeros([3, num_images], bool)
    rises, num_disagreeing = [0.0], 0
    for name, (chosen, outcome) in outcomes.items():
        broken = outcome["broken"]
        num_disagreeing += int((outcome["claimed"] != broken).sum())
        if name in BLACK_BOX:
            by_others[chosen] |= broken
            continue
        by_gradients[chosen] |= broken
        if "info_zero_gradient" in outcome:
            blind[chosen] |= ~broken & (outcome["info_zero_gradient"] > 0)
        rises.append(mean_rise(_rises(outcome)[~broken]))
    return Evidence(
        zero_gradient_share=float(blind.mean()),
        num_black_box=int((by_others & ~by_gradients).sum()),
        num_images=num_images,
        rise=max(rises),
        num_disagreeing=0 if is_random else num_disagreeing,
    )


def _rises(outcome: Mapping[str, np.ndarray]) -> np.ndarray:
    if "info_loss_last_rise" in outcome:
        return outcome["info_loss_last_rise"]
    if "info_loss_last" in outcome:
        return outcome["info_loss_last"] - outcome["info_loss_before_last"]
    return np.zeros(len(outcome["broken"]))
