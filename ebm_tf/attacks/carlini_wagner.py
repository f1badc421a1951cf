"""The attack of Carlini and Wagner (2017) that looks for the nearest error."""

from typing import NamedTuple

import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.attacks import balls
from ebm_tf.attacks.balls import euclidean, per_image
from ebm_tf.attacks.gradients import finite, plain
from ebm_tf.attacks.losses import Loss, margin
from ebm_tf.attacks.outcomes import chosen, errs, likeliest
from ebm_tf.attacks.rounds import InRounds, Rows, Search
from ebm_tf.config import attacks as config
from ebm_tf.kernels import AdamMoments, Kernel, adam, iterate, no_moments
from ebm_tf.protocols import Attacked, Classifier

# Keeps pixels of -1 and 1 at a finite hyperbolic angle.
SHRINK = 0.999999


class Nearest(NamedTuple):
    """The nearest images yet that are classified wrongly.

    Attributes:
      images: float32 [n, H, W, C]; the natural ones where there is none.
      distance: float32 [n], Euclidean, in units of [-1, 1]; infinite where none.
    """

    images: tf.Tensor
    distance: tf.Tensor

    @property
    def broken(self) -> tf.Tensor:
        """Bool [n], whether none can be nearer: the natural image is an error."""
        return self.distance <= 0.0


class Descent(NamedTuple):
    """Adam, in the space whose hyperbolic tangent is the images.

    Attributes:
      angles: float32 [n, H, W, C]; the images themselves where those may leave
        [-1, 1].
      moments: of the gradients of these.
      nearest: the nearest errors that it came by.
      succeeded: bool [n], whether it came by any that was aimed at in the second half
        of its steps.
    """

    angles: tf.Tensor
    moments: AdamMoments
    nearest: Nearest
    succeeded: tf.Tensor


class ConstantSearch(NamedTuple):
    """The binary search for the factor of the classifier's term, for each image.

    Attributes:
      constant: float32 [n], the next to be tried.
      lower: the largest that was too small.
      upper: the smallest that was enough; infinite where none was.
      nearest: the nearest errors of all constants.
    """

    constant: tf.Tensor
    lower: tf.Tensor
    upper: tf.Tensor
    nearest: Nearest


def carlini_wagner(
    classifier: Classifier, settings: config.CarliniWagner, ball: config.Ball
) -> InRounds:
    """Minimises |x' - x|^2 + c max(confidence - margin(x'), 0), for each image.

    The margin is that of a class to aim at, for the likeliest wrong ones in turn, and
    the nearest error of all counts: the "best case" of the paper. Without targets it
    is that of whichever wrong class comes first, and then a search often ends at the
    boundary of a class that is near at first and not the nearest.

    x' is the hyperbolic tangent of what Adam moves, or just that where images may leave
    [-1, 1], and c is found by a binary search.
    One is enough where errors are met in the second half of the steps: the first step
    of Adam is as long as the learning rate in every pixel, however small c is, and
    throws an image that is near the boundary across it. Counted as a success, as it was
    published, that sends the search below the constant which holds the image there.
    Distances in the sum are in units of the pixel range, as published, so constants
    mean what they mean in the paper. An image is broken where the nearest error is
    inside the ball; any other comes back as it is. One that is misclassified to begin
    with is its own nearest error. The info has the Euclidean "distance" of
    the nearest error, in units of [-1, 1], inside the ball or not; it is infinite
    where none was found.

    Args:
      classifier: what is attacked.
      settings: steps, rates and confidence.
      ball: whose norm is meant; radii come with the images.
    """

    def first(rows: Rows) -> tuple[Nearest, tf.Tensor]:
        logits = classifier(rows.images)
        distance = tf.where(errs(logits, rows.labels), 0.0, float("inf"))
        targets = likeliest(logits, rows.labels, settings.num_targets)
        return Nearest(rows.images, distance), targets

    def search(rows: Rows, targets: tf.Tensor | None, index: tf.Tensor) -> Search:
        del index  # it draws nothing

        def gap(logits: tf.Tensor) -> tf.Tensor:
            # A margin is that of the others; towards a class it has the other sign.
            aimed = targets is not None
            return -margin(logits, targets) if aimed else margin(logits, rows.labels)

        aim = Aim(classifier, gap, settings, ball, rows.images, rows.labels)
        return _searching(_search(aim))

    def last(rows: Rows, nearest: Nearest) -> Attacked:
        region = balls.around(ball, rows.epsilon)
        inside = region.distance(nearest.images, rows.images) <= rows.epsilon
        broken = tf.math.is_finite(nearest.distance) & inside
        found = chosen(broken, nearest.images, rows.images)
        return Attacked(found, broken, {"distance": nearest.distance})

    num_rounds = settings.num_targets or 1
    return InRounds(first, search, last, num_rounds, settings.num_constants)


