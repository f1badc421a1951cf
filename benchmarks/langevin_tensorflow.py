"""The TensorFlow side of the Langevin benchmark: this project, a plain loop, products.

Runs in a process of its own.
"""

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from benchmarks.workers import Measurements, milliseconds
from ebm_tf import energies
from ebm_tf.config.parts import Network
from ebm_tf.models.blocks import ConvMeanPool
from ebm_tf.models.catalogue import build, in_lanes
from ebm_tf.models.sngan import ENERGY_LAYOUTS
from ebm_tf.runtime.distribution import Replicas, make_replicas
from ebm_tf.sampling.initialization import started
from ebm_tf.sampling.langevin import langevin, sampler

TEMPERATURE, NOISE, CHANNELS = 1e-4, 1e-2, 3
NUM_PRODUCTS = 5
# Its names, by how TensorFlow was started.
PLAIN = ("plain_tensorflow_float32", "plain_onednn_float32")

Loop = Callable[[tf.Tensor], tf.Tensor]


def measurements(settings: dict[str, Any]) -> Measurements:
    """Milliseconds a step, GFLOP/s of matrix products and GFLOP of a step."""
    size, width, steps = (settings[key] for key in ("image_size", "width", "steps"))
    replicas = make_replicas("auto", settings.get("project", False))
    shape = (settings["batch"], size, size, CHANNELS)
    images = tf.random.stateless_uniform(shape, tf.constant([0, 1]), -1.0)
    models = {
        dtype: build(Network(width=width), size, CHANNELS, dtype)
        for dtype in ("float32", "bfloat16")
    }
    rival = plain_energy(size, width)
    if rival.count_params() != models["float32"].count_params():
        raise AssertionError("The plain energy is not that of the project.")

    def timed(loop: Loop) -> Callable[[], float]:
        return lambda: milliseconds(lambda: loop(images).numpy(), steps)

    folded, executed = multiplications(models["float32"])
    # Two operations each, in the forward pass and again in the image gradient.
    gflop = 4e-9 * settings["batch"]
    layout = ENERGY_LAYOUTS[size]
    answers: dict[str, Callable[[], Any]] = {
        "layout": lambda: (layout.multiples, layout.num_pools),
        **dict.fromkeys(PLAIN, timed(plain_loop(rival, steps))),
        "folded_gflop_per_step": lambda: gflop * folded,
        "executed_gflop_per_step": lambda: gflop * executed,
    }
    for dtype, model in models.items():
        answers[f"project_{dtype}"] = timed(project_loop(model, steps, replicas))
        answers[f"matmul_{dtype}"] = product(settings["matmul_size"], dtype)
    return answers


def project_loop(model: keras.Model, steps: int, replicas: Replicas) -> Loop:
    """The steps as the learning step of this project makes them."""
    network = energies.network(in_lanes(model, replicas.lanes))
    energy = energies.tempered(network, TEMPERATURE)
    kernel = langevin(energy, drift=NOISE**2 / 2, noise=NOISE)
    sample = sampler(lambda _: kernel, jit=replicas.jit)
    seed = tf.constant([1, 2])
    return lambda images: sample(started(images), steps, seed)[0].images


def plain_loop(model: keras.Model, steps: int) -> Loop:
    """The steps as one writes them without this project."""

    @tf.function
    def loop(images: tf.Tensor) -> tf.Tensor:
        for _ in tf.range(steps):
            with tf.GradientTape() as tape:
                tape.watch(images)
                energy = tf.reduce_sum(model(images, training=False)) / TEMPERATURE
            gradient = tape.gradient(energy, images)
            noise = tf.random.normal(tf.shape(images))
            images = images - NOISE**2 / 2 * gradient + NOISE * noise
        return images

    return loop


def plain_energy(image_size: int, width: int) -> keras.Model:
    """The SNGAN energy with each convolution and each pool as a layer of Keras."""
    layout = ENERGY_LAYOUTS[image_size]

    def conv(x: Any, filters: int, kernel_size: int = 3) -> Any:
        return layers.Conv2D(filters, kernel_size, padding="same")(x)

    def pool(x: Any) -> Any:
        return layers.AveragePooling2D(2)(x)

    images = keras.Input((image_size, image_size, CHANNELS))
    x = pool(conv(layers.ReLU()(conv(images, width)), width))
    x = x + conv(pool(images), width, 1)
    for index, multiple in enumerate(layout.multiples[1:], start=1):
        pools, filters = index < layout.num_pools, width * multiple
        y = conv(layers.ReLU()(x), filters)
        y = conv(layers.ReLU()(y), filters)
        if pools or x.shape[-1] != filters:
            x = conv(x, filters, 1)
        x = pool(y) + pool(x) if pools else y + x
    means = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    return keras.Model(images, layers.Dense(1, use_bias=False)(means))


def multiplications(model: keras.Model) -> tuple[int, int]:
    """Those of convolutions and products for one image: (folded, executed)."""
    folded = executed = 0
    for layer in model.layers:
        outputs: Any = layer.output
        pixels = math.prod(outputs.shape[1:-1])
        for weight in layer.weights:
            if len(weight.shape) < 2:  # a bias
                continue
            count = pixels * math.prod(weight.shape)
            executed += count
            folded += count * 16 // 9 if isinstance(layer, ConvMeanPool) else count
    return folded, executed


def product(size: int, dtype: str) -> Callable[[], float]:
    """GFLOP/s of matrix products of a size."""
    matrix = tf.cast(tf.random.stateless_normal([size, size], [3, 4]), dtype)

    @tf.function
    def multiply(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
        return left @ right

    def multiply_all() -> None:
        for _ in range(NUM_PRODUCTS):
            multiply(matrix, matrix).numpy()

    gflop = 2e-9 * size**3
    return lambda: 1e3 * gflop / milliseconds(multiply_all, NUM_PRODUCTS)
