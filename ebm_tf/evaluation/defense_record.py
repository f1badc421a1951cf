"""What is kept of the attack on a purified classifier, and the metrics from it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ebm_tf.config.defense import DefenseMeasurement
from ebm_tf.evaluation import reliability
from ebm_tf.evaluation.batch_files import Arrays
from ebm_tf.evaluation.purified_attacks import Record
from ebm_tf.evaluation.robustness import accuracy

# Arrays whose images are along another axis than the first.
_AXES = {"class_path": 1, "losses": 1}


def to_arrays(images: np.ndarray, labels: np.ndarray, record: Record) -> Arrays:
    """The published arrays by their published names, and some more."""
    return {
        "class_path": record.defended.astype(np.float32),
        "ims_orig": images,
        "ims_adv": record.images,
        "labs": labels,
        "natural_predictions": record.natural_predictions,
        "final_predictions": record.final_predictions,
        "losses": record.losses,
        "last_rise": record.last_rise,
        "zero_gradient": record.zero_gradient,
    }


def joined(records: Sequence[Arrays]) -> Arrays:
    """The arrays of several batches as those of one."""
    return {
        name: np.concatenate([record[name] for record in records], _AXES.get(name, 0))
        for name in records[0]
    }


def accuracies_in_batch(record: Arrays) -> dict[str, float]:
    """Accuracies before and after the attack of a batch, for its progress."""
    path = record["class_path"] > 0
    return {
        "natural_accuracy": float(path[0].mean()),
        "attacked_accuracy": float(path[-1].mean()),
    }


def metrics(config: DefenseMeasurement, record: Arrays) -> dict[str, Any]:
    """Accuracies with their intervals, and reasons not to believe them."""
    path = record["class_path"] > 0
    fresh = record["final_predictions"] == record["labs"]
    evidence = reliability.gathered(
        {config.attack.gradient: _outcome(record)}, path.shape[1], is_random=True
    )
    return {
        "num_images": path.shape[1],
        **accuracy("natural_accuracy", path[0]),
        **accuracy("robust_accuracy", path[-1]),
        **accuracy("robust_accuracy_fresh", fresh),
        **accuracy("robust_accuracy_worst", path[-1] & fresh),
        "by_step": path.mean(1).tolist(),
        **reliability.reliability(evidence),
    }


def _outcome(record: Arrays) -> tuple[np.ndarray, Arrays]:
    """The attack on the images that were right, as `reliability.gathered` takes it."""
    path = record["class_path"] > 0
    chosen = np.flatnonzero(path[0])
    broken = ~path[-1, chosen]
    return chosen, {
        "broken": broken,
        "claimed": broken,
        "info_loss_last_rise": record["last_rise"][chosen],
        "info_zero_gradient": record["zero_gradient"][chosen],
    }
