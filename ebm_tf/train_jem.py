"""Learns a joint energy-based model: python3 ebm_tf/train_jem.py CONFIG.

It is a classifier like that of `train_clf.py`, with its parts of the data and its
selection of weights, whose energies are learned from chains like those of `train.py`.
"""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("train_jem"))

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ebm_tf import train_clf
from ebm_tf.config.joint import JointTraining
from ebm_tf.config.parts import Data
from ebm_tf.data.arrays import few_of_each_class
from ebm_tf.data.pipelines import batches, first_images, own_content
from ebm_tf.data.sources import Source, unaugmented
from ebm_tf.energies import network, tempered
from ebm_tf.evaluation.classifier_validation import Evaluator, save_selected
from ebm_tf.evaluation.quality import measure_chains
from ebm_tf.evaluation.training.plots import plot_diagnosis
from ebm_tf.learning.joint import JointBatch, Noise, Sampler, make_step
from ebm_tf.models.ebm import EbmModels, image_shape, marginal_energy
from ebm_tf.protocols import Chains
from ebm_tf.runtime import actions, plots, seeds
from ebm_tf.runtime.distribution import Replicas, local, make_replicas, replicated
from ebm_tf.runtime.learner import NUM_PICTURED, Learner, entry_points
from ebm_tf.runtime.loop import Action, Moment, Task, every
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.sampling.annealing import from_noise
from ebm_tf.sampling.chain_runner import NUM_FOLLOWED, EbmSampling, class_order
from ebm_tf.sampling.chains import chain_source
from ebm_tf.store.network_sources import CLASSIFIER, load_initial
from ebm_tf.train_clf import SELECTED, Networks, Sources


def build(config: JointTraining) -> Learner:
    """Composes data, network, chains, learning step and selection.

    Raises:
      UserError: if a device is missing; if a dataset is, what first reads it.
    """
    replicas = make_replicas(config.device, config.in_lanes)
    for batch in (config.batch, config.evaluation_batch):
        replicas.batch_of_each(batch)
    sources = train_clf.open_sources(config)
    networks = train_clf.make_networks(config, replicas)
    model = networks.learned.model
    evaluator = Evaluator(config, replicas, networks.learned.average)
    chains = _chains(config, replicas, model, sources.data)
    return Learner(
        config=config,
        replicas=replicas,
        task=_task(config, replicas, networks, chains, sources.data),
        networks={CLASSIFIER: model},
        initial_weights=lambda: load_initial(config, {CLASSIFIER: model}),
        save_every=functools.partial(sources.save_every, config),
        open_data=functools.partial(train_clf.open_data, config, sources),
        examples=functools.partial(first_images, sources.data, config.data),
        actions=lambda workspace: [
            train_clf.validating(evaluator, networks, sources, workspace),
            *_pictures(config, chains, workspace),
        ],
        weights={CLASSIFIER: lambda: model, f"{CLASSIFIER}_average": networks.average},
        before_save=lambda workspace: [
            save_selected(config, networks.selected, SELECTED, workspace)
        ],
        measure=functools.partial(_measure, evaluator, networks, chains, sources),
        notes=functools.partial(_notes, chains),
        inputs=lambda: own_content(config.data, **sources._asdict()),
    )


def _chains(
    config: JointTraining, replicas: Replicas, model: keras.Model, source: Source
) -> EbmSampling | None:
    """The chains on the energies of the network; None where no term needs any."""
    if config.chains is None:
        return None
    return EbmSampling(config, replicas, _models(model), source)


def _models(classifier: keras.Model) -> EbmModels:
    return EbmModels(marginal_energy(classifier), None, None)


def _task(
    config: JointTraining,
    replicas: Replicas,
    networks: Networks,
    chains: EbmSampling | None,
    source: Source,
) -> Task:
    """The learning step as the loop sees it."""
    classifier = networks.learned
    labelled = config.labelled
    with replicas.strategy.scope():
        extra_steps = tf.Variable(0, trainable=False, name="extra_steps")
    step = make_step(
        classifier,
        config.terms,
        _sampler(config, chains, extra_steps),
        temperature=config.temperature,
        noise=Noise(config.data_epsilon, labelled.data_epsilon if labelled else 0.0),
        by_batches=config.classifier.norm == "batch",
        sharpness_aware=config.sharpness_aware,
    )
    return Task(
        step=replicated(replicas, step),
        initial_state=chains.initial_state if chains else tuple,
        state_structure=chains.state_structure if chains else (),
        batches=functools.partial(_batches, config, replicas, chains, source),
        modules={
            CLASSIFIER: classifier.model,
            f"{CLASSIFIER}_optimizer": classifier.optimizer,
            f"{CLASSIFIER}_selected": networks.selected,
        },
        rates=[classifier.rate],
        on_rollbacks=lambda count: extra_steps.assign(count * config.extra_steps),
        rate_setting="optimizer.learning_rate",
        num_dimensions=int(np.prod(image_shape(config))),
    )


