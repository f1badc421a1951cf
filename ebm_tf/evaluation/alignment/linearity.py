"""Whether a classifier is as linear near images as linear distances suppose."""

from typing import Any

import numpy as np
from scipy.stats import rankdata

from ebm_tf.evaluation.alignment import plots
from ebm_tf.evaluation.alignment.parts import Part
from ebm_tf.evaluation.attack_phases import Phases
from ebm_tf.runtime.workspace import Workspace

CARLINI_WAGNER = "carlini_wagner"
MEANINGS = {
    "linearity": "least linear distance to a wrong class, beside the way to the "
    "nearest error that Carlini and Wagner found, of rightly classified images; "
    "correlations are those of ranks (Spearman) and of values (Pearson)"
}
# Every error is inside.
_EVERYWHERE = 1e9


def measure(
    phases: Phases, linear: np.ndarray, right: np.ndarray, workspace: Workspace
) -> Part:
    """Compares linear distances [n] with the ways to the nearest errors, in a plot.

    Args:
      phases: of the classifier, its images and the attack CARLINI_WAGNER.
      linear: the least linear distance of each image to a wrong class.
      right: bool [n], whether natural images are classified rightly.
      workspace: of the run.
    """
    ways = nearest_errors(phases, right)
    chosen = right & np.isfinite(ways)
    if workspace.is_chief and chosen.any():
        path = workspace.path("plots", "linearity.png")
        plots.save_linearity(path, linear[chosen], ways[chosen])
    return Part(results(linear, ways, right), {"nearest_error": ways})


def nearest_errors(phases: Phases, right: np.ndarray) -> np.ndarray:
    """The Euclidean ways float64 [n] to the nearest errors, infinite where none is."""
    chosen = np.flatnonzero(right)
    ways = np.zeros(len(right))
    radii = np.full(len(chosen), _EVERYWHERE)
    outcome = phases.in_balls(CARLINI_WAGNER, CARLINI_WAGNER, chosen, radii)
    ways[chosen] = outcome.get("info_distance", np.zeros(0))
    return ways


def results(linear: np.ndarray, ways: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    """How linear distances float [n] go with ways float [n] to the nearest errors."""
    chosen = right & np.isfinite(ways)
    pairs = linear[chosen].astype(np.float64), ways[chosen]
    found: dict[str, Any] = {
        "num_images": int(chosen.sum()),
        "num_without_error": int((right & ~np.isfinite(ways)).sum()),
        "error": float(np.isfinite(ways).mean()),
    }
    if chosen.sum() < 2:
        return found
    return found | {
        "median_linear_distance": float(np.median(pairs[0])),
        "median_way": float(np.median(pairs[1])),
        "mean_way": float(np.mean(pairs[1])),
        "rank_correlation": float(np.corrcoef(*map(rankdata, pairs))[0, 1]),
        "correlation": float(np.corrcoef(*pairs)[0, 1]),
    }
