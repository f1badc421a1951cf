"""The energies of the same images after more and more updates of a classifier."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ebm_tf.config.dynamics import TEST
from ebm_tf.evaluation.energy_statistics import (
    Energies,
    Evaluation,
    energies,
    mean_interval,
    training_curves,
)
from ebm_tf.evaluation.robustness import interval

# What the numbers in results mean.
MEANINGS = {
    "delta": "of the natural image less of the attacked one, E(x) - E(x*): below 0 "
    "where the attack raises the energy",
    "errors": "fractions; robust: wrong at the image or at the attacked one; 95 % "
    "intervals of Wilson",
    "means": "95 % intervals of the normal distribution, over images",
}


class Moment(NamedTuple):
    """What was measured after a number of updates, on each set of images.

    Attributes:
      row: the figures, "update" and "epoch", then those of each set after its name.
      energies: float64 [n] each, of each set by name.
      robust_errors: bool [n], of each set by name.
    """

    row: dict[str, Any]
    energies: Mapping[str, Energies]
    robust_errors: Mapping[str, np.ndarray]

    @property
    def epoch(self) -> float:
        """Passes through the data of learning."""
        return self.row["epoch"]


class Track(NamedTuple):
    """The moments of a run, in the order of its updates."""

    name: str
    moments: Sequence[Moment]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The figures of all moments."""
        return [moment.row for moment in self.moments]

    def until(self, epoch: float) -> Moment:
        """The last moment up to an epoch; the first where there is none."""
        before = [moment for moment in self.moments if moment.epoch <= epoch]
        return before[-1] if before else self.moments[0]


def moment(update: int, epoch: float, found: Mapping[str, Evaluation]) -> Moment:
    """The figures of what was evaluated after some updates, by the name of the set."""
    row: dict[str, Any] = {"update": update, "epoch": epoch}
    of_sets = {name: energies(evaluation) for name, evaluation in found.items()}
    for name, evaluation in found.items():
        points: dict[str, Any] = training_curves(evaluation)
        for kind in ("natural", "robust"):
            wrong = getattr(evaluation, f"{kind}_errors")
            points[f"{kind}_error_interval"] = interval(int(wrong.sum()), len(wrong))
        for kind, values in of_sets[name]._asdict().items():
            points[f"{kind}_mean_interval"] = mean_interval(values)
        row |= {f"{name}_{point}": points[point] for point in sorted(points)}
    wrong = {name: evaluation.robust_errors for name, evaluation in found.items()}
    return Moment(row, of_sets, wrong)


def overfitting(track: Track) -> dict[str, float]:
    """How far the robust error on test images rises again after its lowest."""
    errors = [row[f"{TEST}_robust_error"] for row in track.rows]
    best = int(np.argmin(errors))
    return {
        "lowest_robust_error": errors[best],
        "epoch_of_lowest": track.moments[best].epoch,
        "last_robust_error": errors[-1],
        "delta_marginal_at_lowest": track.rows[best][f"{TEST}_delta_marginal_mean"],
        "delta_marginal_at_last": track.rows[-1][f"{TEST}_delta_marginal_mean"],
    }


def arrays(tracks: Iterable[Track]) -> dict[str, np.ndarray]:
    """All energies [t, n] and errors, under RUN/SET/NAME; updates and epochs [t]."""
    found = {}
    for track in tracks:
        for name in ("update", "epoch"):
            found[f"{track.name}/{name}"] = np.array([row[name] for row in track.rows])
        for of in track.moments[0].energies:
            for kind in Energies._fields:
                values = [getattr(one.energies[of], kind) for one in track.moments]
                found[f"{track.name}/{of}/{kind}"] = np.stack(values)
            wrong = [one.robust_errors[of] for one in track.moments]
            found[f"{track.name}/{of}/robust_errors"] = np.stack(wrong)
    return found
