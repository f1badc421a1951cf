"""What a classifier of spheres says along their radius."""

from collections.abc import Callable

import numpy as np
import scipy.special

from ebm_tf.evaluation.alignment import plots
from ebm_tf.evaluation.alignment.parts import Part
from ebm_tf.runtime.workspace import Workspace

# The published radii; those of the zoom are around both spheres.
RADII = np.exp(-2.3 + 0.0125 * np.arange(457))
ZOOMED = slice(180, 210)


def measure(
    logits: Callable[[np.ndarray], np.ndarray],
    dimensions: int,
    seed: int,
    workspace: Workspace,
) -> Part:
    """Plots `score_curve`, whose arguments it takes."""
    scores = score_curve(logits, dimensions, seed)
    if workspace.is_chief:
        path = workspace.path("plots", "scores.png")
        plots.save_score_curve(path, RADII, scores, ZOOMED)
    return Part({}, {"radii": RADII, "scores": scores})


def score_curve(
    logits: Callable[[np.ndarray], np.ndarray], dimensions: int, seed: int
) -> np.ndarray:
    """p(y = 1 | x) float64 [457] at points x of RADII, each in a direction of its own.

    Args:
      logits: of points [n, 1, 1, d], float32 [n, 2].
      dimensions: d.
      seed: of the directions.

    Source: Bigolin Lanfredi et al. (2023), the program.
    """
    drawn = np.random.default_rng(seed).normal(size=[len(RADII), dimensions])
    drawn *= (RADII / np.linalg.norm(drawn, axis=1))[:, None]
    found = logits(drawn[:, None, None].astype(np.float32))
    return scipy.special.softmax(found.astype(np.float64), axis=1)[:, 1]
