"""Measures the energies of a classifier, natural and under each of several attacks."""

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
from ebm_tf.evaluation.attack_energies import figures, plots
from ebm_tf.evaluation.attack_energies.attacks import (
    EnergyAttack,
    energy_attacks,
    in_words,
)
from ebm_tf.evaluation.attack_energies.figures import Measured
from ebm_tf.evaluation.attack_phases import Place, in_batches
from ebm_tf.evaluation.batch_files import Arrays
from ebm_tf.evaluation.energy_statistics import Evaluation, energies
from ebm_tf.protocols import AttackFn, Classifier
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.files import save_arrays
from ebm_tf.runtime.rows import KeyFn, over_rows
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.store.models import LoadedModel
from ebm_tf.store.network_sources import CLASSIFIER


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
        workspace.log(figures.line(name, one, found[name]))
    if workspace.is_chief:
        save_arrays(workspace.path(figures.ARRAYS), **figures.arrays(found))
        titles = {
            name: f"{one.title} ({in_words(one.budget)})"
            for name, one in study.attacks.items()
        }
        path = workspace.path("plots", "attack_energies.png")
        plots.save_energies(path, {titles[n]: of.energies for n, of in found.items()})
    results = {
        "classifier": study.model.name_of(CLASSIFIER),
        **figures.results(study.config, study.attacks, found),
        "settings": to_mapping(study.settings),
    }
    return results, list(figures.warnings(found))


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
