"""Balls around natural images: where attacks may go, and how they climb there."""

import dataclasses

import tensorflow as tf

PIXEL_AXES = (1, 2, 3)


def per_image(values: tf.Tensor | float) -> tf.Tensor:
    """A scalar or values [n], shaped [n, 1, 1, 1] to go with images."""
    return tf.reshape(values, [-1, 1, 1, 1])


def euclidean(images: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """The distances float32 [n] of images from others, both [n, H, W, C]."""
    return tf.sqrt(tf.reduce_sum(tf.square(images - others), PIXEL_AXES))


@dataclasses.dataclass(frozen=True, eq=False)
class LinfBall:
    """Images of which no pixel is further than epsilon from its natural value.

    Attributes:
      epsilon: float32 [n], radius around each image, in units of images in [-1, 1].
    """

    epsilon: tf.Tensor

    def distance(self, images: tf.Tensor, centers: tf.Tensor) -> tf.Tensor:
        """The largest difference of a pixel, float32 [n]."""
        return tf.reduce_max(tf.abs(images - centers), PIXEL_AXES)

    def project(self, images: tf.Tensor, centers: tf.Tensor) -> tf.Tensor:
        """The nearest images in the balls around centers [n, H, W, C] and in [-1, 1].

        Those that are inside both already stay as they are, bit for bit.
        """
        epsilon = per_image(self.epsilon)
        inside = tf.clip_by_value(images, centers - epsilon, centers + epsilon)
        return tf.clip_by_value(inside, -1.0, 1.0)

    def ascend(
        self, images: tf.Tensor, gradient: tf.Tensor, step: tf.Tensor | float
    ) -> tf.Tensor:
        """Moves every pixel by `step`, a scalar or [n], to where the loss rises."""
        return images + per_image(step) * tf.sign(gradient)

    def random_start(self, centers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Images drawn uniformly from the ball, projected into [-1, 1]."""
        noise = tf.random.stateless_uniform(tf.shape(centers), seed, -1.0, 1.0)
        return self.project(centers + per_image(self.epsilon) * noise, centers)

    def surface_start(self, centers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Images of which one pixel is epsilon away, projected into [-1, 1].

        Source: the start of APGD, uniform noise over its largest entry (AutoAttack).
        """
        noise = tf.random.stateless_uniform(tf.shape(centers), seed, -1.0, 1.0)
        largest = tf.reduce_max(tf.abs(noise), PIXEL_AXES, keepdims=True)
        noise = tf.math.divide_no_nan(noise, largest)
        return self.project(centers + per_image(self.epsilon) * noise, centers)


@dataclasses.dataclass(frozen=True, eq=False)
class L2Ball:
    """Images whose Euclidean distance from the natural one is at most epsilon.

    Attributes:
      epsilon: float32 [n], radius around each image, in units of images in [-1, 1].
    """

    epsilon: tf.Tensor

    def distance(self, images: tf.Tensor, centers: tf.Tensor) -> tf.Tensor:
        """The Euclidean distance, float32 [n]."""
        return euclidean(images, centers)

    def project(self, images: tf.Tensor, centers: tf.Tensor) -> tf.Tensor:
        """Scales images into the balls around centers [n, H, W, C], then clips them.

        Clipping brings every pixel nearer to its center, which is in [-1, 1], so the
        result is inside both. Images that were already stay as they are.
        """
        epsilon = per_image(self.epsilon)
        distance = per_image(self.distance(images, centers))
        scale = tf.math.divide_no_nan(epsilon, distance)
        scaled = centers + scale * (images - centers)
        return tf.clip_by_value(tf.where(distance > epsilon, scaled, images), -1.0, 1.0)

    def ascend(
        self, images: tf.Tensor, gradient: tf.Tensor, step: tf.Tensor | float
    ) -> tf.Tensor:
        """Moves images by `step`, a scalar or [n], along their gradients."""
        return images + per_image(step) * _unit(gradient)

    def random_start(self, centers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Images drawn uniformly from the ball, projected into [-1, 1]."""
        shape = tf.shape(centers)
        direction_seed, radius_seed = tf.unstack(tf.random.split(seed, 2))
        direction = _unit(tf.random.stateless_normal(shape, direction_seed))
        uniform = tf.random.stateless_uniform(shape[:1], radius_seed)
        num_pixels = tf.cast(tf.reduce_prod(shape[1:]), tf.float32)
        radius = self.epsilon * uniform ** (1.0 / num_pixels)
        return self.project(centers + per_image(radius) * direction, centers)

    def surface_start(self, centers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Images drawn uniformly from the sphere, projected into [-1, 1].

        Source: the start of APGD, normal noise over its norm (AutoAttack).
        """
        direction = _unit(tf.random.stateless_normal(tf.shape(centers), seed))
        return self.project(centers + per_image(self.epsilon) * direction, centers)


Ball = LinfBall | L2Ball
BALLS = {"linf": LinfBall, "l2": L2Ball}


def ball(norm: str, epsilon: tf.Tensor) -> Ball:
    """The ball of a norm, "linf" or "l2", with a radius for each image, [n]."""
    return BALLS[norm](epsilon)


def _unit(vectors: tf.Tensor) -> tf.Tensor:
    """Vectors [n, H, W, C] of Euclidean norm 1; 0 where they are 0."""
    # Divided by the largest entry, so that squares neither overflow nor vanish.
    largest = tf.reduce_max(tf.abs(vectors), PIXEL_AXES, keepdims=True)
    scaled = tf.math.divide_no_nan(vectors, largest)
    norm = tf.sqrt(tf.reduce_sum(tf.square(scaled), PIXEL_AXES, keepdims=True))
    return tf.math.divide_no_nan(scaled, norm)
