"""Learns an energy-based model: python3 ebm_tf/train.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("train"))

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ebm_tf.config.chains import BurnIn
from ebm_tf.config.ebm import EbmLearning
from ebm_tf.data.pipelines import (
    describe_data,
    first_images,
    learning_stream,
    open_for_learning,
    own_content,
)
from ebm_tf.data.sources import Source, deferred
from ebm_tf.evaluation.quality import measure_chains
from ebm_tf.evaluation.training.plots import plot_diagnosis
from ebm_tf.learning.ebm import EbmBatch, cooperative_update, make_step
from ebm_tf.learning.generator import renewed_average
from ebm_tf.learning.optimization import Learned, averaged, learned
from ebm_tf.models.catalogue import latent_prior
from ebm_tf.models.ebm import EbmModels, build_energy, generator_parts, image_shape
from ebm_tf.protocols import Chains
from ebm_tf.runtime import actions, seeds
from ebm_tf.runtime.distribution import Replicas, local, make_replicas, replicated
from ebm_tf.runtime.learner import NUM_PICTURED, Learner, entry_points
from ebm_tf.runtime.loop import Action, Moment, Task, every
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.sampling.chain_runner import EbmSampling
from ebm_tf.sampling.chains import chain_source
from ebm_tf.store.network_sources import load_initial

Average = Callable[[], keras.Model]


def build(config: EbmLearning, source: Source | None = None) -> Learner:
    """Composes data, networks, chains and the learning step.

    Args:
      config: the experiment.
      source: images to learn from in place of those that the config names.

    Raises:
      UserError: if a device is missing; if a dataset is, what first reads it.
    """
    replicas = make_replicas(config.device, config.in_lanes)
    replicas.batch_of_each(config.batch)  # raises where they do not divide it
    if source is None and config.data.name != "generator":
        source = deferred(lambda: open_for_learning(config.data, config.batch))
    learning, models = _networks(config, replicas)
    frozen = {role: m for role, m in models.by_role.items() if role not in learning}
    chains = EbmSampling(config, replicas, models, source)
    averages = _averages(config, learning)
    return Learner(
        config=config,
        replicas=replicas,
        task=_task(config, chains, learning),
        networks=models.by_role,
        initial_weights=lambda: load_initial(config, models.by_role, frozen),
        save_every=lambda: config.save_every,
        open_data=lambda few: [describe_data(source)] if source else [],
        examples=source and functools.partial(first_images, source, config.data),
        weights={role: lambda n=network: n.model for role, network in learning.items()}
        | {f"{role}_average": average for role, average in averages.items()},
        frozen=frozen,
        actions=lambda workspace: _actions(config, chains, learning, workspace),
        measure=functools.partial(_measure, config, chains, averages),
        notes=functools.partial(_notes, chains),
        inputs=functools.partial(own_content, config.data, data=source),
    )


def _networks(
    config: EbmLearning, replicas: Replicas
) -> tuple[dict[str, Learned], EbmModels]:
    """The networks that learn, by role, and all, with their current weights."""
    settings = {
        "energy": config.energy,
        "generator": config.generator,
        "prior": config.prior,
    }
    optimizers = {
        "energy": config.energy_optimizer,
        "generator": config.generator_optimizer,
    }
    data, dtype = config.data, config.compute_dtype
    learning: dict[str, Learned] = {}
    models: dict[str, keras.Model | None] = {}
    keras.utils.set_random_seed(seeds.integer(config.seed, Purpose.WEIGHTS))
    with replicas.strategy.scope():
        for role, network in settings.items():
            make = functools.partial(
                build_energy, network, data.image_size, data.channels, dtype
            )
            if network is None:
                models[role] = None
            elif optimizer := optimizers.get(role):
                learning[role] = learned(optimizer, make)
                models[role] = learning[role].model
            else:
                models[role] = make()
    return learning, EbmModels(**models)


def _task(
    config: EbmLearning, chains: EbmSampling, learning: dict[str, Learned]
) -> Task:
    """The learning step as the loop sees it."""
    replicas = chains.replicas
    step = make_step(
        learning["energy"],
        chain_source(config.chains),
        chains.sample,
        initializer=chains.initializer,
        positives=_positives(config, chains),
        temperature=config.temperature,
        data_epsilon=config.data_epsilon,
        update_generator=_generator_update(config, learning),
    )
    optimizers = {f"{role}_optimizer": n.optimizer for role, n in learning.items()}
    return Task(
        step=replicated(replicas, step),
        initial_state=chains.initial_state,
        state_structure=chains.state_structure,
        batches=lambda start: _batches(chains, start),
        # Frozen networks too: their files may change while a run is stopped.
        modules=chains.models.by_role | optimizers,
        rates=[network.rate for network in learning.values()],
        num_dimensions=int(np.prod(image_shape(config))),
    )


def _positives(
    config: EbmLearning, chains: EbmSampling
) -> Callable[[EbmBatch, tf.Tensor], tf.Tensor]:
    """The data of a step: images of the batch, or of the generator."""
    if chains.source is not None:
        return lambda batch, _: batch.images
    generate, draw_latents = generator_parts(config, chains.models.generator)
    return lambda _, seed: generate(draw_latents(chains.replica_batch, seed))


def _generator_update(
    config: EbmLearning, learning: dict[str, Learned]
) -> Callable[[Chains], dict[str, tf.Tensor]] | None:
    """How the generator learns from chains; None where it does not."""
    if "generator" not in learning or config.generator is None:
        return None
    training = config.generator.batch_norm_training
    return lambda chains: cooperative_update(
        learning["generator"], chains, training=training
    )


def _batches(chains: EbmSampling, start: int) -> Iterator[EbmBatch]:
    """Joins data and starts of chains, where there are such, from an update on."""
    images = chains.source and learning_stream(
        chains.config, chains.source, chains.replicas, start
    )
    starts = chains.starts(Purpose.STARTS, start)
    nothing = tf.zeros([0])
    while True:
        yield EbmBatch(
            next(images)["image"] if images else nothing,
            next(starts)["image"] if starts else nothing,
        )


def _averages(config: EbmLearning, learning: dict[str, Learned]) -> dict[str, Average]:
    """What gives the averaged weights of now, for each network that learns, by role.

    Moving statistics go with them as they are, but for those of a generator that
    learns by the statistics of its batches: they are computed again.
    """
    means: dict[str, Average] = {
        role: functools.partial(averaged, network) for role, network in learning.items()
    }
    settings = config.generator
    if "generator" in means and settings and settings.batch_norm_training:
        means["generator"] = renewed_average(
            learning["generator"],
            latent_prior(settings),
            batch=config.batch,
            key=seeds.key(config.seed, Purpose.STATISTICS),
        )
    return means


def _actions(
    config: EbmLearning,
    chains: EbmSampling,
    learning: dict[str, Learned],
    workspace: Workspace,
) -> list[Action]:
    """Pictures of chains, banks and generator, and the diagnosis plot."""

    def first(images: Any) -> np.ndarray:
        return local(chains.replicas, images)[0][:NUM_PICTURED].numpy()

    def generated(moment: Moment) -> np.ndarray:
        latents = local(chains.replicas, moment.outputs.latents)[0]
        return learning["generator"].model(latents, training=False).numpy()

    pictures: dict[str, actions.ImagesFn] = {
        "samples": lambda moment: first(moment.outputs.images)
    }
    if hasattr(config.chains, "bank_size"):
        pictures["bank"] = lambda moment: first(moment.state.bank.images)
    if isinstance(config.chains, BurnIn):
        pictures["burn_in"] = lambda moment: first(moment.state.burn_in.images)
    if "generator" in learning:
        pictures["generator"] = generated
    return [
        plot_diagnosis(workspace, config.log_every, config.num_updates),
        every(config.picture_every, actions.save_pictures(workspace, pictures), 1),
    ]


def _measure(
    config: EbmLearning,
    chains: EbmSampling,
    averages: dict[str, Average],
    workspace: Workspace,
) -> dict[str, Any]:
    """The reported metrics of fresh chains of the averaged weights."""
    means = {role: average() for role, average in averages.items()}
    fresh = dataclasses.replace(chains, models=chains.models._replace(**means))
    return measure_chains(fresh, config.samples, workspace)


def _notes(chains: EbmSampling) -> Iterable[str]:
    """Banks, for a dry run."""
    for name, size in chains.bank_sizes._asdict().items():
        if name == "bank" or size:
            count = size * chains.replicas.count
            yield f"{name}: {count:,} chains, {count * chains.chain_bytes:,} bytes"


run, describe = entry_points(build)
