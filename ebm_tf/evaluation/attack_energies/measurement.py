"""Measures the energies of a classifier, natural and under each of several attacks."""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.attacks.balls import PIXEL_AXES, euclidean
from ebm_tf.attacks.outcomes import errs
from ebm_tf.config.analysis import Analysis
from ebm_tf.config.attack_energies import AttackEnergies
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import to_mapping
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.attack_energies import plots
from ebm_tf.evaluation.attack_energies.attacks import (
    EnergyAttack,
    energy_attacks,
    in_words,
)
from ebm_tf.evaluation.attack_phases import Place, in_batches
from ebm_tf.evaluation.batch_files import Arrays
from ebm_tf.evaluation.energy_statistics import (
    Energies,
    Evaluation,
    energies,
    statistics,
)
from ebm_tf.evaluation.robustness import accuracy
from ebm_tf.protocols import AttackFn, Classifier
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.files import save_arrays
from ebm_tf.runtime.rows import KeyFn, over_rows
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.store.models import CLASSIFIER, LoadedModel

ARRAYS = "attack_energies.npz"
NATURAL = "natural"
MEANINGS = {
    "attacks": "marginal is E(x) = -logsumexp of the logits, joint E(x, y) = minus the "
    "logit of the label, attacked_ the same at the attacked image x*, delta_ the "
    "natural less the attacked one; means with 95 % intervals of the percentile "
    "bootstrap; all: all images, fooled: those that were right and are wrong at x*; "
    "accuracies are shares of images that are right at x and at x*; worst_case: by all "
    "attacks that stay in the ball; distances in 255ths of the pixel range"
}


class Measured(NamedTuple):
    """The energies under an attack.

    Attributes:
      evaluation: logits and errors.
      energies: natural ones, and their differences to the attacked ones.
      outcome: arrays [n]: "linf" and "l2" distances in 255ths, besides the logits.
    """

    evaluation: Evaluation
    energies: Energies
    outcome: Arrays


class AttackStudy(NamedTuple):
    """A classifier, and the attacks after which its energies are measured.

    Attributes:
      config: of the analysis.
      settings: of the attacks.
      model: the classifier.
      replicas: the devices.
      attacks: by name.
    """

    config: Analysis
    settings: AttackEnergies
    model: LoadedModel
    replicas: Replicas
    attacks: Mapping[str, EnergyAttack]

    def lines(self) -> Iterator[str]:
        """For a dry run."""
        ball, num = self.settings.ball, self.settings.num_images
        images = "all test images" if num is None else f"the first {num:,} test images"
        yield f"attacks on {images}, {ball.norm} radius {ball.epsilon:g}/255:"
        for name, one in self.attacks.items():
            yield f"  {name}: {in_words(one.budget)}; keeps {one.keeps}"


def open_study(
    config: Analysis, model: LoadedModel, replicas: Replicas
) -> AttackStudy | None:
    """Composes attacks, where energies are to be measured after any.

    Raises:
      ConfigError: if the logits of the classifier do not define its energies, or are
        too few for an attack.
    """
    settings = config.attacks
    if settings is None:
        return None
    network = model.sources[CLASSIFIER].settings
    if isinstance(network, ClassifierNetwork) and network.energy_head:
        raise ConfigError(
            "Expected classifier.energy_head=False where energies are measured under "
            "attacks: E(x) and E(x, y) are made of the logits."
        )
    num_classes = model.networks[CLASSIFIER].output_shape[-1]
    attacks = energy_attacks(settings, model.classifier, num_classes)
    return AttackStudy(config, settings, model, replicas, attacks)


