"""Whether sampling keeps pace with learning, by the records of an energy's run."""

from typing import NamedTuple

import numpy as np

MAX_LAG = 15


class Diagnosis(NamedTuple):
    """Correlations of N records of energy difference and gradient norm.

    Attributes:
      lags: cross-correlation lags -K..K with K = min(15, N - 1).
      cross: at lag k > 0 the energy difference k updates after the gradient.
      energy: autocorrelation of the energy difference at lags 0..K.
      gradient: autocorrelation of the gradient norm at lags 0..K.
    """

    lags: np.ndarray
    cross: np.ndarray
    energy: np.ndarray
    gradient: np.ndarray


def diagnose(energy_differences: np.ndarray, gradient_norms: np.ndarray) -> Diagnosis:
    """Correlates the records [N] of learning, N >= 2 (Hill et al., 2022).

    The energy difference is scaled but not centred: its mean should be 0. The
    gradient norm is centred and scaled by its population deviation. All products
    are divided by N - 1. A record that does not vary correlates with nothing.
    """
    count = len(energy_differences)
    energy = np.asarray(energy_differences, np.float64)
    gradient = np.asarray(gradient_norms, np.float64)
    energy = _scaled(energy, np.sqrt(np.sum(energy**2) / (count - 1)))
    spread = gradient.std() if np.ptp(gradient) > 0 else 0.0
    gradient = _scaled(gradient - gradient.mean(), spread)
    most = min(MAX_LAG, count - 1)
    before = _correlations(gradient, energy, most)
    after = _correlations(energy, gradient, most)
    return Diagnosis(
        lags=np.arange(-most, most + 1),
        cross=np.concatenate([before[:0:-1], after]),
        energy=_correlations(energy, energy, most),
        gradient=_correlations(gradient, gradient, most),
    )


def _scaled(values: np.ndarray, scale: float) -> np.ndarray:
    return values / scale if scale > 0 else np.zeros_like(values)


def _correlations(later: np.ndarray, earlier: np.ndarray, most: int) -> np.ndarray:
    """At lags 0..most."""
    count = len(later)
    sums = [later[lag:] @ earlier[: count - lag] for lag in range(most + 1)]
    return np.array(sums) / (count - 1)
