"""Learns an energy by denoising score matching: python3 ebm_tf/train_dsm.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("train_dsm"))

import functools

import keras

from ebm_tf.config.score_matching import ScoreMatching
from ebm_tf.data.pipelines import (
    describe_data,
    first_images,
    learning_stream,
    open_for_learning,
    own_content,
)
from ebm_tf.data.sources import deferred
from ebm_tf.evaluation.quality import measure_chains
from ebm_tf.learning.optimization import averaged, learned
from ebm_tf.learning.score_matching import make_step
from ebm_tf.models.catalogue import in_lanes
from ebm_tf.models.ebm import EbmModels, build_energy
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import make_replicas, replicated
from ebm_tf.runtime.learner import Learner, entry_points
from ebm_tf.runtime.loop import Task
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.sampling.chain_runner import EbmSampling
from ebm_tf.sampling.potentials import potential
from ebm_tf.store.network_sources import ENERGY, load_initial


def build(config: ScoreMatching) -> Learner:
    """Composes data, network and learning step.

    Raises:
      UserError: if a device is missing; if a dataset is, what first reads it.
    """
    replicas = make_replicas(config.device, config.in_lanes)
    replicas.batch_of_each(config.batch)  # raises where they do not divide it
    source = deferred(lambda: open_for_learning(config.data, config.batch))
    shape = (config.data.image_size, config.data.channels, config.compute_dtype)
    keras.utils.set_random_seed(seeds.integer(config.seed, Purpose.WEIGHTS))
    with replicas.strategy.scope():
        network = learned(
            config.energy_optimizer, lambda: build_energy(config.energy, *shape)
        )
    step = make_step(
        network,
        potential(config, in_lanes(network.model, replicas.lanes), None),
        levels=config.noise_levels,
        score_stddev=config.score_stddev,
    )
    networks = {ENERGY: network.model}
    average = functools.partial(averaged, network)
    return Learner(
        config=config,
        replicas=replicas,
        task=Task(
            step=replicated(replicas, step),
            initial_state=tuple,
            state_structure=(),
            batches=functools.partial(learning_stream, config, source, replicas),
            modules=networks | {f"{ENERGY}_optimizer": network.optimizer},
            rates=[network.rate],
        ),
        networks=networks,
        initial_weights=lambda: load_initial(config, networks),
        save_every=lambda: config.save_every,
        open_data=lambda few: [describe_data(source)],
        examples=functools.partial(first_images, source, config.data),
        weights={ENERGY: lambda: network.model, f"{ENERGY}_average": average},
        measure=lambda workspace: measure_chains(
            EbmSampling(config, replicas, EbmModels(average(), None, None), source),
            config.samples,
            workspace,
        ),
        inputs=functools.partial(own_content, config.data, data=source),
    )


run, describe = entry_points(build)
