"""Learns to map images to another class (VR-GAN): ebm_tf/train_vrgan.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("train_vrgan"))

import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from ebm_tf.config.mapper import MapperTraining
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import (
    check_labels,
    first_images,
    learning_stream,
    load_images,
    num_images,
    open_for_learning,
    own_content,
)
from ebm_tf.data.sources import Source, deferred, unaugmented, where_it_lies
from ebm_tf.evaluation.mapped import Mapped, mapping, measures, pictured
from ebm_tf.evaluation.plots import save_columns
from ebm_tf.learning.generator import renewed_average
from ebm_tf.learning.mapper import make_step, other_classes
from ebm_tf.learning.optimization import LabelledBatch, Learned, averaged, learned
from ebm_tf.models.catalogue import build as build_network
from ebm_tf.runtime import actions, seeds
from ebm_tf.runtime.distribution import Replicas, make_replicas, replicated
from ebm_tf.runtime.learner import Learner, entry_points
from ebm_tf.runtime.loop import Action, Moment, Task, every
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import VALIDATION, Workspace
from ebm_tf.store.network_sources import CLASSIFIER, MAPPER, load_initial

# Images of which the statistics of the averaged mapper are taken.
NUM_HELD = 1000

# Part of the data -> what the averaged networks make of it.
MapFn = Callable[[str], Mapped]


def build(config: MapperTraining) -> Learner:
    """Composes data, both networks and the learning step.

    Raises:
      UserError: if a device is missing; if a dataset is, what first reads it.
    """
    replicas = make_replicas(config.device, config.in_lanes)
    replicas.batch_of_each(config.batch)  # raises where they do not divide it
    sources = _sources(config)
    networks = _networks(config, replicas)
    models = {role: network.model for role, network in networks.items()}
    averages = {
        MAPPER: _average(config, networks[MAPPER], sources["data"]),
        CLASSIFIER: functools.partial(averaged, networks[CLASSIFIER]),
    }
    map_part = _mapping(config, replicas, averages, networks, sources)
    raw = {role: lambda model=model: model for role, model in models.items()}
    return Learner(
        config=config,
        replicas=replicas,
        task=_task(config, replicas, networks, sources["data"]),
        networks=models,
        initial_weights=lambda: load_initial(config, models),
        save_every=lambda: config.save_every,
        open_data=functools.partial(_open_data, config, sources),
        examples=_examples(config, sources["data"]),
        weights=raw | {f"{role}_average": make for role, make in averages.items()},
        actions=lambda workspace: [
            every(
                config.measure_every,
                _validate(map_part, sources["validation"], workspace),
                config.num_updates,
            )
        ],
        measure=lambda workspace: measures(
            map_part("test"), sources["test"].directions
        ),
        inputs=lambda: own_content(config.data, **sources),
    )


def _sources(config: MapperTraining) -> dict[str, Source]:
    """The parts of the data; what is measured is not augmented."""
    splits = {"validation": config.validation_split, "test": config.test_split}
    return {"data": deferred(lambda: open_for_learning(config.data, config.batch))} | {
        part: deferred(functools.partial(open_source, unaugmented(config.data, split)))
        for part, split in splits.items()
    }


def _open_data(
    config: MapperTraining, sources: dict[str, Source], few: bool
) -> Iterator[str]:
    """Opens all parts of the data, and checks the labels that are used."""
    limits = {part: config.num_measured for part in sources} | {"data": None}
    for part, source in sources.items():
        count = f"{num_images(source, limits[part]):,} of {source.split}"
        yield f"{part}: {count} of {source.name}, {where_it_lies(source)}"
    how = {"setting": "classifier.num_classes", "few": few}
    for part, source in sources.items():
        classes = config.classifier.num_classes
        yield from check_labels(source, classes, limit=limits[part], **how)


def _examples(config: MapperTraining, source: Source) -> Callable | None:
    """What gives the first images; None of points, which cannot be shown."""
    if config.data.image_size == 1:
        return None
    return functools.partial(first_images, source, config.data)


def _networks(config: MapperTraining, replicas: Replicas) -> dict[str, Learned]:
    """Both networks, which learn, by role."""
    shape = (config.data.image_size, config.data.channels, config.compute_dtype)
    optimizers = {
        MAPPER: config.mapper_optimizer,
        CLASSIFIER: config.classifier_optimizer,
    }
    keras.utils.set_random_seed(seeds.integer(config.seed, Purpose.WEIGHTS))
    with replicas.strategy.scope():
        return {
            role: learned(
                optimizer,
                functools.partial(build_network, getattr(config, role), *shape),
            )
            for role, optimizer in optimizers.items()
        }


def _task(
    config: MapperTraining,
    replicas: Replicas,
    networks: dict[str, Learned],
    source: Source,
) -> Task:
    """The learning step as the loop sees it; it carries weights and slots only."""
    step = make_step(
        networks[MAPPER],
        networks[CLASSIFIER],
        num_classes=config.classifier.num_classes,
        mapped_weight=config.mapped_weight,
        flip_weight=config.flip_weight,
        norm_weight=config.norm_weight,
    )
    return Task(
        step=replicated(replicas, step),
        initial_state=tuple,
        state_structure=(),
        batches=lambda start: (
            LabelledBatch(element["image"], element["label"])
            for element in learning_stream(config, source, replicas, start)
        ),
        modules={role: network.model for role, network in networks.items()}
        | {f"{role}_optimizer": n.optimizer for role, n in networks.items()},
        rates=[network.rate for network in networks.values()],
        rate_setting="mapper_optimizer.learning_rate",
    )


def _average(
    config: MapperTraining, mapper: Learned, source: Source
) -> Callable[[], keras.Model]:
    """What gives the averaged mapper, with statistics of its own of the first data."""
    key = seeds.key(config.seed, Purpose.STATISTICS)

    @functools.cache
    def renewed() -> Callable[[], keras.Model]:
        data = unaugmented(config.data)
        images, labels = map(tf.constant, load_images(source, data, limit=NUM_HELD))

        def draw(n: int, seed: tf.Tensor) -> Any:
            rows = tf.random.stateless_uniform([n], seed, 0, len(labels), tf.int32)
            some = tf.gather(labels, rows)
            wrong = other_classes(some, config.mapper.num_classes, seed)
            return [tf.gather(images, rows), some, wrong]

        return renewed_average(mapper, draw, batch=config.batch, key=key)

    return lambda: renewed()()


def _mapping(
    config: MapperTraining,
    replicas: Replicas,
    averages: dict[str, Callable[[], keras.Model]],
    networks: dict[str, Learned],
    sources: dict[str, Source],
) -> MapFn:
    """What maps a part of the data by the averaged networks of now."""
    models = [networks[role].average for role in (MAPPER, CLASSIFIER)]
    run = mapping(models[0], models[1], replicas, config.batch)
    images = functools.cache(
        lambda part: load_images(
            sources[part], unaugmented(config.data), limit=config.num_measured
        )
    )

    def map_part(part: str) -> Mapped:
        for average in averages.values():
            average()
        return run(*images(part))

    return map_part


def _validate(map_part: MapFn, source: Source, workspace: Workspace) -> Action:
    """Measures the averaged mapper on the validation split, and shows what it does."""
    board = actions.Board(workspace)

    def act(moment: Moment) -> None:
        found = map_part("validation")
        results = measures(found, source.directions)
        values = {
            name: results[name] for name in ("flip_rate", "cosine") if name in results
        }
        workspace.append_metrics(moment.step, values, name=VALIDATION)
        shown = {f"validation/{name}": value for name, value in values.items()}
        board.scalars(moment.step, shown)
        shown = ", ".join(f"{name} {value:.4f}" for name, value in values.items())
        workspace.log(f"update {moment.step}: {shown}")
        if found.images.shape[1] > 1:
            path = workspace.path("images", f"mapped_{moment.step:08d}.png")
            save_columns(path, pictured(found))

    return act


run, describe = entry_points(build)
