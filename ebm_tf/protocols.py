"""The types that packages share: callables and the tuples that pass between them."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import tensorflow as tf


class Chains(NamedTuple):
    """A batch or a replay buffer of Langevin chains.

    Attributes:
      images: float32 [n, H, W, C].
      latents: float32 [n, z], the latents that chains started from; z is 0 where
        there is no generator.
      ages: int32 [n], visits after that in which the chain was begun.
      labels: int32 [n], the classes of class-conditional chains; () where there are
        none. Like every (), it is no leaf of a nest.
      carry: the state of a kernel besides the images, such as velocities: a nest of
        tensors [n, ...], or ().
    """

    images: tf.Tensor
    latents: tf.Tensor
    ages: tf.Tensor
    labels: Any = ()
    carry: Any = ()


class SamplingState(NamedTuple):
    """The state of every kernel that samples images.

    Attributes:
      images: float32 [n, H, W, C].
      carry: the rest of the state, as in `Chains`.
    """

    images: tf.Tensor
    carry: Any = ()


class Advance(NamedTuple):
    """What a `ChainSource` returns: sampled chains, its next state, diagnostics."""

    chains: Chains
    state: Any
    info: Any


# Images [n, H, W, C] in [-1, 1] -> energies float32 [n], divided by their temperature;
# lower is likelier.
Energy = Callable[[tf.Tensor], tf.Tensor]

# Latents [n, z] -> images [n, H, W, C] in [-1, 1].
Generator = Callable[[tf.Tensor], tf.Tensor]

# Images [n, H, W, C] in [-1, 1] -> logits float32 [n, k], in inference mode.
Classifier = Callable[[tf.Tensor], tf.Tensor]


class Ascent(NamedTuple):
    """The loss of a classifier at n images, which an attack raises.

    Attributes:
      gradient: float32 [n, H, W, C], of each image's own loss.
      loss: float32 [n].
      logits: float32 [n, k], of which the largest is the prediction.
    """

    gradient: tf.Tensor
    loss: tf.Tensor
    logits: tf.Tensor


# (images, seed) -> their loss and its gradient; labels are bound already. The seed is
# int32 [2], or [n, 2] where each image has noise of its own; a deterministic classifier
# ignores it.
AscentFn = Callable[[tf.Tensor, tf.Tensor], Ascent]


class Attacked(NamedTuple):
    """The results of an attack on n images.

    Attributes:
      images: float32 [n, H, W, C] inside the ball and in [-1, 1]: one that is
        misclassified where `broken`. Elsewhere it depends on the attack: the one of
        the highest loss or margin of PGD, APGD and Square, the projection of the
        nearest error of FAB, the natural one of Carlini and Wagner.
      broken: bool [n], whether the classifier errs at them.
      info: diagnostics, each a tensor [n]; a dict by name.
    """

    images: tf.Tensor
    broken: tf.Tensor
    info: dict[str, tf.Tensor]


class AttackFn(Protocol):
    """A pure function of tensors that attacks a classifier, which is bound already."""

    def __call__(
        self, images: tf.Tensor, labels: tf.Tensor, epsilon: tf.Tensor, seed: tf.Tensor
    ) -> Attacked:
        """Attacks images [n, H, W, C] of labels int64 [n].

        `epsilon`, float32 [n], holds the radius of the ball around each image, in
        units of images in [-1, 1]; 0 leaves an image as it is. An image's result
        depends on the others of its batch by their random numbers only.
        """
        ...


# (images [n, H, W, C], a seed for each, int32 [n, 2]) -> images of the same shape for a
# classifier; each of them depends on no other of its batch.
Defense = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

# (images x [n, H, W, C], labels and wrong classes int64 [n], a seed int32 [2]) ->
# differences x' - x [n, H, W, C], where x' is the image of the wrong class that is
# nearest to x, or taken for it; they are not clipped, and no gradient passes.
Directions = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]

# (n, seed) -> n chains of age 0, at their start.
InitializeFn = Callable[[int, tf.Tensor], Chains]


class SampleFn(Protocol):
    """(chains, num_steps, seed) -> (chains, info of the last step).

    The key of a step is that of its absolute index, so that a chain in segments is the
    same chain.
    """

    def __call__(
        self,
        chains: Chains,
        num_steps: int | tf.Tensor,
        seed: tf.Tensor,
        *,
        start: int | tf.Tensor = 0,
    ) -> tuple[Chains, Any]:
        """Moves images and carry by steps of which the first has the index `start`."""
        ...


class ChainSource(Protocol):
    """Where chains live between updates."""

    def __call__(
        self,
        state: Any,
        sample: SampleFn,
        initialize: InitializeFn,
        batch: int,
        seed: tf.Tensor,
    ) -> Advance:
        """Picks or begins `batch` chains and samples them."""
        ...
