"""Attacks in segments, between which images that are final can leave them.

An attack goes through rounds, one for each class that it aims at or each restart, and
a round through blocks of steps or queries. A segment is one block. What an image meets
depends on no other image, so whoever leaves out those that are final changes nothing.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from ebm_tf.kernels import Kernel, iterate
from ebm_tf.protocols import Attacked


class Rows(NamedTuple):
    """What is attacked.

    Attributes:
      images: natural ones, float32 [n, H, W, C].
      labels: int64 [n].
      epsilon: float32 [n], the radius around each.
      keys: int32 [n, 2], a key of each; or [2], one of all.
    """

    images: tf.Tensor
    labels: tf.Tensor
    epsilon: tf.Tensor
    keys: tf.Tensor


class Search(NamedTuple):
    """A round of an attack on some rows.

    Attributes:
      open: best yet -> state: a nest of tensors [n, ...], as all that follows.
      advance: (state, int32 index of a block) -> state.
      close: (best yet, state) -> best, whatever classes the round aims at.
      is_final: state -> bool [n], whether the rest of the attack changes nothing.
    """

    open: Callable[[Any], Any]
    advance: Callable[[Any, tf.Tensor], Any]
    close: Callable[[Any, Any], Any]
    is_final: Callable[[Any], tf.Tensor]


class Carry(NamedTuple):
    """Where an attack is.

    Attributes:
      best: of the rounds that are closed; its `broken`, bool [n], is final.
      targets: int32 [n, r], the class of each round; [n, 0] where it aims at none.
      state: of the round that is open.
      final: bool [n], whether further segments change nothing.
    """

    best: Any
    targets: tf.Tensor
    state: Any
    final: tf.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class InRounds:
    """An attack, an `AttackFn`, that can be advanced by segments.

    Attributes:
      first: rows -> the best before any round, and the classes of `Carry.targets`.
      search: (rows, classes int32 [n] or None, int32 index of a round) -> the round.
      last: (rows, best) -> the result.
      num_rounds: at most; fewer where there are fewer classes.
      num_blocks: of each round.
    """

    first: Callable[[Rows], tuple[Any, tf.Tensor]]
    search: Callable[[Rows, tf.Tensor | None, tf.Tensor], Search]
    last: Callable[[Rows, Any], Attacked]
    num_rounds: int
    num_blocks: int

    def num_segments(self, carry: Carry) -> int:
        """Of the whole attack, if images do not become final before."""
        return self.num_blocks * (carry.targets.shape[1] or self.num_rounds)

    def __call__(
        self, images: tf.Tensor, labels: tf.Tensor, epsilon: tf.Tensor, seed: tf.Tensor
    ) -> Attacked:
        """Attacks all images to the end; the seed is a key, or one for each."""
        rows = Rows(images, labels, epsilon, seed)

        def step(state: tuple[tf.Tensor, Carry], _: tf.Tensor) -> tuple:
            index, carry = state
            return (index + 1, self.advance(rows, carry, index)), ()

        kernel = Kernel(lambda carry: ((tf.constant(0), carry), ()), step)
        begun = self.begin(rows)
        (_, carry), _ = iterate(
            kernel,
            *kernel.init(begun),
            self.num_segments(begun),
            tf.zeros([2], tf.int32),
            until=lambda state: tf.reduce_all(state[1].final),
        )
        return self.end(rows, carry)

    def begin(self, rows: Rows) -> Carry:
        """Opens the first round."""
        best, targets = self.first(rows)
        search = self._search(rows, targets, tf.constant(0))
        state = search.open(best)
        return Carry(best, targets, state, best.broken | search.is_final(state))

    def advance(self, rows: Rows, carry: Carry, segment: tf.Tensor) -> Carry:
        """Runs a segment, int32 scalar, which may be the first of another round."""
        index, block = segment // self.num_blocks, segment % self.num_blocks
        search = self._search(rows, carry.targets, index)
        best, state = carry.best, carry.state
        if self.num_rounds > 1:

            def opened() -> tuple[Any, Any]:
                closed = search.close(best, state)
                return closed, search.open(closed)

            best, state = tf.cond(
                (block == 0) & (index > 0), opened, lambda: (best, state)
            )
        state = search.advance(state, block)
        final = best.broken | search.is_final(state)
        return Carry(best, carry.targets, state, final)

    def end(self, rows: Rows, carry: Carry) -> Attacked:
        """Closes the round that is open, whichever it is for each image."""
        search = self._search(rows, carry.targets, tf.constant(0))
        return self.last(rows, search.close(carry.best, carry.state))

    def _search(self, rows: Rows, targets: tf.Tensor, index: tf.Tensor) -> Search:
        aimed = targets.shape[1] > 0
        classes = tf.gather(targets, index, axis=1) if aimed else None
        return self.search(rows, classes, index)


def num_blocks(num_steps: int, length: int) -> int:
    """Blocks of a length that hold so many steps; the last one may be shorter."""
    return -(-num_steps // length)


def steps_of(block: tf.Tensor, length: int, num_steps: int) -> tuple:
    """The index of the first step of a block, and how many it has, int32 scalars."""
    start = block * length
    return start, tf.minimum(length, num_steps - start)
