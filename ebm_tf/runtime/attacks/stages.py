"""The stages of a measurement of robustness."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from ebm_tf import pixels
from ebm_tf.runtime.attacks.batches import AttackBatches, Rows, Stage
from ebm_tf.runtime.attacks.pieces import PieceFn, attacking, compiled, judging
from ebm_tf.runtime.attacks.robustness_session import RobustnessSession


@dataclasses.dataclass(frozen=True)
class Stages:
    """Looks at images and attacks them.

    Attributes:
      session: the classifier.
      batches: the images.
    """

    session: RobustnessSession
    batches: AttackBatches

    def natural(self, name: str) -> Rows:
        """Looks at all natural images."""
        everything = np.arange(len(self.batches.labels))
        stage = Stage(name, self._look, everything, np.zeros(len(everything)))
        return self.batches.outcome(stage)

    def in_ball(self, name: str, chosen: np.ndarray) -> Rows:
        """Runs the named attack on the chosen images, in the ball of the config."""
        radius = pixels.from_255ths(self.session.config.ball.epsilon)
        epsilon = np.full(len(chosen), radius)
        return self._outcome(Stage(name, self._attacks[name], chosen, epsilon))

    def in_balls(
        self,
        attack: str,
        name: str,
        chosen: np.ndarray,
        radii: np.ndarray,
        *kept: str,
    ) -> Rows:
        """Runs an attack in a ball of its own around each chosen image.

        Args:
          attack: its name.
          name: of the stage.
          chosen: int64 [m], positions of the images.
          radii: float [m], in 255ths.
          *kept: names of the outcomes that are wanted.
        """
        epsilon = pixels.from_255ths(1.0) * radii
        return self._outcome(Stage(name, self._attacks[attack], chosen, epsilon, kept))

    def _outcome(self, stage: Stage) -> Rows:
        nothing = {
            "images": self.batches.images[:0],
            "broken": np.zeros(0, bool),
            "claimed": np.zeros(0, bool),
            "prediction": np.zeros(0, np.int64),
        }
        return self.batches.outcome(stage) or nothing

    @functools.cached_property
    def _judge(self) -> PieceFn:
        return judging(self.session.classifier, self.session.num_verifications)

    @functools.cached_property
    def _look(self) -> Callable:
        return compiled(self.session.replicas, self._judge)

    @functools.cached_property
    def _attacks(self) -> dict[str, Callable]:
        """The attacks, each traced when it is first run."""
        return {
            name: compiled(self.session.replicas, attacking(attack, self._judge))
            for name, attack in self.session.attacks.items()
        }
