"""The TensorFlow side of the JEM benchmark: the project's updates, and passes alone.

Runs in a process of its own.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.learning_step_tensorflow import updates_of
from benchmarks.workers import Measurements, milliseconds
from ebm_tf import train_jem
from ebm_tf.config.joint import JointTerms, JointTraining
from ebm_tf.models.catalogue import build, in_lanes
from ebm_tf.runtime.distribution import make_replicas

DRIFT, CHANNELS, NUM_CLASSES = 1.0, 3, 10
NUM_IMAGES, NUM_MEASURED = 2000, 100
# Updates of cross-entropy are short: so many are timed together.
NUM_SHORT = 10

# (images, labels, chains) -> moved chains, gradients of the loss in the weights.
Passes = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, list[tf.Tensor]]]


def measurements(settings: tuple[str, JointTraining]) -> Measurements:
    """Milliseconds of what belongs to a part: "joint", "cross_entropy" or "plain"."""
    part, config = settings
    if part == "plain":
        return {"plain_passes_ms": _timed_passes(config, lanes=1)}
    if part == "cross_entropy":
        terms = JointTerms(marginal=0.0)
        alone = _updated(dataclasses.replace(config, terms=terms, chains=None))

        def several() -> None:
            for _ in range(NUM_SHORT):
                alone()

        return {"cross_entropy_ms": lambda: milliseconds(several, NUM_SHORT)}
    # Before TensorFlow computes anything.
    replicas = make_replicas(config.device, config.in_lanes)
    updated = _updated(config)
    return {
        "update_ms": lambda: milliseconds(updated),
        "passes_ms": _timed_passes(config, replicas.lanes),
    }


def noise(split: str, directory: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Noise with classes, as a dataset; the project scales it to the image size."""
    del directory
    number = NUM_IMAGES if split == "train" else NUM_MEASURED
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (number, 32, 32, CHANNELS), np.uint8)
    return images, random.integers(0, NUM_CLASSES, number)


def _updated(config: JointTraining) -> Callable[[], Any]:
    """Makes the next update."""
    return functools.partial(next, updates_of(train_jem.build(config)))


def _timed_passes(config: JointTraining, lanes: int) -> Callable[[], float]:
    model = build(config.classifier, config.data.image_size, CHANNELS, "float32")
    persistent: Any = config.chains
    run = passes(model, persistent.num_steps, lanes)
    images, chains = (
        tf.random.stateless_uniform([config.batch, *model.input_shape[1:]], key, -1.0)
        for key in ([0, 1], [0, 2])
    )
    labels = tf.range(config.batch, dtype=tf.int64) % NUM_CLASSES
    return lambda: milliseconds(lambda: run(images, labels, chains)[0].numpy())


def passes(model: keras.Model, num_steps: int, lanes: int) -> Passes:
    """The passes of an update, as one writes them.

    Args:
      model: the classifier.
      num_steps: gradients of E(x) in the images of chains, each where the one before
        has moved them.
      lanes: parts of the chains whose gradients are computed side by side.
    """
    network = in_lanes(model, lanes)

    @tf.function
    def run(images: tf.Tensor, labels: tf.Tensor, chains: tf.Tensor):
        for _ in tf.range(num_steps):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(chains)
                score = tf.reduce_sum(tf.reduce_logsumexp(network(chains), -1))
            chains += DRIFT * tape.gradient(score, chains)
        with tf.GradientTape() as tape:
            loss = _loss(model(images), labels, model(chains))
        return chains, tape.gradient(loss, model.trainable_variables)

    return run


def _loss(data: tf.Tensor, labels: tf.Tensor, samples: tf.Tensor) -> tf.Tensor:
    """-log p(y|x) - log p(x), of logits [n, k] of data and of chains."""
    entropies = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, data)
    scores = [tf.reduce_mean(tf.reduce_logsumexp(f, -1)) for f in (data, samples)]
    return tf.reduce_mean(entropies) - scores[0] + scores[1]