def _sampler(
    config: JointTraining, chains: EbmSampling | None, extra_steps: tf.Variable
) -> Sampler | None:
    """What gives the chains of a step, which may take more steps than was said."""
    if chains is None or config.chains is None:
        return None
    move = chains.sample

    def sample(chains: Chains, num_steps: Any, seed: tf.Tensor, **how: Any) -> Any:
        return move(chains, num_steps + extra_steps, seed, **how)

    source = chain_source(config.chains)
    return Sampler(source, sample, chains.initializer, chains.replica_batch)


def _batches(
    config: JointTraining,
    replicas: Replicas,
    chains: EbmSampling | None,
    source: Source,
    start: int,
) -> Iterator[JointBatch]:
    """Images with labels, images of p(x) and starts of chains, from an update on."""

    def stream(
        source: Source, data: Data, batch: int, purpose: Purpose
    ) -> Iterator[dict[str, Any]]:
        return batches(
            source,
            data,
            batch=batch,
            seed=seeds.integer(config.seed, purpose),
            start=start,
            strategy=replicas.strategy,
        )

    apart = config.labelled
    labelled = stream(
        _with_labels(config, source),
        config.data,
        apart.batch if apart else config.batch,
        Purpose.DATA,
    )
    positives = None
    if apart and config.terms.marginal:
        augmented = apart.positives_augmented
        data = config.data if augmented else unaugmented(config.data)
        positives = stream(source, data, config.batch, Purpose.POSITIVES)
    starts = chains and chains.starts(Purpose.STARTS, start)
    for element in labelled:
        yield JointBatch(
            element["image"],
            element["label"],
            next(positives)["image"] if positives else (),
            next(starts)["image"] if starts else tf.zeros([0]),
        )


def _with_labels(config: JointTraining, source: Source) -> Source:
    """The images whose labels may be used: all, or a few of each class."""
    labelled = config.labelled
    if labelled is None or labelled.per_class is None:
        return source
    return few_of_each_class(
        source,
        labelled.per_class,
        config.classifier.num_classes,
        seeds.integer(config.seed, Purpose.LABELLED),
        least=labelled.batch,
    )


def _pictures(
    config: JointTraining, chains: EbmSampling | None, workspace: Workspace
) -> list[Action]:
    """Pictures of chains and of the replay buffer, and the diagnosis plot."""
    if chains is None:
        return []

    def first(found: Any) -> np.ndarray:
        """Some chains of the first replica, those of each class together."""
        here = local(chains.replicas, found)[0]
        few = tf.nest.map_structure(lambda leaf: leaf[:NUM_PICTURED], here)
        return few.images.numpy()[class_order(few.labels)]

    shown: dict[str, actions.ImagesFn] = {
        "samples": lambda moment: first(moment.outputs)
    }
    if hasattr(config.chains, "bank_size"):
        shown["bank"] = lambda moment: first(moment.state.bank)
    found = [
        plot_diagnosis(workspace, config.log_every, config.num_updates),
        every(config.picture_every, actions.save_pictures(workspace, shown), 1),
    ]
    if config.animate_every is not None:
        found.append(every(config.animate_every, _animate(chains, workspace)))
    return found


def _animate(chains: EbmSampling, workspace: Workspace) -> Action:
    """Shows long chains of the current weights on their way from noise."""
    config = chains.config
    energy = tempered(network(chains.models.energy), config.temperature)
    frames = from_noise(energy, image_shape(config), NUM_FOLLOWED)
    key = seeds.key(config.seed, Purpose.PICTURES)

    def animate(moment: Moment) -> None:
        path = workspace.path("images", f"annealed_{moment.step:08d}.gif")
        plots.save_animation(path, frames(key).numpy())

    return animate


def _measure(
    evaluator: Evaluator,
    networks: Networks,
    chains: EbmSampling | None,
    sources: Sources,
    workspace: Workspace,
) -> dict[str, Any]:
    """The selected weights: accuracy on the test split, and fresh chains."""
    results = train_clf.measure(evaluator, networks, sources.test, workspace)
    if chains is None:
        return results
    if workspace.is_chief:  # the other images are those that samples are compared with
        results["num_test_images"] = results.pop("num_images")
    model = evaluator.model
    model.set_weights(networks.selected.get_weights())  # on every worker
    fresh = dataclasses.replace(chains, models=_models(model))
    return results | measure_chains(fresh, chains.config.samples, workspace)


def _notes(chains: EbmSampling | None) -> Iterable[str]:
    """The replay buffer, for a dry run."""
    if chains is not None:
        count = chains.bank_sizes.bank * chains.replicas.count
        yield f"bank: {count:,} chains, {count * chains.chain_bytes:,} bytes"


run, describe = entry_points(build)
