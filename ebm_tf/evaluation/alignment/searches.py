"""The least radius at which attacks break each image, exactly and by a grid."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.attacks.pgd import pgd_attack
from ebm_tf.attacks.spatial import RADIUS, spatial
from ebm_tf.attacks.square import square
from ebm_tf.config.alignment import (
    AlignmentMeasurement,
    AnySearch,
    SpatialSearch,
    SquareSearch,
)
from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.evaluation import robustness
from ebm_tf.evaluation.alignment import plots
from ebm_tf.evaluation.alignment.parts import NUM_PICTURED, Part
from ebm_tf.evaluation.attack_phases import Phases
from ebm_tf.evaluation.batch_files import Arrays
from ebm_tf.evaluation.radii import bisected, radii_of_breaking
from ebm_tf.protocols import Attacked, AttackFn, Classifier
from ebm_tf.runtime.plots import save_grid
from ebm_tf.runtime.workspace import Workspace

MEANINGS = {
    "searches": "smallest radius of each image by bisection: median_radius is None "
    "where more than half were never broken; grid_median is interpolated between the "
    "radii of the grid by the published rule, on errors that never fall; radii of "
    "spatial are norms of flows, where images are 2 wide"
}


def search_attacks(
    config: AlignmentMeasurement, classifier: Classifier
) -> dict[str, AttackFn]:
    """The attacks of all searches, by their names."""
    return {
        search.name: _attack(search, classifier, config.in_range)
        for search in config.searches
    }


def _attack(search: AnySearch, classifier: Classifier, in_range: bool) -> AttackFn:
    if isinstance(search, SquareSearch):
        return _laid_out(classifier, Ball(in_range=in_range), search.num_queries)
    settings = Pgd(
        loss=search.loss,
        num_steps=search.num_steps,
        step_size=search.way * RADIUS / search.num_steps,
        num_restarts=search.num_restarts,
    )
    if isinstance(search, SpatialSearch):
        return spatial(classifier, settings)
    ball = Ball(norm=search.norm, epsilon=RADIUS, in_range=in_range)
    return pgd_attack(classifier, settings, ball)


def _laid_out(classifier: Classifier, ball: Ball, num_queries: int) -> AttackFn:
    """Square, whose windows are of points as `pixels.pictured` lays them out."""

    def attack(
        images: tf.Tensor, labels: tf.Tensor, epsilon: tf.Tensor, seed: tf.Tensor
    ) -> Attacked:
        shape = images.shape
        run = square(
            lambda laid: classifier(tf.reshape(laid, shape)),
            ball,
            num_queries=num_queries,
        )
        found = run(pixels.pictured(images), labels, epsilon, seed)
        return found._replace(images=tf.reshape(found.images, shape))

    return attack


def measure(
    config: AlignmentMeasurement,
    phases: Phases,
    right: np.ndarray,
    workspace: Workspace,
) -> Part:
    """Runs all searches, with pictures of attacked images and plots of accuracies.

    Args:
      config: of the measurement.
      phases: of the classifier, its images and attacks.
      right: bool [n], whether natural images are classified rightly.
      workspace: of the run.
    """
    results, arrays = {}, {}
    for search in config.searches:
        name = search.name
        results[name], smallest = searched(search, phases, right)
        arrays |= {f"{name}/{kind}": values for kind, values in smallest.items()}
        workspace.log(line(name, results[name]))
        shown = pictured(search, phases, results[name], NUM_PICTURED)
        if workspace.is_chief:
            save_grid(workspace.path("images", f"attacked_{name}.png"), shown)
            curve = results[name]["curve"]
            plots.save_accuracies(workspace.path("plots", f"{name}.png"), name, curve)
    return Part(results, arrays)


def searched(
    search: AnySearch, phases: Phases, right: np.ndarray
) -> tuple[dict[str, Any], Arrays]:
    """Finds the least radius of each image.

    Args:
      search: the radii, and the name of the attack.
      phases: of the classifier, its images and attacks.
      right: bool [n], whether natural images are classified rightly.

    Returns:
      The figures, and the arrays that they are made of.
    """
    name, unit = search.name, pixels.from_255ths(1.0)

    def breaks(phase: str, chosen: np.ndarray, radii: np.ndarray) -> np.ndarray:
        phase = f"{name}_{phase}"
        return phases.in_balls(name, phase, chosen, radii / unit, "broken")["broken"]

    breaking = radii_of_breaking(breaks, right, search.radii, {})
    smallest = bisected(breaks, breaking.smallest, search.radii, search.num_bisections)
    radii = [0.0, *search.radii]
    curve = robustness.curve(radii, breaking.smallest, right)
    errors = [1.0 - point["accuracy"] for point in curve]
    found = {
        **robustness.median_radius(smallest, radii[-1]),
        "grid_median": grid_median(radii, errors),
        "curve": curve,
    }
    return found, {"smallest_radius": smallest, "on_grid": breaking.smallest}


def pictured(
    search: AnySearch, phases: Phases, found: Mapping[str, Any], num: int
) -> np.ndarray:
    """The first images [num, H, W, C], attacked at the median or the largest radius."""
    chosen = np.arange(min(num, len(phases.labels)))
    radius = found["median_radius"] or found["largest_radius"]
    radii = np.full(len(chosen), radius / pixels.from_255ths(1.0))
    phase = f"{search.name}_pictured"
    return phases.in_balls(search.name, phase, chosen, radii, "images")["images"]


def grid_median(radii: Sequence[float], errors: Sequence[float]) -> float:
    """The radius of half of the errors, by the rule of the published program.

    The threshold is 0.5, or 0.01 below the last error where that is less; the radius is
    interpolated at its last crossing from below, and 0 where there is none. So it is
    also 0 of a classifier that hardly errs: look at the exact one.

    Args:
      radii: from 0 on, in the order in which they were tried.
      errors: the share of errors at each.

    Source: Bigolin Lanfredi et al. (2023), the program.
    """
    threshold, found = min(0.5, errors[-1] - 0.01), 0.0
    for place in range(1, len(radii)):
        before, now = errors[place - 1], errors[place]
        if before < threshold <= now:
            part = (threshold - before) / (now - before)
            found = radii[place - 1] + part * (radii[place] - radii[place - 1])
    return found


def line(name: str, found: Mapping[str, Any]) -> str:
    """The figures of a search, for people."""
    median = found["median_radius"]
    exact = f"above {found['largest_radius']:g}" if median is None else f"{median:.4g}"
    return f"{name}: median radius {exact}, on the grid {found['grid_median']:.4g}"
