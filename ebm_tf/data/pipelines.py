"""Batches whose order depends on (seed, epoch) only, so that resuming is exact."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf.config.parts import Data
from ebm_tf.data.datasets import open_source
from ebm_tf.data.images import (
    crops_at_random,
    preprocess,
    shifted_and_flipped,
    shifts_or_flips,
)
from ebm_tf.data.prepared import raises_data_errors
from ebm_tf.data.sources import (
    FIRST_FEW,
    Source,
    epoch_keys,
    require_classes,
    where_it_lies,
)
from ebm_tf.errors import ConfigError, DataError
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.seeds import Purpose

_MEASURED_BATCH = 256
_LABELS_AT_ONCE = 4096


def num_batches(source: Source, batch: int) -> int:
    """Whole batches in an epoch; the rest of an epoch is dropped.

    Raises:
      DataError: if there is none.
    """
    if source.num_examples < batch:
        raise DataError(
            f"Split {source.split!r} of dataset {source.name} has "
            f"{source.num_examples} examples, fewer than one batch={batch}."
        )
    return source.num_examples // batch


def batches(
    source: Source,
    data: Data,
    *,
    batch: int,
    seed: int,
    start: int = 0,
    with_index: bool = False,
    strategy: tf.distribute.Strategy | None = None,
) -> Iterator[dict[str, Any]]:
    """The batches of `stream` from step start on, spread over the replicas.

    The strategy is the one in scope if None; under one of several replicas, values
    are per replica. Arguments and errors are otherwise those of `stream`.

    Raises:
      DataError: also when damaged files are met.
    """

    def dataset(context: tf.distribute.InputContext) -> tf.data.Dataset:
        choices = {"batch": batch, "seed": seed, "start": start}
        return stream(source, data, context, with_index=with_index, **choices)

    present: Any = strategy or tf.distribute.get_strategy()
    iterator = iter(present.distribute_datasets_from_function(dataset))
    while True:
        with raises_data_errors(source):
            element = next(iterator)
        yield element


def stream(
    source: Source,
    data: Data,
    context: tf.distribute.InputContext,
    *,
    batch: int,
    seed: int,
    start: int = 0,
    with_index: bool = False,
) -> tf.data.Dataset:
    """An endless dataset of batches for one of the input pipelines (workers).

    Every epoch has its own order, and what is left of it after the last whole batch
    is dropped. Worker i of n takes every n-th example of the order, so the workers'
    batches of a step together hold the examples that one process alone would use.

    Args:
      source: where examples come from.
      data: how images are cropped and, of the training split, augmented.
      context: the replicas r of all workers, and which worker this is; it takes r /
        workers elements in a step.
      batch: examples of a step over all replicas and workers.
      seed: not negative; with it, the examples of a step are a pure function of the
        step.
      start: the first step; nothing before it is decoded.
      with_index: whether batches say which examples of the split they hold.

    Returns:
      A dataset of {"image": float32 [b,S,S,C] in [-1, 1], or [b,..] of the source's
      shape, "label": int64 [b], -1 where there is none}, b = batch / r; with "index":
      int64 [b] where asked for.

    Raises:
      ConfigError: if the replicas do not divide the batch.
      DataError: if the split is smaller than a batch.
    """
    replicas, workers = context.num_replicas_in_sync, context.num_input_pipelines
    if batch % replicas or replicas % workers:
        raise ConfigError(
            f"Expected batch={batch} to be divisible by replicas={replicas}, "
            f"and these by workers={workers}."
        )
    order = _order(source, batch=batch, seed=seed, start=start)
    order = order.shard(workers, context.input_pipeline_id)

    def prepare(encoded: Any, key: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        example = _decoded(source, data, encoded, key)
        return example | ({"index": encoded["index"]} if with_index else {}), key

    def augment(parts: dict[str, tf.Tensor], keys: tf.Tensor) -> dict[str, tf.Tensor]:
        if source.shape is not None or not shifts_or_flips(data):
            return parts
        return parts | {"image": shifted_and_flipped(parts["image"], data, keys)}

    size = batch // replicas
    if source.one_size and not crops_at_random(data):
        batched = order.batch(size, drop_remainder=True)
        batched = batched.map(prepare, tf.data.AUTOTUNE)
    else:
        batched = order.map(prepare, tf.data.AUTOTUNE)
        batched = batched.batch(size, drop_remainder=True)
    batched = batched.map(augment, tf.data.AUTOTUNE)
    return _untuned(batched).prefetch(tf.data.AUTOTUNE)


def _untuned(examples: tf.data.Dataset) -> tf.data.Dataset:
    """The same in the same order, without the thread that tunes it.

    A stopped run would wait for that thread, up to a minute.
    """
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    return examples.with_options(options)


def _order(source: Source, *, batch: int, seed: int, start: int) -> tf.data.Dataset:
    """(encoded example, key of its augmentation) from step start on, without end."""
    steps = num_batches(source, batch)
    first_epoch, first_step = divmod(start, steps)

    def examples(epoch: tf.Tensor) -> tf.data.Dataset:
        order_key, images_key = epoch_keys(seed, epoch)
        first = tf.where(epoch == first_epoch, first_step * batch, 0)
        skip = tf.cast(first, tf.int64)
        encoded = source.shuffled(order_key, skip).take(steps * batch - skip)

        def with_key(position: tf.Tensor, example: Any) -> tuple[Any, tf.Tensor]:
            key = tf.random.experimental.stateless_fold_in(images_key, position)
            return example, key

        return encoded.enumerate(skip).map(with_key)

    return tf.data.Dataset.range(first_epoch, tf.int64.max).flat_map(examples)


def _decoded(
    source: Source, data: Data, encoded: Any, key: tf.Tensor | None
) -> dict[str, tf.Tensor]:
    example = source.decode(encoded)
    if source.shape is not None:
        return example
    return {**example, "image": preprocess(example["image"], data, key)}


def images_in_order(
    source: Source,
    data: Data,
    *,
    limit: int | None = None,
    batch: int = _MEASURED_BATCH,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The split, or the first limit of it, in file order, never augmented.

    Yields:
      Batches of images float32 [b,S,S,C] in [-1, 1] and labels int64 [b], -1 where
      there is none.

    Raises:
      DataError: if damaged files are met.
    """
    examples = (
        source.in_order()
        .take(num_images(source, limit))
        .map(lambda encoded: _decoded(source, data, encoded, None), tf.data.AUTOTUNE)
    )
    with raises_data_errors(source):
        batched = _untuned(examples.batch(batch)).prefetch(1)
        for part in batched.as_numpy_iterator():
            yield part["image"], part["label"]


