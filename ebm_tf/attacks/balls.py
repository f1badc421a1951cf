"""Balls around natural images: where attacks may go, and how they move there."""

import abc
import dataclasses

import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.config import attacks as config

PIXEL_AXES = (1, 2, 3)


def per_image(values: tf.Tensor | float) -> tf.Tensor:
    """A scalar or values [n], shaped [n, 1, 1, 1] to go with images."""
    return tf.reshape(values, [-1, 1, 1, 1])


def euclidean(images: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """The distances float32 [n] of images from others, both [n, H, W, C]."""
    return tf.sqrt(tf.reduce_sum(tf.square(images - others), PIXEL_AXES))


@dataclasses.dataclass(frozen=True, eq=False)
class Ball(abc.ABC):
    """Images whose distance from the natural one is at most epsilon.

    Attributes:
      epsilon: float32 [n], radius around each image, in units of images in [-1, 1].
      in_range: whether images stay in [-1, 1] too; what is said of that below holds
        only where they do.
    """

    epsilon: tf.Tensor
    in_range: bool = True

    @abc.abstractmethod
    def distance(self, images: tf.Tensor, centers: tf.Tensor) -> tf.Tensor:
        """The length float32 [n] of differences, in the norm of the ball."""

    @abc.abstractmethod
    def project(self, images: tf.Tensor, centers: tf.Tensor) -> tf.Tensor:
        """Images in the balls around centers [n, H, W, C] and in [-1, 1].

        For l-infinity they are the nearest; for l2 images are scaled into the ball and
        then clipped, which brings every pixel nearer to its center. Those that are
        inside both already stay as they are, bit for bit.
        """

    @abc.abstractmethod
    def ascend(
        self, images: tf.Tensor, gradient: tf.Tensor, step: tf.Tensor | float
    ) -> tf.Tensor:
        """Moves images by the length `step`, a scalar or [n], to raise the loss most.

        That is, every pixel by the sign of the gradient, or images along it for l2.
        """

    def _clipped(self, images: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(images, -1.0, 1.0) if self.in_range else images

    @abc.abstractmethod
    def _inside(self, centers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor: ...

    @abc.abstractmethod
    def _surface(self, centers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor: ...

    def moved(
        self,
        images: tf.Tensor,
        gradient: tf.Tensor,
        step: tf.Tensor | float,
        centers: tf.Tensor,
    ) -> tf.Tensor:
        """Images after a step of ascent, projected."""
        return self.project(self.ascend(images, gradient, step), centers)

    def random_start(self, centers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Images drawn uniformly from the ball, projected into [-1, 1].

        The seed is a key int32 [2], or [n, 2], one of each image; likewise below.
        """
        return self.project(centers + self._inside(centers, seed), centers)

    def surface_start(self, centers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Images at the distance epsilon, projected into [-1, 1].

        For l-infinity uniform noise over its largest entry, for l2 normal noise over
        its norm. Source: the starts of APGD (Croce and Hein, 2020).
        """
        return self.project(centers + self._surface(centers, seed), centers)


class _LinfBall(Ball):
    def distance(self, images: tf.Tensor, centers: tf.Tensor) -> tf.Tensor:
        return tf.reduce_max(tf.abs(images - centers), PIXEL_AXES)

    def project(self, images: tf.Tensor, centers: tf.Tensor) -> tf.Tensor:
        epsilon = per_image(self.epsilon)
        inside = tf.clip_by_value(images, centers - epsilon, centers + epsilon)
        return self._clipped(inside)

    def ascend(
        self, images: tf.Tensor, gradient: tf.Tensor, step: tf.Tensor | float
    ) -> tf.Tensor:
        return images + per_image(step) * tf.sign(gradient)

    def _inside(self, centers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        noise = _uniform(centers, seed)
        return per_image(self.epsilon) * noise

    def _surface(self, centers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        noise = _uniform(centers, seed)
        return per_image(self.epsilon) * _over_largest(noise)


class _L2Ball(Ball):
    def distance(self, images: tf.Tensor, centers: tf.Tensor) -> tf.Tensor:
        return euclidean(images, centers)

    def project(self, images: tf.Tensor, centers: tf.Tensor) -> tf.Tensor:
        epsilon = per_image(self.epsilon)
        distance = per_image(self.distance(images, centers))
        scale = tf.math.divide_no_nan(epsilon, distance)
        scaled = centers + scale * (images - centers)
        return self._clipped(tf.where(distance > epsilon, scaled, images))

    def ascend(
        self, images: tf.Tensor, gradient: tf.Tensor, step: tf.Tensor | float
    ) -> tf.Tensor:
        return images + per_image(step) * _unit(gradient)

    def _inside(self, centers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        direction_seed, radius_seed = keyed_noise.divided(seed, 2)
        direction = _unit(normal(centers, direction_seed))
        uniform = keyed_noise.draws(radius_seed, tf.shape(centers)[0], ())
        num_pixels = tf.cast(tf.reduce_prod(tf.shape(centers)[1:]), tf.float32)
        return per_image(self.epsilon * uniform ** (1.0 / num_pixels)) * direction

    def _surface(self, centers: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return per_image(self.epsilon) * _unit(normal(centers, seed))


def ball(norm: str, epsilon: tf.Tensor, *, in_range: bool = True) -> Ball:
    """The ball of a norm, "linf" or "l2", with a radius for each image, [n]."""
    return {"linf": _LinfBall, "l2": _L2Ball}[norm](epsilon, in_range)


def around(settings: config.Ball, epsilon: tf.Tensor) -> Ball:
    """The ball of some settings, but for its radii, [n]."""
    return ball(settings.norm, epsilon, in_range=settings.in_range)


def normal(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Standard normal noise of the shape of images, of one key or one of each."""
    if seed.shape.rank == 1:
        return tf.random.stateless_normal(tf.shape(images), seed)
    return keyed_noise.normal(seed, images.shape[1:])


def _uniform(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """The same of uniform noise in [-1, 1]."""
    if seed.shape.rank == 1:
        return tf.random.stateless_uniform(tf.shape(images), seed, -1.0, 1.0)
    return 2.0 * keyed_noise.uniform(seed, images.shape[1:]) - 1.0


def _over_largest(vectors: tf.Tensor) -> tf.Tensor:
    largest = tf.reduce_max(tf.abs(vectors), PIXEL_AXES, keepdims=True)
    return tf.math.divide_no_nan(vectors, largest)


def _unit(vectors: tf.Tensor) -> tf.Tensor:
    """Vectors [n, H, W, C] of Euclidean norm 1; 0 where they are 0."""
    scaled = _over_largest(vectors)  # so that squares neither overflow nor vanish
    norm = tf.sqrt(tf.reduce_sum(tf.square(scaled), PIXEL_AXES, keepdims=True))
    return tf.math.divide_no_nan(scaled, norm)
