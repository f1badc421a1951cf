"""An attack that moves the pixels of images, smoothly, and invents none.

A flow says from where each pixel is taken. Its norm is that of its differences between
neighbours, as published; written in waves, of which each is divided by its own cost, it
is the Euclidean one, so that projected gradient ascent in a ball does the rest.

Source: Xiao et al. (2018), "Spatially transformed adversarial examples", whose penalty
is a radius here.
"""

import numpy as np
import tensorflow as tf

from ebm_tf.attacks.balls import PIXEL_AXES
from ebm_tf.attacks.pgd import pgd_attack
from ebm_tf.config import attacks as config
from ebm_tf.protocols import Attacked, AttackFn, Classifier

# For which step sizes are given; they scale along with epsilon.
RADIUS = 1.0


def spatial(classifier: Classifier, settings: config.Pgd) -> AttackFn:
    """Ascent over the flows of each image, whose norm is at most epsilon.

    Images are 2 wide and 2 high in the units of flows, whatever their pixels, and what
    is taken from outside is the pixel at the border. The info has that of `pgd_attack`,
    and "flow_norm", the norm of the flow that was found, float32 [n].

    Args:
      classifier: what is attacked.
      settings: of the ascent; the step size is meant for an epsilon of RADIUS.
    """
    ball = config.Ball(norm="l2", epsilon=RADIUS, in_range=False)

    def attack(
        images: tf.Tensor, labels: tf.Tensor, epsilon: tf.Tensor, seed: tf.Tensor
    ) -> Attacked:
        height, width = images.shape[1:3]

        def moved(waves: tf.Tensor) -> tf.Tensor:
            return warped(images, flows(waves))

        run = pgd_attack(lambda waves: classifier(moved(waves)), settings, ball)
        still = tf.zeros([tf.shape(images)[0], height, width, 2])
        still = tf.ensure_shape(still, [images.shape[0], height, width, 2])
        found = run(still, labels, epsilon, seed)
        length = tf.sqrt(tf.reduce_sum(tf.square(found.images), PIXEL_AXES))
        return Attacked(
            moved(found.images), found.broken, found.info | {"flow_norm": length}
        )

    return attack


def flows(waves: tf.Tensor) -> tf.Tensor:
    """Flows [n, H, W, 2], down and right, of their waves, [n, H, W, 2].

    The norm of the waves is the root of the sum of the squared differences between
    neighbours in the flow. A translation, which has none, costs what the longest wave
    costs.
    """
    height, width = waves.shape[1:3]
    costs = _frequencies(height)[:, None] + _frequencies(width)[None, :]
    costs[0, 0] = np.partition(costs.ravel(), 1)[1]
    scaled = waves / tf.constant(np.sqrt(costs)[..., None], tf.float32)
    down, right = (tf.constant(_cosines(side), tf.float32) for side in (height, width))
    return tf.einsum("kh,lw,nklc->nhwc", down, right, scaled)


def _frequencies(side: int) -> np.ndarray:
    """Squared differences of each of `_cosines` between neighbours, summed: [side]."""
    return 2.0 - 2.0 * np.cos(np.pi * np.arange(side) / side)


def _cosines(side: int) -> np.ndarray:
    """The orthonormal cosines over pixels, a row each: [side, side]."""
    places = (np.arange(side) + 0.5) / side
    rows = np.cos(np.pi * np.arange(side)[:, None] * places) * np.sqrt(2.0 / side)
    rows[0] = np.sqrt(1.0 / side)
    return rows


def warped(images: tf.Tensor, flow: tf.Tensor) -> tf.Tensor:
    """Images [n, H, W, C] whose pixels are taken from elsewhere, bilinearly.

    Args:
      images: float32 [n, H, W, C].
      flow: from each pixel to where it is taken from, [n, H, W, 2], down and right, in
        units in which images are 2 high and 2 wide.
    """
    sides = np.array(images.shape[1:3])
    grid = np.stack(np.meshgrid(*map(np.arange, sides), indexing="ij"), -1)
    places = tf.constant(grid, tf.float32) + flow * (sides / 2.0).astype(np.float32)
    places = tf.clip_by_value(places, 0.0, (sides - 1).astype(np.float32))
    corner = tf.minimum(tf.floor(places), (sides - 2).astype(np.float32))
    part = places - corner
    corner, total = tf.cast(corner, tf.int32), tf.zeros_like(images)
    for down in (0, 1):
        for right in (0, 1):
            here = tf.gather_nd(images, corner + [down, right], batch_dims=1)
            rows = part[..., :1] if down else 1.0 - part[..., :1]
            columns = part[..., 1:] if right else 1.0 - part[..., 1:]
            total += rows * columns * here
    return total