def attacked_rows(attack: AttackFn, classifier: Classifier) -> Callable:
    """The function of rows that attacks images, and looks at the result.

    Returns:
      (images, labels, radii float32 [n], key) -> "logits" [n, k] of the attacked
      images and their distances "linf" and "l2" in 255ths, [n].
    """

    def run(
        images: tf.Tensor, labels: tf.Tensor, epsilon: tf.Tensor, key: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        moved = attack(images, labels, epsilon, key).images
        unit = pixels.from_255ths(1.0)
        return {
            "logits": classifier(moved),
            "linf": tf.reduce_max(tf.abs(moved - images), PIXEL_AXES) / unit,
            "l2": euclidean(moved, images) / unit,
        }

    return run


def measure(
    study: AttackStudy, images: np.ndarray, labels: np.ndarray, workspace: Workspace
) -> tuple[dict[str, Any], list[str]]:
    """Attacks images [n, H, W, C] of labels [n] with every attack.

    Returns:
      The figures, and reasons not to believe them. On the first worker arrays and a
      picture are written.

    Raises:
      EarlyStopError: if a signal asked to stop; the batches that were done are kept.
    """
    images, labels = (v[: study.settings.num_images] for v in (images, labels))
    classifier, batch = study.model.classifier, study.config.batch
    natural = over_rows(classifier, study.replicas, batch)(images)
    found = {}
    for name, one in study.attacks.items():
        outcome = _outcome(study, name, one, (images, labels), workspace)
        evaluation = _evaluation(natural, outcome["logits"], labels)
        found[name] = Measured(evaluation, energies(evaluation), outcome)
        workspace.log(_line(name, one, found[name]))
    if workspace.is_chief:
        save_arrays(workspace.path(ARRAYS), **arrays(found))
        titles = {
            name: f"{one.title} ({in_words(one.budget)})"
            for name, one in study.attacks.items()
        }
        path = workspace.path("plots", "attack_energies.png")
        plots.save_energies(path, {titles[n]: of.energies for n, of in found.items()})
    return _results(study, found), list(_warnings(found))


def _outcome(
    study: AttackStudy,
    name: str,
    one: EnergyAttack,
    labelled: tuple[np.ndarray, np.ndarray],
    workspace: Workspace,
) -> Arrays:
    """The arrays of all images after an attack."""
    images, labels = labelled
    config, replicas = study.config, study.replicas
    rows = attacked_rows(one.attack, study.model.classifier)
    run = over_rows(rows, replicas, config.batch)
    epsilon = np.full(len(labels), one.radius, np.float32)

    def function(rows: slice, keys: KeyFn) -> Arrays:
        return run(images[rows], labels[rows], epsilon[rows], keys=keys)

    place = Place(replicas, workspace, config.batch, config.seed)
    return in_batches(name, function, np.arange(len(labels)), place)


def _evaluation(
    natural: np.ndarray, attacked: np.ndarray, labels: np.ndarray
) -> Evaluation:
    return Evaluation(natural, attacked, labels, errs(attacked, labels).numpy())


def arrays(found: Mapping[str, Measured]) -> dict[str, np.ndarray]:
    """What was measured of every image, under natural/NAME and ATTACK/NAME."""
    first = next(iter(found.values()))
    values = {
        "labels": first.evaluation.labels,
        f"{NATURAL}/logits": first.evaluation.natural,
        f"{NATURAL}/wrong": first.evaluation.natural_errors,
        f"{NATURAL}/marginal": first.energies.marginal,
        f"{NATURAL}/joint": first.energies.joint,
    }
    for name, (evaluation, energy, outcome) in found.items():
        columns = energy.columns()
        own = {
            "wrong": evaluation.broken,
            "fooled": evaluation.fooled,
            "marginal": columns["attacked_marginal"],
            "joint": columns["attacked_joint"],
        }
        values |= {f"{name}/{kind}": v for kind, v in (outcome | own).items()}
    return values


def _results(study: AttackStudy, found: Mapping[str, Measured]) -> dict[str, Any]:
    first = next(iter(found.values())).evaluation
    bounded = [name for name, one in study.attacks.items() if one.is_bounded]
    worst = [found[name].evaluation.robust_errors for name in bounded]
    return {
        "classifier": _name(study.model),
        "num_images": len(first.labels),
        **accuracy("natural_accuracy", ~first.natural_errors),
        "worst_case": worst
        and {"attacks": bounded, **accuracy("accuracy", ~np.any(worst, axis=0))},
        "by_attack": {
            name: {
                "title": one.title,
                "budget": one.budget,
                "keeps": one.keeps,
                **_row(study.config, found[name]),
            }
            for name, one in study.attacks.items()
        },
        "settings": to_mapping(study.settings),
    }


def _name(model: LoadedModel) -> str:
    """What the classifier is called: as the run that learned it, or as its file."""
    found = model.sources[CLASSIFIER]
    if found.source is None:
        return found.settings.name
    learned = found.source.config
    return learned.name if learned else os.path.basename(found.source.path)


def _row(config: Analysis, measured: Measured) -> dict[str, Any]:
    """The figures of one attack."""
    evaluation, energy, outcome = measured
    columns, fooled, finite = energy.columns(), evaluation.fooled, energy.finite
    draws = {
        "num_draws": config.num_draws,
        "seed": seeds.integer(config.seed, Purpose.STATISTICS),
    }
    row = {
        **accuracy("accuracy", ~evaluation.robust_errors),
        "num_fooled": int(fooled.sum()),
        "num_not_finite": int((~finite).sum()),
    }
    for norm in ("linf", "l2"):
        middle = float(np.median(outcome[norm][fooled])) if fooled.any() else None
        row[f"median_{norm}_of_fooled"] = middle
    return row | {
        "all": statistics(columns, finite, **draws),
        "fooled": statistics(columns, finite & fooled, **draws),
    }


def _line(name: str, one: EnergyAttack, measured: Measured) -> str:
    """The main figures of an attack, for people."""
    evaluation, energy, _ = measured
    means = {name: values.mean() for name, values in energy.columns().items()}
    return (
        f"{name}, {in_words(one.budget)}: accuracy "
        f"{1.0 - evaluation.robust_errors.mean():.3f}; mean E(x) "
        f"{means['marginal']:.2f}, attacked {means['attacked_marginal']:.2f}; E(x, y) "
        f"{means['joint']:.2f}, attacked {means['attacked_joint']:.2f}"
    )


def _warnings(found: Mapping[str, Measured]) -> Iterator[str]:
    for name, (_, energy, _) in found.items():
        if number := int((~energy.finite).sum()):
            yield (
                f"Of {len(energy.finite)} images {number} have energies, natural or "
                f"under {name}, that are not finite; statistics leave them out."
            )
