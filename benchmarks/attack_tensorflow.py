"""The TensorFlow side of the attack benchmark: this project, and plain loops.

Runs in a process of its own.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from benchmarks.workers import Measurements, milliseconds
from ebm_tf.attacks.apgd import apgd
from ebm_tf.attacks.apgd_kernel import windows
from ebm_tf.attacks.pgd import pgd_attack
from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.models.catalogue import build
from ebm_tf.protocols import AttackFn

# So small that no image breaks, whatever the weights: all steps are taken.
EPSILON, CHANNELS, NUM_CLASSES, MOMENTUM, LEAST_RISING = 1e-6, 3, 10, 0.75, 0.75

# (images, labels) -> attacked images.
Loop = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def measurements(settings: dict[str, Any]) -> Measurements:
    """Milliseconds of the attack on a batch."""
    size, width = settings["image_size"], settings["width"]
    pgd_steps, apgd_steps = settings["pgd_steps"], settings["apgd_steps"]
    network = ClassifierNetwork(architecture="resnet", depth=18, width=width)
    model = build(network, size, CHANNELS, "float32")
    rival = plain_resnet(size, width)
    if rival.count_params() != model.count_params():
        raise AssertionError("The plain network is not that of the project.")
    shape = (settings["batch"], size, size, CHANNELS)
    images = tf.random.stateless_uniform(shape, tf.constant([0, 1]), -0.9, 0.9)
    ball = Ball(epsilon=EPSILON * 127.5)
    pgd = Pgd(num_steps=pgd_steps, step_size=ball.epsilon / 4)

    def classifier(images: tf.Tensor) -> tf.Tensor:
        return model(images, training=False)

    def timed(loop: Loop, network: keras.Model) -> Callable[[], float]:
        labels = tf.argmax(network(images, training=False), -1)
        return lambda: milliseconds(lambda: loop(images, labels).numpy())

    ce = apgd(classifier, ball, loss="cross_entropy", num_steps=apgd_steps)
    lengths = windows(apgd_steps)
    return {
        "windows": lambda: lengths,
        "project_pgd": timed(project_loop(pgd_attack(classifier, pgd, ball)), model),
        "project_apgd_ce": timed(project_loop(ce), model),
        "plain_tensorflow_pgd": timed(plain_pgd(rival, pgd_steps), rival),
        "plain_tensorflow_apgd_ce": timed(plain_apgd(rival, lengths), rival),
    }


def project_loop(attack: AttackFn) -> Loop:
    """The attack as a measurement of this project runs it."""
    jit = bool(tf.config.list_physical_devices("GPU"))
    run = tf.function(attack, jit_compile=jit, autograph=False)
    seed = tf.constant([1, 2])

    def loop(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return run(images, labels, tf.fill([len(images)], EPSILON), seed).images

    return loop


def _seen(model: keras.Model, images: tf.Tensor, labels: tf.Tensor):
    """Loss [n], gradient and errors, as one writes them."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = model(images, training=False)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return loss, tape.gradient(loss, images), tf.argmax(logits, -1) != labels


def _projected(images: tf.Tensor, centers: tf.Tensor) -> tf.Tensor:
    images = tf.clip_by_value(images, centers - EPSILON, centers + EPSILON)
    return tf.clip_by_value(images, -1.0, 1.0)


def plain_pgd(model: keras.Model, num_steps: int) -> Loop:
    """PGD that keeps the image of the highest loss, without this project."""

    @tf.function
    def loop(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        noise = tf.random.uniform(tf.shape(images), -EPSILON, EPSILON)
        x = _projected(images + noise, images)
        best, best_loss = x, tf.fill([tf.shape(images)[0]], float("-inf"))
        for _ in tf.range(num_steps):
            loss, gradient, _ = _seen(model, x, labels)
            best = tf.where((loss > best_loss)[:, None, None, None], x, best)
            best_loss = tf.maximum(loss, best_loss)
            x = _projected(x + EPSILON / 4 * tf.sign(gradient), images)
        logits = model(x, training=False)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return tf.where((loss > best_loss)[:, None, None, None], x, best)

    return loop


def plain_apgd(model: keras.Model, lengths: list[int]) -> Loop:
    """APGD-CE for whole batches, without this project.

    Like the published program it asks for natural predictions first, since images
    that are misclassified already stay as they are.

    Args:
      model: the classifier.
      lengths: for every step the length of the window that it ends, else 0.
    """

    @tf.function
    def loop(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        wrong = tf.argmax(model(images, training=False), -1) != labels
        noise = tf.random.uniform(tf.shape(images), -1.0, 1.0)
        noise /= tf.reduce_max(tf.abs(noise), (1, 2, 3), keepdims=True)
        x = previous = best = _projected(images + EPSILON * noise, images)
        loss, gradient, _ = _seen(model, x, labels)
        best_loss = checked = loss
        best_gradient = gradient
        step, rises = tf.fill(tf.shape(loss), 2 * EPSILON), tf.zeros_like(loss)
        halved = tf.zeros_like(loss, tf.bool)
        for index in tf.range(len(lengths)):
            ahead = x + step[:, None, None, None] * tf.sign(gradient)
            ahead = _projected(ahead, images)
            if index > 0:
                mixed = MOMENTUM * (ahead - x) + (1 - MOMENTUM) * (x - previous)
                ahead = _projected(x + mixed, images)
            previous, x, last_loss = x, ahead, loss
            loss, gradient, _ = _seen(model, x, labels)
            rises += tf.cast(loss > last_loss, tf.float32)
            better = (loss > best_loss)[:, None, None, None]
            best = tf.where(better, x, best)
            best_gradient = tf.where(better, gradient, best_gradient)
            best_loss = tf.maximum(loss, best_loss)
            window = tf.gather(lengths, index)
            if window > 0:
                few = rises < LEAST_RISING * tf.cast(window, tf.float32)
                halved = few | (~halved & (best_loss <= checked))
                step = tf.where(halved, step / 2, step)
                x = tf.where(halved[:, None, None, None], best, x)
                gradient = tf.where(
                    halved[:, None, None, None], best_gradient, gradient
                )
                rises, checked = tf.zeros_like(rises), best_loss
        return tf.where(wrong[:, None, None, None], images, best)

    return loop


def plain_resnet(image_size: int, width: int) -> keras.Model:
    """ResNet-18 with the stem of CIFAR-10, of layers of Keras."""

    def conv_norm(x: Any, filters: int, kernel_size: int, stride: int = 1) -> Any:
        padding = "same"
        if stride > 1 and kernel_size > 1:  # symmetric, unlike that of "same"
            x, padding = layers.ZeroPadding2D(kernel_size // 2)(x), "valid"
        conv = layers.Conv2D(
            filters, kernel_size, stride, padding=padding, use_bias=False
        )
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(conv(x))

    images = keras.Input((image_size, image_size, CHANNELS))
    x = layers.ReLU()(conv_norm(layers.Rescaling(0.5, 0.5)(images), width, 3))
    for stage in range(4):
        for block in range(2):
            stride, filters = 2 if stage and not block else 1, width * 2**stage
            y = layers.ReLU()(conv_norm(x, filters, 3, stride))
            y = conv_norm(y, filters, 3)
            if stride > 1:
                x = conv_norm(x, filters, 1, stride)
            x = layers.ReLU()(x + y)
    means = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.Dense(NUM_CLASSES)(means))
