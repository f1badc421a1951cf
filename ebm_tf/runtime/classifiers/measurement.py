"""A classifier under attack, measured on all devices of this process."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf.attacks.pgd import pgd_attack
from ebm_tf.evaluation.energy_statistics import Judged
from ebm_tf.learning.adversary import in_inference
from ebm_tf.pixels import from_255ths
from ebm_tf.runtime import seeds
from ebm_tf.runtime.classifiers.session import ClassifierSession
from ebm_tf.runtime.distribution import distributed, local, on_each
from ebm_tf.runtime.seeds import Purpose


class _Piece(NamedTuple):
    """Images, labels and radii [b] of one replica; what fills up has radius 0."""

    images: tf.Tensor
    labels: tf.Tensor
    epsilon: tf.Tensor


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Judges the network of averages, with the weights that it has at the time.

    Attributes:
      session: whose network, attack and devices are used.
    """

    session: ClassifierSession

    @functools.cached_property
    def _judge(self) -> Callable:
        """Compiled once: all batches have one shape."""
        session = self.session
        config, replicas = session.config, session.replicas
        classifier = in_inference(session.classifier.average)
        attack = pgd_attack(classifier, config.evaluation_attack, config.ball)

        @tf.function(autograph=False, jit_compile=replicas.jit)
        def judge(piece: _Piece, seed: tf.Tensor) -> tuple[Judged, tf.Tensor]:
            found = attack(piece.images, piece.labels, piece.epsilon, seed)
            natural, attacked = classifier(piece.images), classifier(found.images)
            return Judged(natural, attacked, piece.labels, found.broken), found.images

        return on_each(replicas, judge)

    def judged(
        self, images: np.ndarray, labels: np.ndarray, purpose: Purpose
    ) -> tuple[Judged, np.ndarray]:
        """Attacks images [n, H, W, C] of labels [n].

        The key of a batch follows from the purpose and its place, so that one
        measurement differs from the next by the weights only.

        Returns:
          What became of the images, and the attacked images of the first batch.
        """
        key = seeds.key(self.session.config.seed, purpose)
        parts = []
        examples = images[:0]
        for index, (piece, count) in enumerate(self._pieces(images, labels)):
            found = self._judge(piece, tf.random.fold_in(key, index))
            replicas = local(self.session.replicas, found)
            joined = [
                np.concatenate([np.asarray(part) for part in same])[:count]
                for same in zip(*map(tf.nest.flatten, replicas), strict=True)
            ]
            parts.append(Judged(*joined[:-1]))
            if not index:
                examples = joined[-1]
        return Judged(*map(np.concatenate, zip(*parts, strict=True))), examples

    def _pieces(
        self, images: np.ndarray, labels: np.ndarray
    ) -> Iterator[tuple[_Piece, int]]:
        """Distributed batches of one size; the last one is filled up with zeros."""
        config, replicas = self.session.config, self.session.replicas
        size = replicas.batch_of_each(config.evaluation_batch) * replicas.num_local
        radius = from_255ths(config.ball.epsilon)
        for first in range(0, len(labels), size):
            count = min(size, len(labels) - first)
            rows = (
                images[first : first + count],
                labels[first : first + count],
                np.full(count, radius, np.float32),
            )
            filled = [
                np.pad(values, [(0, size - count)] + [(0, 0)] * (values.ndim - 1))
                for values in rows
            ]
            split = zip(*(np.split(v, replicas.num_local) for v in filled), strict=True)
            yield distributed(replicas, [_Piece(*part) for part in split]), count
