"""What a vote over copies is worth, by their number, and when images come back.

The verdict of a random defence is itself random. Here every verdict is of fresh copies
that no attack has seen, and an attacker may submit one image many times, until one of
the verdicts errs ("DiffHammer", NeurIPS 2024).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.special import comb

from ebm_tf.attacks.outcomes import predicted
from ebm_tf.config.defense import DefenseMeasurement
from ebm_tf.defenses.voting import VOTES
from ebm_tf.evaluation.batch_files import Arrays
from ebm_tf.evaluation.robustness import interval

# The defence's own vote, and one that each copy has a voice in.
OWN, MAJORITY = "vote", "majority"


def counts(config: DefenseMeasurement) -> list[int]:
    """The numbers of copies that verdicts are of, rising.

    Besides those asked for: what the defence itself takes, and all that there are. One,
    where copies do not differ.
    """
    if not config.defense.is_random:
        return [1]
    most, own = config.num_final_replicates, config.defense.num_replicates
    return sorted(k for k in {*config.final_copies, own, most} if k <= most)


def verdicts(logits: tf.Tensor, copies: Sequence[int], vote: str) -> Arrays:
    """The predictions of disjoint groups of copies.

    Args:
      logits: float32 [n, r, k], of r copies of each image.
      copies: how many make a group, for each of several verdicts.
      vote: of the defence.

    Returns:
      Int64 [n, g] for each count and vote, g groups; the names are those of `name`.
    """
    n, total, num_classes = logits.shape
    found = {}
    for count in copies:
        groups = total // count
        parts = tf.reshape(logits[:, : groups * count], [-1, count, num_classes])
        for kind, scores in ((OWN, VOTES[vote]), (MAJORITY, VOTES["classes"])):
            votes = tf.reshape(predicted(scores(parts)), [n, groups])
            found[name(kind, count)] = votes.numpy()
    return found


def name(kind: str, count: int) -> str:
    """Of the predictions by a vote over so many copies."""
    return f"{kind}_of_{count}"


def worst_of(right: np.ndarray, submissions: int) -> np.ndarray:
    """The chance float [n] that all verdicts are right when an image is submitted.

    The submissions are drawn from the verdicts without putting any back, which makes
    the mean over images unbiased for fresh ones.

    Args:
      right: bool [n, g], whether each of g verdicts was.
      submissions: how many of them, at most g.
    """
    ways = comb(right.shape[1], submissions, exact=True)
    return np.asarray(comb(right.sum(1), submissions)) / ways


def table(
    predictions: Mapping[str, np.ndarray],
    labels: np.ndarray,
    copies: Sequence[int],
    num_resubmissions: int,
) -> list[dict[str, Any]]:
    """A row for each number of copies.

    Args:
      predictions: as `verdicts` returns them.
      labels: int64 [n].
      copies: rising.
      num_resubmissions: of an image, or as many as there are groups.

    Returns:
      Of the defence's vote the mean accuracy over all groups with its interval, and
      under the worst of some submissions; both for a majority as well.
    """
    rows = []
    for count in copies:
        row: dict[str, Any] = {"copies": count}
        for kind, prefix in ((OWN, ""), (MAJORITY, "majority_")):
            right = predictions[name(kind, count)] == labels[:, None]
            submissions = min(num_resubmissions, right.shape[1])
            row |= {"submissions": submissions}
            row |= _share(f"{prefix}accuracy", right.mean(1))
            row |= _share(f"{prefix}worst", worst_of(right, submissions))
        rows.append(row)
    return rows


def _share(name: str, values: np.ndarray) -> dict[str, Any]:
    """A mean of values [n] in [0, 1], and an interval that is, if not exact, too wide.

    None in [0, 1] of the same mean varies more than right and wrong do.
    """
    return {
        name: float(values.mean()),
        f"{name}_interval": interval(float(values.sum()), len(values)),
    }
