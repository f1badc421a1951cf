"""What is kept of the attack on a purified classifier, and the metrics from it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ebm_tf.config.defense import DefenseMeasurement
from ebm_tf.evaluation import reliability, resubmissions
from ebm_tf.evaluation.batch_files import Arrays
from ebm_tf.evaluation.chain_gradients import NO_TURN
from ebm_tf.evaluation.purified_attacks import ATTACKED, LAST, NATURAL, Record
from ebm_tf.evaluation.robustness import accuracy

# Arrays whose images are along another axis than the first.
_AXES = {"class_path": 1, "losses": 1}


def to_arrays(images: np.ndarray, labels: np.ndarray, record: Record) -> Arrays:
    """The published arrays by their published names, and some more."""
    arrays = {
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
    if record.last_images is not None and record.last_defended is not None:
        arrays |= {
            "ims_last": record.last_images,
            "defended_last": record.last_defended,
        }
    for which, votes in record.judged.items():
        arrays |= {f"{which}_{name}": values for name, values in votes.items()}
    return arrays


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


def metrics(
    config: DefenseMeasurement, record: Arrays, turn: float | None = None
) -> dict[str, Any]:
    """Accuracies with their intervals, and reasons not to believe them.

    Args:
      config: the measurement.
      record: the arrays of all images.
      turn: of gradients by the chain, as `chain_gradients.turns` has it; None where
        none goes through it.
    """
    path = record["class_path"] > 0
    fresh = record["final_predictions"] == record["labs"]
    evidence = reliability.gathered(
        {config.attack.gradient: _outcome(record)}, path.shape[1], is_random=True
    )
    last = {}
    if "defended_last" in record:
        last = accuracy("robust_accuracy_last", record["defended_last"])
    return {
        "num_images": path.shape[1],
        **accuracy("natural_accuracy", path[0]),
        **accuracy("robust_accuracy", path[-1]),
        **last,
        **accuracy("robust_accuracy_fresh", fresh),
        **accuracy("robust_accuracy_worst", path[-1] & fresh),
        "by_step": path.mean(1).tolist(),
        "judged": judged(config, record),
        **({} if turn is None else {"chain_turns_gradients_by": turn}),
        **_reasons(reliability.reliability(evidence), config, turn),
    }


def judged(config: DefenseMeasurement, record: Arrays) -> dict[str, Any]:
    """Tables of verdicts on fresh noise, by copies, of each set of images."""
    copies, tables = resubmissions.counts(config), {}
    for which in (NATURAL, ATTACKED, LAST):
        start = f"{which}_{resubmissions.OWN}_of_"
        if any(name.startswith(start) for name in record):
            votes = {
                name.removeprefix(f"{which}_"): values
                for name, values in record.items()
                if name.startswith(f"{which}_")
            }
            tables[which] = resubmissions.table(
                votes, record["labs"], copies, config.num_resubmissions
            )
    return tables


def _reasons(
    known: dict[str, Any], config: DefenseMeasurement, turn: float | None
) -> dict[str, Any]:
    """What is known of reliability, with what there is to say of the gradient."""
    steps, through = config.defense.num_steps, config.steps_through
    is_chain = "chain" in config.attack.gradients
    of_all = "(--set attack.gradient=chain)"
    found = {
        "chain_not_seen": (
            bool(steps) and not is_chain,
            f"The attack does not differentiate through the {steps} steps of the "
            f"defence: the exact gradient may break more {of_all}.",
        ),
        "chain_cut": (
            is_chain and through < steps,
            f"The attack differentiates through {through} of {steps} steps: all of "
            "them may break more (--set attack.chain_steps=None).",
        ),
        "no_curvature": (
            turn is not None and turn < NO_TURN and config.attack.sharpness is None,
            "The chain does not turn gradients, as that of a piecewise linear energy "
            "(ReLU, leaky ReLU) never does: the exact gradient is that of BPDA and "
            "finds nothing new. Bend its rectifiers where it is attacked: --set "
            "attack.sharpness=50.",
        ),
    }
    flags = {name: raised for name, (raised, _) in found.items()}
    raised_now = [sentence for raised, sentence in found.values() if raised]
    return {"flags": known["flags"] | flags, "warnings": known["warnings"] + raised_now}


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
