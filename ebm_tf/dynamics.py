"""Follows energies along learning: python3 ebm_tf/dynamics.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("dynamics"))

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ebm_tf.config.core import to_mapping
from ebm_tf.config.dynamics import EnergyDynamics
from ebm_tf.config.selection import SelectedTraining
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.data.sources import FIRST_FEW, require_classes, unaugmented
from ebm_tf.errors import ConfigError, WeightsError
from ebm_tf.evaluation.classifier_validation import Evaluator, ImagesByPart
from ebm_tf.evaluation.dynamics import plots
from ebm_tf.evaluation.dynamics.tracks import (
    MEANINGS,
    Track,
    arrays,
    moment,
    overfitting,
)
from ebm_tf.runtime.distribution import Replicas, make_replicas
from ebm_tf.runtime.files import save_arrays
from ebm_tf.runtime.learner import summary
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import VALIDATION, Workspace
from ebm_tf.store.models import LoadedModel, open_model
from ebm_tf.store.network_sources import CLASSIFIER
from ebm_tf.store.provenance import Provenance, provenance
from ebm_tf.store.sources import find


class Run(NamedTuple):
    """A run whose kept weights are measured.

    Attributes:
      folder: where it is.
      model: its classifier.
      updates: after which weights were kept, and are measured.
      epoch: updates in one of its epochs.
      provenance: what there is to say of the test images.
    """

    folder: str
    model: LoadedModel
    updates: list[int]
    epoch: float
    provenance: Provenance


def run(config: EnergyDynamics, workspace: Workspace) -> dict[str, Any]:
    """Measures each run, then shows all of them.

    Returns:
      On the first worker, the figures of every epoch and what they were made with;
      nothing on others, which have nothing to do.
    """
    replicas = _replicas(config)
    opened = open_runs(config, replicas)
    images = measured_images(config, opened)
    if not workspace.is_chief:
        return {}
    tracks, warnings = [], []
    for name, one in opened.items():
        workspace.log(f"{name}: {len(one.updates)} files of weights of {one.folder}")
        one.provenance.log_notes(workspace)
        tracks.append(_track(config, replicas, name, one, images, workspace))
        warnings += [f"{name}: {warning}" for warning in one.provenance.warnings]
    for warning in warnings:
        workspace.log(f"Warning: {warning}")
    _save(config, workspace, tracks, images)
    return {
        "runs": {
            track.name: {
                "folder": opened[track.name].folder,
                "robust_overfitting": overfitting(track),
                "by_epoch": track.rows,
            }
            for track in tracks
        },
        "num_images": {name: len(labels) for name, (_, labels) in images.items()},
        "data": config.data.name,
        "splits": config.splits,
        "evaluation_attack": to_mapping(config.evaluation_attack),
        "ball": to_mapping(config.ball),
        "seed": config.seed,
        "warnings": warnings,
        "units": MEANINGS,
    }


def describe(config: EnergyDynamics) -> Iterator[str]:
    """What a run would measure, a line each; nothing is written."""
    opened = open_runs(config, _replicas(config))
    images = measured_images(config, opened, FIRST_FEW)
    for name, one in opened.items():
        yield summary(name, one.model.networks[CLASSIFIER])
        first, last = one.updates[0], one.updates[-1]
        yield (
            f"{name}: {len(one.updates)} files of weights, update {first} (epoch "
            f"{first / one.epoch:.3g}) to {last} (epoch {last / one.epoch:.3g})"
        )
        yield from (f"{name}: {line}" for line in one.provenance.lines())
    for part, (_, labels) in images.items():
        yield f"{part}: {len(labels)} images of {config.data.name} at least are there"


def _replicas(config: EnergyDynamics) -> Replicas:
    replicas = make_replicas(config.device, config.in_lanes)
    replicas.batch_of_each(config.evaluation_batch)
    return replicas


def open_runs(config: EnergyDynamics, replicas: Replicas) -> dict[str, Run]:
    """Builds the classifier of each run, and finds the weights that it kept.

    Raises:
      UserError: if there is no run, or one did not keep what is needed.
    """
    if not config.runs:
        raise ConfigError(
            f"{config.name} needs runs to follow: --set \"runs=('RUN', 'RUN')\"."
        )
    opened: dict[str, Run] = {}
    for index, folder in enumerate(config.runs):
        learned = find(folder).config
        if not isinstance(learned, SelectedTraining):
            raise ConfigError(
                f"{folder} is not the folder of a run of train_clf.py or train_jem.py."
            )
        name = learned.name
        if name in opened:
            name = f"{name}_{index}"
        opened[name] = _open_run(config, folder, learned, replicas)
    return opened


def _open_run(
    config: EnergyDynamics, folder: str, learned: SelectedTraining, replicas: Replicas
) -> Run:
    measurement = config.measurement(folder, learned)
    with replicas.strategy.scope():
        model = open_model(measurement, [CLASSIFIER], shared=folder, kind="averaged")
    source = find(folder)
    kept = source.steps(CLASSIFIER)
    updates = config.sweep.chosen(kept)
    if len(updates) < 2:
        there = ", ".join(map(str, kept)) or "none"
        raise WeightsError(
            f"Expected averaged weights of at least two moments in {folder}, which has "
            f"{there}: learn with --set keep_weights_every=UPDATES, such as an epoch's."
        )
    lines = Workspace(source.folder).read_metrics(name=VALIDATION)
    if not lines:
        raise WeightsError(f"{folder} has no {VALIDATION}, which says its epochs.")
    epoch = lines[-1]["step"] / lines[-1]["epoch"]
    found = provenance(measurement, model.sources, [config.test_split])
    return Run(source.folder, model, updates, epoch, found)


def measured_images(
    config: EnergyDynamics, opened: Mapping[str, Run], num: int | None = None
) -> ImagesByPart:
    """Images float32 [n, H, W, C] and labels int64 [n] of each set, in file order.

    Raises:
      DataError: if one cannot be read, or a label is no class of every run.
    """
    networks = [one.model.networks[CLASSIFIER] for one in opened.values()]
    classes = min(network.output_shape[-1] for network in networks)
    found = {}
    limit = min(num, config.num_images or num) if num else config.num_images
    for name, split in config.splits.items():
        data = unaugmented(config.data, split)
        source = open_source(data)
        found[name] = load_images(source, data, limit=limit)
        setting = "the classifiers' num_classes"
        require_classes(found[name][1], classes, source, setting=setting)
    return found


def _track(
    config: EnergyDynamics,
    replicas: Replicas,
    name: str,
    one: Run,
    images: ImagesByPart,
    workspace: Workspace,
) -> Track:
    """Attacks the images by each of the weights, from the same starts each time."""
    evaluator = Evaluator(config, replicas, one.model.networks[CLASSIFIER])
    moments = []
    for update in one.updates:
        one.model.load(update)
        found = {
            part: evaluator.evaluate(*labelled, Purpose.TEST)[0]
            for part, labelled in images.items()
        }
        moments.append(moment(update, update / one.epoch, found))
        row = moments[-1].row
        workspace.log(
            f"{name}, epoch {row['epoch']:.4g}: robust error "
            f"{row['test_robust_error']:.4f}, mean E(x) - E(x*) "
            f"{row['train_delta_marginal_mean']:.4f} on training images, "
            f"{row['test_delta_marginal_mean']:.4f} on test images"
        )
    return Track(name, moments)


def _save(
    config: EnergyDynamics,
    workspace: Workspace,
    tracks: list[Track],
    images: ImagesByPart,
) -> None:
    """Writes the energies of every image, the curves and the animation."""
    labels = {f"labels/{name}": values for name, (_, values) in images.items()}
    save_arrays(workspace.path("energies.npz"), **labels, **arrays(tracks))
    plots.save_curves(workspace.path("plots", "energy_dynamics.png"), tracks)
    shown = tracks, config.shown, config.num_shown
    path = workspace.path("images", "energies.gif")
    plots.save_animation(path, *shown, config.milliseconds)
    plots.save_last_frame(workspace.path("images", "energies_last.png"), *shown)