def num_images(source: Source, limit: int | None) -> int:
    """Images of the split, or the limit where that is less."""
    return source.num_examples if limit is None else min(limit, source.num_examples)


def load_images(
    source: Source, data: Data, *, limit: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """All that `images_in_order` yields: images [N,S,S,C] and labels [N]."""
    shape = source.shape or (data.image_size, data.image_size, data.channels)
    labels = np.empty(num_images(source, limit), np.int64)
    images = np.empty([len(labels), *shape], np.float32)
    filled = 0
    for some_images, some_labels in images_in_order(source, data, limit=limit):
        end = filled + len(some_labels)
        images[filled:end], labels[filled:end] = some_images, some_labels
        filled = end
    return images, labels


def labels_in_order(source: Source, limit: int | None = None) -> np.ndarray:
    """The labels int64 [n], -1 where there is none, of all or the first limit images.

    No image is decoded: nobody asks for it, so tf.data leaves that out.

    Raises:
      DataError: if damaged files are met.
    """
    examples = source.in_order().take(num_images(source, limit))

    def label(encoded: Any) -> tf.Tensor:
        return source.decode(encoded)["label"]

    if source.one_size:
        labels = examples.batch(_LABELS_AT_ONCE).map(label)
    else:
        labels = examples.map(label, tf.data.AUTOTUNE).batch(_LABELS_AT_ONCE)
    with raises_data_errors(source):
        return np.concatenate(list(labels.as_numpy_iterator()))


def check_labels(
    source: Source,
    num_classes: int,
    *,
    setting: str,
    few: bool = False,
    limit: int | None = None,
) -> Iterator[str]:
    """Checks that labels are classes; yields a line before they are read.

    Args:
      source: the images; of one that is not in memory all files are read.
      num_classes: classes are 0 to one less.
      setting: that names the number of classes, such as "classifier.num_classes".
      few: whether the first few are enough, as in a dry run.
      limit: the first so many images are used; all if None.

    Raises:
      DataError: if one is none of the classes.
    """
    count = num_images(source, limit)
    count = min(count, FIRST_FEW) if few else count
    yield f"labels: reading {count:,} of {source.name}, {source.split}"
    labels = labels_in_order(source, count)
    require_classes(labels, num_classes, source, setting=setting)


def open_for_learning(data: Data, batch: int) -> Source:
    """Opens a dataset; DataError if it cannot be opened or has no whole batch."""
    source = open_source(data)
    num_batches(source, batch)
    return source


def own_content(data: Data, /, **sources: Source | None) -> dict[str, str]:
    """Hashes for `inputs.require_same` of images that lie where their user says.

    Args:
      data: whose place may change while a run is stopped; others have none.
      **sources: the parts that a run uses, by their name.
    """
    if data.path is None:
        return {}
    return {
        f"images of the {part}": source.digest(source.num_examples)
        for part, source in sources.items()
        if source is not None
    }


def learning_stream(
    config: Any,
    source: Source,
    replicas: Replicas,
    start: int,
    *,
    per_step: int = 1,
    purpose: Purpose = Purpose.DATA,
) -> Iterator[dict[str, Any]]:
    """Distributed batches of an experiment's data from an update on.

    Args:
      config: has `data`, `batch` and `seed`.
      source: of the data.
      replicas: the devices.
      start: the update, counted from 0.
      per_step: batches that an update takes.
      purpose: of the order, so that two streams differ.
    """
    return batches(
        source,
        config.data,
        batch=config.batch,
        seed=seeds.integer(config.seed, purpose),
        start=start * per_step,
        strategy=replicas.strategy,
    )


def first_images(source: Source, data: Data, num: int = 100) -> np.ndarray:
    """The first images [n, H, W, C] in file order, not augmented."""
    return load_images(source, data, limit=num)[0]


def describe_data(source: Source) -> str:
    """Where images come from and what is done to them, in a line."""
    count = f"{source.num_examples:,}"
    return f"data: {count} images of {source.name}, {where_it_lies(source)}"
