"""Learns a generator against a discriminator: python3 ebm_tf/train_gen.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("train_gen"))

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ebm_tf.config.generator import GeneratorTraining, MultiHinge
from ebm_tf.data.pipelines import (
    check_labels,
    describe_data,
    first_images,
    learning_stream,
    load_images,
    open_for_learning,
    own_content,
)
from ebm_tf.data.sources import Source, deferred
from ebm_tf.evaluation.quality import (
    DISTANCE,
    MOST_DIMENSIONS,
    MOST_IMAGES,
    measure_samples,
    pixel_distance,
    pixel_moments,
)
from ebm_tf.learning.games import game
from ebm_tf.learning.generator import make_step, renewed_average
from ebm_tf.learning.optimization import LabelledBatch, Learned, learned
from ebm_tf.models.catalogue import build as build_network
from ebm_tf.models.catalogue import latent_prior
from ebm_tf.models.latents import with_classes
from ebm_tf.runtime import actions, plots, seeds
from ebm_tf.runtime.distribution import (
    Replicas,
    local,
    make_replicas,
    on_each,
    replicated,
)
from ebm_tf.runtime.learner import NUM_PICTURED, Learner, entry_points
from ebm_tf.runtime.loop import Action, Moment, Task, every
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import VALIDATION, Workspace
from ebm_tf.store.network_sources import DISCRIMINATOR, GENERATOR, load_initial

# (number of images) -> samples of the averaged generator [n, H, W, C].
DrawFn = Callable[[int], np.ndarray]


def build(config: GeneratorTraining) -> Learner:
    """Composes data, both networks and the learning step.

    Raises:
      UserError: if a device is missing; if a dataset is, what first reads it.
    """
    replicas = make_replicas(config.device, config.in_lanes)
    replicas.batch_of_each(config.batch)  # raises where they do not divide it
    source = deferred(lambda: open_for_learning(config.data, config.batch))
    networks = _networks(config, replicas)
    generator = networks[GENERATOR]
    models = {role: network.model for role, network in networks.items()}
    average = renewed_average(
        generator,
        latent_prior(config.generator),
        batch=config.batch,
        key=seeds.key(config.seed, Purpose.STATISTICS),
    )
    draw = _sampler(config, replicas, generator.average)

    def measure(workspace: Workspace) -> dict[str, Any]:
        average()
        samples = draw(config.num_samples)
        if not workspace.is_chief:
            return {}
        return measure_samples(samples, source, config.data, workspace)

    return Learner(
        config=config,
        replicas=replicas,
        task=_task(config, replicas, networks, source),
        networks=models,
        initial_weights=lambda: load_initial(config, models),
        save_every=lambda: config.save_every,
        open_data=functools.partial(_open_data, config, source),
        examples=functools.partial(first_images, source, config.data),
        weights={
            GENERATOR: lambda: generator.model,
            f"{GENERATOR}_average": average,
            DISCRIMINATOR: lambda: networks[DISCRIMINATOR].model,
        },
        actions=lambda workspace: _actions(config, source, average, draw, workspace),
        measure=measure,
        notes=lambda: (
            f"discriminator: {config.discriminator_updates} updates before each of "
            "the generator",
        ),
        inputs=functools.partial(own_content, config.data, data=source),
    )


def _open_data(config: GeneratorTraining, source: Source, few: bool) -> Iterator[str]:
    """Opens the data, and checks its labels where classes are learned."""
    yield describe_data(source)
    classes = config.generator.num_classes
    if classes is not None:
        setting = "generator.num_classes"
        yield from check_labels(source, classes, setting=setting, few=few)


def _networks(config: GeneratorTraining, replicas: Replicas) -> dict[str, Learned]:
    """Both networks, which learn, by role."""
    shape = (config.data.image_size, config.data.channels, config.compute_dtype)
    keras.utils.set_random_seed(seeds.integer(config.seed, Purpose.WEIGHTS))
    classes: Any = config.generator.num_classes
    outputs = {"num_classes": classes}
    if isinstance(config.objective, MultiHinge):
        outputs = {"num_outputs": classes + 1}
    with replicas.strategy.scope():
        return {
            GENERATOR: learned(
                config.generator_optimizer,
                lambda: build_network(config.generator, *shape),
            ),
            DISCRIMINATOR: learned(
                config.discriminator_optimizer,
                lambda: build_network(config.discriminator, *shape, **outputs),
            ),
        }


def _task(
    config: GeneratorTraining,
    replicas: Replicas,
    networks: dict[str, Learned],
    source: Source,
) -> Task:
    """The learning step as the loop sees it; it carries weights and slots only."""
    step = make_step(
        networks[GENERATOR],
        networks[DISCRIMINATOR],
        latent_prior(config.generator),
        game(config.objective, config.generator.num_classes),
    )
    return Task(
        step=replicated(replicas, step),
        initial_state=tuple,
        state_structure=(),
        batches=functools.partial(_batches, config, replicas, source),
        modules={role: network.model for role, network in networks.items()}
        | {f"{role}_optimizer": n.optimizer for role, n in networks.items()},
        rates=[network.rate for network in networks.values()],
        rate_setting="generator_optimizer.learning_rate",
    )


def _batches(
    config: GeneratorTraining, replicas: Replicas, source: Source, start: int
) -> Iterator[tuple[LabelledBatch, ...]]:
    """For every step one batch for each update of the discriminator."""
    count = config.discriminator_updates
    stream = learning_stream(config, source, replicas, start, per_step=count)
    while True:
        elements = itertools.islice(stream, count)
        yield tuple(LabelledBatch(e["image"], e["label"]) for e in elements)


def _sampler(
    config: GeneratorTraining, replicas: Replicas, model: keras.Model
) -> DrawFn:
    """What draws images of fixed latents from the averaged generator of now."""
    replica_batch = replicas.batch_of_each(config.batch)
    draw_latents = latent_prior(config.generator)
    key = seeds.key(config.seed, Purpose.SAMPLES)

    def one_batch(_: tuple, seed: tf.Tensor) -> tf.Tensor:
        return model(draw_latents(replica_batch, seed), training=False)

    run = on_each(replicas, one_batch)

    def draw(num_samples: int) -> np.ndarray:
        num_batches = -(-num_samples // (replica_batch * replicas.num_local))
        parts = [
            part.numpy()
            for index in range(num_batches)
            for part in local(replicas, run((), tf.random.fold_in(key, index)))
        ]
        return np.concatenate(parts)[:num_samples]

    return draw


def _pictured(config: GeneratorTraining, average: keras.Model) -> np.ndarray:
    """Some more images, of the classes in turn where there are any."""
    draw_latents = latent_prior(config.generator)
    key = seeds.key(config.seed, Purpose.PICTURES)
    latents = draw_latents(NUM_PICTURED, key)
    num_classes = config.generator.num_classes
    if num_classes is not None:
        latents = with_classes(latents[:, :-1], tf.range(NUM_PICTURED) % num_classes)
    return average(latents, training=False).numpy()


def _actions(
    config: GeneratorTraining,
    source: Source,
    average: Callable[[], keras.Model],
    draw: DrawFn,
    workspace: Workspace,
) -> list[Action]:
    """Pictures of the averaged generator, and its distance to the data."""
    pictures = {GENERATOR: lambda _: _pictured(config, average())}
    pictured = actions.save_pictures(workspace, pictures)
    happening = [every(config.picture_every, pictured, 1)]
    if config.data.image_size**2 * config.data.channels <= MOST_DIMENSIONS:
        measured = _validate(config, source, average, draw, workspace)
        happening.append(every(config.measure_every, measured, config.num_updates))
    return happening


def _validate(
    config: GeneratorTraining,
    source: Source,
    average: Callable[[], keras.Model],
    draw: DrawFn,
    workspace: Workspace,
) -> Action:
    """Measures the averaged generator, and plots its way there."""
    board = actions.Board(workspace)

    @functools.cache
    def reference() -> Any:
        images, _ = load_images(source, config.data, limit=MOST_IMAGES)
        return pixel_moments(images)

    def act(moment: Moment) -> None:
        average()
        distance = pixel_distance(draw(config.num_samples), reference())
        workspace.append_metrics(moment.step, {DISTANCE: distance}, name=VALIDATION)
        board.scalars(moment.step, {f"validation/{DISTANCE}": distance})
        lines = workspace.read_metrics(name=VALIDATION)
        steps, distances = ([x[k] for x in lines] for k in ("step", DISTANCE))
        plots.save_curves(
            workspace.path("plots", "frechet.png"),
            {f"{config.num_samples:,} samples": (steps, distances)},
            labels=("updates", "Fréchet distance in pixels"),
            mark_lowest=True,
        )
        workspace.log(f"update {moment.step}: {DISTANCE} {distance:.4g}")

    return act


run, describe = entry_points(build)
