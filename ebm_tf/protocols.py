"""The words that the rooms share: callables and the tuples that pass between them."""

from typing import Any, NamedTuple, Protocol

import tensorflow as tf


class Chains(NamedTuple):
    """A batch or a bank of Langevin chains.

    Attributes:
      images: float32 [n, H, W, C].
      latents: float32 [n, z], the latents that chains started from; z is 0 where
        there is no generator.
      ages: int32 [n], visits since the chain was begun.
    """

    images: tf.Tensor
    latents: tf.Tensor
    ages: tf.Tensor


class Advance(NamedTuple):
    """What a `ChainSource` returns: sampled chains, its next state, diagnostics."""

    chains: Chains
    state: Any
    info: Any


class Energy(Protocol):
    """Images [n, H, W, C] in [-1, 1] -> energies float32 [n], lower is likelier."""

    def __call__(self, images: tf.Tensor, /) -> tf.Tensor:
        """Returns the energies, divided by their temperature."""
        ...


class Generator(Protocol):
    """Latents [n, z] -> images [n, H, W, C] in [-1, 1]."""

    def __call__(self, latents: tf.Tensor, /) -> tf.Tensor:
        """Returns the images."""
        ...


class InitializeFn(Protocol):
    """(n, seed) -> n chains at their start."""

    def __call__(self, n: int, seed: tf.Tensor) -> Chains:
        """Returns chains of age 0."""
        ...


class SampleFn(Protocol):
    """(images, num_steps, seed) -> (images, info of the last step)."""

    def __call__(
        self, images: tf.Tensor, num_steps: int | tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, Any]:
        """Moves the images by a number of steps."""
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
