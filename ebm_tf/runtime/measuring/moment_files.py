"""Files of moments, in the form that programs for the FID publish: mu and sigma."""

import io
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf.errors import DataError
from ebm_tf.evaluation.frechet import Moments, from_covariance
from ebm_tf.runtime.array_files import save_arrays
from ebm_tf.runtime.cloud_files import make_folder, told_as_run_error

# Relative to the largest entry; sums in float32 differ by less.
ASYMMETRY = 1e-5


def save_moments(path: str, moments: Moments) -> None:
    """Writes moments to a file, whole or not at all.

    Args:
      path: of an npz file, local or in a cloud bucket; its folder is made.
      moments: their mean becomes `mu` [d], their covariance `sigma` [d, d], and the
        number of vectors `count`, which is left out where it is not known.

    Raises:
      RunError: if the file cannot be written.
    """
    arrays: dict[str, Any] = {"mu": moments.mean, "sigma": moments.covariance}
    if moments.count is not None:
        arrays["count"] = moments.count
    with told_as_run_error(path):
        make_folder(os.path.dirname(path) or ".")
    save_arrays(path, **arrays)


def load_moments(path: str) -> Moments:
    """Reads moments from a file of this program or of another.

    Args:
      path: of an npz file with `mu` [d], `sigma` [d, d] and perhaps `count`, without
        which the count of the moments is None.

    Raises:
      DataError: if the file is missing or damaged, or holds something else.
    """
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content = file.read()
        return _checked(_unpacked(content))
    except (tf.errors.OpError, OSError) as error:
        reason = " ".join(str(getattr(error, "message", error)).split())
        raise DataError(
            f"Cannot read the moments {path} ({reason}): give the path of an .npz file "
            "with mu and sigma."
        ) from error
    except ValueError as error:
        raise DataError(
            f"The moments {path} cannot be used: {error} Delete the file and compute "
            "them again, or give another .npz file with mu and sigma."
        ) from error


def _unpacked(content: bytes) -> dict[str, np.ndarray]:
    try:
        with np.lib.npyio.NpzFile(io.BytesIO(content), allow_pickle=False) as stored:
            return {name: np.asarray(stored[name]) for name in stored.files}
    # A damaged archive fails in too many ways to list.
    except Exception as error:
        raise ValueError("it is no .npz file, or damaged.") from error


def _checked(arrays: Mapping[str, np.ndarray]) -> Moments:
    missing = {"mu", "sigma"} - set(arrays)
    if missing:
        raise ValueError(
            f"it has no {' and no '.join(sorted(missing))}, only "
            f"{', '.join(sorted(arrays)) or 'nothing'}."
        )
    mean, covariance = arrays["mu"], arrays["sigma"]
    if not {mean.dtype.kind, covariance.dtype.kind} <= set("fiu"):
        raise ValueError("mu or sigma does not hold real numbers.")
    shapes = f"mu of shape {mean.shape} and sigma of shape {covariance.shape}"
    if mean.ndim != 1 or covariance.shape != (mean.size, mean.size) or not mean.size:
        raise ValueError(f"expected [d] and [d, d], got {shapes}.")
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise ValueError("mu or sigma is not finite.")
    difference = np.abs(covariance - covariance.T).max()
    if difference > ASYMMETRY * np.abs(covariance).max():
        raise ValueError(f"sigma is not symmetric, it differs by {difference:.3g}.")
    return from_covariance(mean, covariance, _count(arrays))


def _count(arrays: Mapping[str, np.ndarray]) -> int | None:
    if "count" not in arrays:
        return None
    count = arrays["count"]
    if count.size != 1 or not np.issubdtype(count.dtype, np.integer) or count < 1:
        raise ValueError(f"expected count={count} to be a whole number above 0.")
    return int(count.item())