def _searching(kernel: Kernel) -> Search:
    """The search towards a class; a block of it is a constant."""

    def advanced(state: ConstantSearch, block: tf.Tensor) -> ConstantSearch:
        del block
        return kernel.step(state, tf.zeros([2], tf.int32))[0]

    return Search(
        lambda nearest: kernel.init(nearest)[0],
        advanced,
        lambda _, state: state.nearest,
        lambda state: state.nearest.broken,
    )


class Aim(NamedTuple):
    """What is searched for: images whose gap of logits is above the confidence.

    Attributes:
      classifier: images -> logits.
      gap: logits [n, k] -> what must be above the confidence, [n].
      settings: steps, rates and confidence.
      ball: whether images stay in [-1, 1].
      images: natural ones [n, H, W, C].
      labels: theirs, integers [n].
    """

    classifier: Classifier
    gap: Loss
    settings: config.CarliniWagner
    ball: config.Ball
    images: tf.Tensor
    labels: tf.Tensor


def _search(aim: Aim) -> Kernel:
    """The kernel that tries a constant of each image; its state: `ConstantSearch`."""
    settings = aim.settings

    def init(nearest: Nearest) -> tuple[ConstantSearch, tuple]:
        zeros = tf.zeros_like(nearest.distance)
        constant = zeros + settings.initial_constant
        return ConstantSearch(constant, zeros, zeros + float("inf"), nearest), ()

    def step(search: ConstantSearch, seed: tf.Tensor) -> tuple[ConstantSearch, tuple]:
        constant, lower, upper, nearest = search
        kernel = _descent(aim, constant)
        descent, _ = iterate(kernel, *kernel.init(nearest), settings.num_steps, seed)
        upper = tf.where(descent.succeeded, constant, upper)
        lower = tf.where(descent.succeeded, lower, constant)
        between = 0.5 * (lower + upper)
        following = tf.where(tf.math.is_inf(upper), 10.0 * constant, between)
        return ConstantSearch(following, lower, upper, descent.nearest), ()

    return Kernel(init, step)


def _descent(aim: Aim, constant: tf.Tensor) -> Kernel:
    """The kernel of Adam for given constants [n]; its state is a `Descent`."""
    pixel_range, confidence = pixels.from_255ths(255.0), aim.settings.confidence
    in_range = aim.ball.in_range
    # It raises the gap of logits no further than to the confidence.
    ascent = plain(
        aim.classifier, lambda logits: tf.minimum(aim.gap(logits), confidence)
    )

    def init(nearest: Nearest) -> tuple[Descent, tuple]:
        angles = tf.atanh(SHRINK * aim.images) if in_range else aim.images
        never = tf.zeros_like(nearest.distance) > 0.0
        return Descent(angles, no_moments(angles), nearest, never), ()

    def step(descent: Descent, seed: tf.Tensor) -> tuple[Descent, tuple]:
        moved = tf.tanh(descent.angles) if in_range else descent.angles
        output = finite(ascent(moved, seed))
        wrong = margin(output.logits, aim.labels) > confidence
        reached = aim.gap(output.logits) > confidence
        distance = euclidean(moved, aim.images)
        is_late = descent.moments.num_steps >= aim.settings.num_steps // 2
        nearer = wrong & (distance < descent.nearest.distance)
        slope = 2.0 * (moved - aim.images) / pixel_range**2
        slope -= per_image(constant) * output.gradient
        if in_range:
            slope *= (1.0 - moved) * (1.0 + moved)
        change, moments = adam(descent.moments, slope)
        return Descent(
            descent.angles - aim.settings.learning_rate * change,
            moments,
            chosen(nearer, Nearest(moved, distance), descent.nearest),
            descent.succeeded | (reached & is_late),
        ), ()

    return Kernel(init, step)
