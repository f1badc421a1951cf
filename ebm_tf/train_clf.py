"""Learns a classifier: python3 ebm_tf/train_clf.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("train_clf"))

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.core import to_mapping
from ebm_tf.config.selection import SelectedTraining
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import (
    check_labels,
    learning_stream,
    load_images,
    num_batches,
    num_images,
    open_for_learning,
    own_content,
)
from ebm_tf.data.sources import Source, deferred, unaugmented, where_it_lies
from ebm_tf.directions.opening import open_directions
from ebm_tf.evaluation.classifier_validation import (
    Evaluator,
    ImagesByPart,
    save_selected,
    selection,
    validate,
)
from ebm_tf.evaluation.removal import Removal, removal
from ebm_tf.evaluation.robustness import UNITS, accuracy
from ebm_tf.learning.adversary import adversary
from ebm_tf.learning.classifier import ClassifierState, Reward, make_step
from ebm_tf.learning.optimization import LabelledBatch, Learned, averaged, learned
from ebm_tf.models.catalogue import build as build_network
from ebm_tf.models.catalogue import in_inference
from ebm_tf.runtime import actions, plots, seeds
from ebm_tf.runtime.distribution import Replicas, distributed, make_replicas, replicated
from ebm_tf.runtime.learner import NUM_PICTURED, Learner, learn
from ebm_tf.runtime.learner import describe as describe_learner
from ebm_tf.runtime.loop import Action, Task, every
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.weight_files import FOLDER, weights_name
from ebm_tf.runtime.workspace import VALIDATION, Workspace
from ebm_tf.store.network_sources import CLASSIFIER, load_initial

SELECTED = f"{FOLDER}/{weights_name(CLASSIFIER, kind='selected')}"


class Sources(NamedTuple):
    """Images to learn from, to select weights by, and to measure once at the end."""

    data: Source
    validation: Source
    test: Source

    def epoch(self, config: SelectedTraining) -> int:
        """Updates in an epoch."""
        return num_batches(self.data, config.batch)

    def save_every(self, config: SelectedTraining) -> int:
        """Updates between checkpoints."""
        return config.save_every or config.validate_every or self.epoch(config)


class Networks(NamedTuple):
    """The network that learns, and one on the host for the best weights so far."""

    learned: Learned
    selected: keras.Model

    def average(self) -> keras.Model:
        """The network of averages, with those of now."""
        return averaged(self.learned)


def run(config: ClassifierTraining, workspace: Workspace) -> dict[str, Any]:
    """Learns, or goes on learning, and measures; the metrics of the first worker."""
    return learn(build(config, workspace), workspace)


def describe(config: ClassifierTraining) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    return describe_learner(build(config))


def build(config: ClassifierTraining, workspace: Workspace | None = None) -> Learner:
    """Composes data, network, attack, learning step and selection.

    Args:
      config: the experiment.
      workspace: where it is kept which images are not learned from.

    Raises:
      UserError: if a device is missing; if a dataset is, what first reads it.
    """
    replicas = make_replicas(config.device, config.in_lanes)
    for batch in (config.batch, config.evaluation_batch):
        replicas.batch_of_each(batch)
    sources = open_sources(config)
    removed = functools.cache(
        functools.partial(removal, config, sources.data, replicas, workspace)
    )
    if config.removal is not None:
        sources = sources._replace(data=_left(sources.data, removed))
    networks = make_networks(config, replicas)
    model = networks.learned.model
    reward = _reward(config, replicas, sources.data)
    evaluator = Evaluator(config, replicas, networks.learned.average)
    return Learner(
        config=config,
        replicas=replicas,
        task=_task(config, replicas, networks, sources.data, reward),
        networks={CLASSIFIER: model},
        initial_weights=lambda: load_initial(config, {CLASSIFIER: model}),
        save_every=functools.partial(sources.save_every, config),
        open_data=functools.partial(open_data, config, sources),
        actions=lambda workspace: [
            validating(evaluator, networks, sources, workspace),
            *_keeping(config, networks, workspace),
        ],
        before_save=lambda workspace: _saving(config, networks, workspace),
        measure=lambda workspace: {
            **measure(evaluator, networks, sources.test, workspace),
            **_removed(config, removed()),
        },
        notes=lambda: _notes(config, removed(), reward),
        inputs=lambda: {
            **own_content(config.data, **sources._asdict()),
            **(reward.directions.digests if reward else {}),
        },
    )


def open_sources(config: SelectedTraining) -> Sources:
    """The three parts of the data, of which only the first is augmented."""
    held_out = (config.validation_split, config.test_split)
    others = (unaugmented(config.data, split) for split in held_out)
    return Sources(
        deferred(lambda: open_for_learning(config.data, config.batch)),
        *(deferred(functools.partial(open_source, data)) for data in others),
    )


def measured_images(config: SelectedTraining, sources: Sources) -> ImagesByPart:
    """What is measured while learning: images of learning and of validation.

    Of the images of learning the first are taken, as many as there are others, in
    file order and not augmented.
    """
    data, limit = unaugmented(config.data), config.num_validation
    of_validation = load_images(sources.validation, data, limit=limit)
    of_learning = load_images(sources.data, data, limit=len(of_validation[1]))
    return {"train": of_learning, "validation": of_validation}


def make_networks(config: SelectedTraining, replicas: Replicas) -> Networks:
    """Builds the networks, with fresh weights."""
    data = config.data

    def make() -> keras.Model:
        return build_network(
            config.classifier, data.image_size, data.channels, config.compute_dtype
        )

    keras.utils.set_random_seed(seeds.integer(config.seed, Purpose.WEIGHTS))
    with replicas.strategy.scope():
        network = learned(config.optimizer, make)
    with tf.device("CPU"):
        return Networks(network, make())


def _reward(
    config: ClassifierTraining, replicas: Replicas, source: Source
) -> Reward | None:
    """Directions that gradients are rewarded for; None where none are."""
    if (settings := config.alignment) is None:
        return None
    with replicas.strategy.scope():
        directions = open_directions(
            settings.directions, config, source, "alignment.directions"
        )
    return Reward(settings.weight, directions)


def _task(
    config: ClassifierTraining,
    replicas: Replicas,
    networks: Networks,
    source: Source,
    reward: Reward | None,
) -> Task:
    """The learning step as the loop sees it."""
    network = networks.learned
    model = network.model
    attack = config.attack and adversary(
        in_inference(model), config.attack, config.ball, jit=replicas.jit
    )
    step = make_step(
        network,
        config.objective,
        attack=attack,
        weight_perturbation=config.weight_perturbation,
        reward=reward,
    )
    state = ClassifierState(tf.constant(0, tf.int64))
    return Task(
        step=replicated(replicas, step),
        initial_state=lambda: distributed(replicas, [state] * replicas.num_local),
        state_structure=ClassifierState(0),
        batches=lambda start: (
            LabelledBatch(element["image"], element["label"])
            for element in learning_stream(config, source, replicas, start)
        ),
        modules={
            CLASSIFIER: model,
            f"{CLASSIFIER}_optimizer": network.optimizer,
            f"{CLASSIFIER}_selected": networks.selected,
        },
        rates=[network.rate],
        rate_setting="optimizer.learning_rate",
    )


def validating(
    evaluator: Evaluator, networks: Networks, sources: Sources, workspace: Workspace
) -> Action:
    """Measures the averaged weights now and then, and keeps the best."""
    config = evaluator.config
    images, epoch = measured_images(config, sources), sources.epoch(config)
    action = validate(
        evaluator,
        images,
        workspace,
        average=networks.average,
        selected=networks.selected,
        epoch=epoch,
    )
    return every(config.validate_every or epoch, action, config.num_updates)


def _keeping(
    config: ClassifierTraining, networks: Networks, workspace: Workspace
) -> list[Action]:
    """Writes the averaged weights along the way, where that is asked for."""
    if config.keep_weights_every is None:
        return []
    save = actions.save_network(workspace, f"{CLASSIFIER}_average", networks.average)
    return [every(config.keep_weights_every, save)]


def _saving(
    config: ClassifierTraining, networks: Networks, workspace: Workspace
) -> list[Action]:
    """Writes the selected weights, and at the end the raw and the averaged ones."""
    model, average = networks.learned.model, networks.average
    models = {CLASSIFIER: lambda: model, f"{CLASSIFIER}_average": average}
    at_end = [actions.save_network(workspace, *item) for item in models.items()]
    best = save_selected(config, networks.selected, SELECTED, workspace)
    return [best, *(every(config.num_updates, action) for action in at_end)]


def measure(
    evaluator: Evaluator, networks: Networks, source: Source, workspace: Workspace
) -> dict[str, Any]:
    """Measures the selected weights on the test split, and shows its images.

    Returns:
      Accuracies with their 95 % intervals, on the first worker.
    """
    config = evaluator.config
    if not workspace.is_chief:
        return {}
    best = selection(config, workspace.read_metrics(name=VALIDATION))
    if best is None:
        raise ValueError("The last update is measured, and may be selected.")
    evaluator.model.set_weights(networks.selected.get_weights())
    data = unaugmented(config.data)
    images, labels = load_images(source, data, limit=config.num_test)
    workspace.log(
        f"Measuring the weights of update {best['step']} on {len(labels)} test images."
    )
    evaluation, attacked = evaluator.evaluate(images, labels, Purpose.TEST)
    _save_images(workspace, "natural", images)
    results = accuracy("test_accuracy", ~evaluation.natural_errors) | {
        "num_images": len(labels),
        "selected_update": best["step"],
        "weights": SELECTED,
        "validation_accuracy": 1.0 - best["validation_natural_error"],
    }
    if config.evaluation_attack is None:
        return results
    _save_images(workspace, "attacked", attacked)
    pgd = f"pgd{config.evaluation_attack.num_steps}_accuracy"
    return results | {
        **accuracy(pgd, ~evaluation.robust_errors),
        f"validation_{pgd}": 1.0 - best["validation_robust_error"],
        "evaluation_attack": to_mapping(config.evaluation_attack),
        "ball": to_mapping(config.ball),
        "units": UNITS,
    }


def _save_images(workspace: Workspace, kind: str, images: np.ndarray) -> None:
    path = workspace.path("images", f"test_{kind}.png")
    plots.save_grid(path, images[:NUM_PICTURED])


def open_data(config: SelectedTraining, sources: Sources, few: bool) -> Iterator[str]:
    """Opens the three parts of the data, and checks the labels that are used.

    Yields:
      How often what is measured, and lines on each part.
    """
    epoch, save_every = sources.epoch(config), sources.save_every(config)
    yield (
        f"epoch: {epoch} updates, of {config.num_updates}; measured every "
        f"{config.validate_every or epoch}, saved every {save_every}"
    )
    limits = (None, config.num_validation, config.num_test)
    used = list(zip(Sources._fields, sources, limits, strict=True))
    for role, source, limit in used:
        yield (
            f"{role}: {num_images(source, limit):,} images of {source.name}, "
            f"{source.split}, {where_it_lies(source)}"
        )
    classes, setting = config.classifier.num_classes, "classifier.num_classes"
    for _, source, limit in used:
        yield from check_labels(source, classes, setting=setting, few=few, limit=limit)


def _left(whole: Source, removed: Callable[[], Removal | None]) -> Source:
    """The images that are learned from, where it is first asked for them."""

    def opened() -> Source:
        found = removed()
        return whole if found is None else found.applied(whole)

    return deferred(opened)


def _notes(
    config: ClassifierTraining, removed: Removal | None, reward: Reward | None
) -> Iterator[str]:
    """What is left out, kept and rewarded, a line each."""
    if reward is not None:
        yield from reward.directions.lines
    if config.removal is not None and removed is not None:
        yield from removed.lines(config.removal)
    if config.keep_weights_every is not None:
        yield f"averaged weights: kept every {config.keep_weights_every} updates"


def _removed(config: ClassifierTraining, removed: Removal | None) -> dict[str, Any]:
    """What the results say of images that were left out."""
    if config.removal is None or removed is None:
        return {}
    return {"removal": to_mapping(config.removal) | removed.facts}
