"""Experiments that compare learned models: by chains, by energies, by robustness."""

import dataclasses
from typing import ClassVar

from ebm_tf.config.analysis import Analysis
from ebm_tf.config.attack_energies import AttackName
from ebm_tf.config.chains import Start
from ebm_tf.config.core import Experiment, field_types, from_mapping, require, runtime
from ebm_tf.config.ebm import EbmExperiment
from ebm_tf.config.fid import FeatureExtractor, SampleMeasurement, measurement_of
from ebm_tf.config.parts import Data


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison(Experiment):
    """Runs the chains of several models from the same starts for equally long.

    Attributes:
      data: images that samples are compared with, and that chains may start from.
      features: what images are compared by.
      runs: folders of the runs that learned the models, or release:NAME.
      start: where chains begin.
      noise_scale: half-width of the uniform noise of start="noise".
      num_samples: chains of each model.
      batch: chains at once, over all replicas.
      num_steps: numbers of Langevin steps after which images are measured.
      save_every: segments of a chain, a hundredth each, between checkpoints.
    """

    executable: ClassVar[str] = "compare"

    data: Data
    features: FeatureExtractor
    runs: tuple[str, ...] = ()
    start: Start = "data"
    noise_scale: float = 1.0
    num_samples: int = 1000
    batch: int = 500
    num_steps: tuple[int, ...] = (100, 1000, 10_000, 100_000)
    save_every: int = runtime(5)

    def validate(self) -> None:
        """Checks counts, and that there is a common start."""
        super().validate()
        self.require_positive("noise_scale", "batch", "save_every")
        self.require_least(2, "num_samples")
        self.require_rising("num_steps")
        require(
            self.start != "generator",
            "Expected start='noise' or 'data', which all models have.",
        )
        require(all(self.runs), f"Expected runs={self.runs} to be folders.")

    def measurement(self, run: str, learned: EbmExperiment) -> SampleMeasurement:
        """The measurement of one of the models."""
        there = field_types(SampleMeasurement)
        names = [name for name in field_types(Comparison) if name in there]
        shared = {name: getattr(self, name) for name in names if name != "name"}
        networks = {"energy": dataclasses.replace(learned.energy, weights=None)}
        if learned.prior is not None:
            networks["prior"] = dataclasses.replace(learned.prior, weights=None)
        return measurement_of(learned, weights=run, **networks, **shared)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnergyComparison(Analysis):
    """Compares classifiers by what an attack does to their energies.

    Its other settings are those of the analysis of each classifier that was not
    analysed before.

    Attributes:
      runs: classifiers, by whatever may stand for `weights`, or folders of finished
        runs of `analyze.py` that measured `attacks`.
      robustness: of each of them, in the same order, the folder of the run of
        `attack.py` that measured its accuracies, or "" for the worst case of `attacks`;
        () where all are "".
      compared: the attack whose differences of energies are compared.
    """

    executable: ClassVar[str] = "compare"

    runs: tuple[str, ...] = ()
    robustness: tuple[str, ...] = ()
    compared: AttackName = "pgd"

    def validate(self) -> None:
        """Checks that there is an attack, and that names go together."""
        super().validate()
        require(
            self.attacks is not None and self.compared in self.attacks.attacks,
            f"Expected attacks.attacks to have compared={self.compared!r}.",
        )
        require(
            self.weights is None,
            f"Expected weights={self.weights} to be None: runs names the classifiers.",
        )
        require(all(self.runs), f"Expected runs={self.runs} to be folders.")
        require(
            len(self.robustness) in (0, len(self.runs)),
            f"Expected robustness={self.robustness} to name a folder or '' for each of "
            f"runs={self.runs}.",
        )

    def analysis(self, run: str) -> Analysis:
        """The analysis of one of the classifiers."""
        shared = {name: getattr(self, name) for name in field_types(Analysis)}
        return from_mapping(Analysis, shared | {"weights": run})


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinishedRuns(Experiment):
    """Compares what finished runs have measured.

    Attributes:
      runs: their folders.
    """

    executable: ClassVar[str] = "compare"

    runs: tuple[str, ...] = ()

    def validate(self) -> None:
        """Checks that runs are named."""
        super().validate()
        require(all(self.runs), f"Expected runs={self.runs} to be folders.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Leaderboard(FinishedRuns):
    """Compares classifiers by what attacks have left of their accuracy.

    The runs are of `attack.py`, on classifiers without a defence.
    """


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlignmentComparison(FinishedRuns):
    """Compares classifiers by where their gradients point and by their least radii.

    The runs are of `align.py`, or sweeps of them.
    """


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnowledgeComparison(FinishedRuns):
    """Compares classifiers by accuracy, calibration, detection, energies under attack.

    The runs are of `analyze.py`, or sweeps of them.

    Attributes:
      noise: on the images, one of those with which each run has measured.
    """

    noise: float = 0.0

    def validate(self) -> None:
        """Checks the noise too."""
        super().validate()
        self.require_least(0, "noise")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GenerationComparison(FinishedRuns):
    """Compares classifiers by the images that are drawn from them.

    The runs are of `generate.py`, or sweeps of them.
    """
