"""Experiments that measure where the gradients of a classifier point.

Lengths are in units of images in [-1, 1], as published: 2/255 of it is 1/255 of the
pixel range.
"""

import dataclasses
from typing import ClassVar, Literal

from ebm_tf.config.attacks import CarliniWagner
from ebm_tf.config.classifier import ClassifierNetwork, PretrainedClassifier
from ebm_tf.config.core import Experiment, Settings, require, runtime
from ebm_tf.config.directions import AnyDirections, TrueDirections
from ebm_tf.config.parts import Data


@dataclasses.dataclass(frozen=True, kw_only=True)
class RadiusSearch(Settings):
    """The least radius at which an attack breaks each image.

    Attributes:
      radii: that are tried, rising; those of the published grid.
      num_bisections: halvings between the first radius that breaks an image and the
        one before.
    """

    radii: tuple[float, ...]
    num_bisections: int = 6

    def validate(self) -> None:
        """Checks the radii and the halvings."""
        self.require_rising("radii")
        require(self.radii[0] > 0, f"Expected radii={self.radii} to be above 0.")
        self.require_least(0, "num_bisections")

    @property
    def name(self) -> str:
        """What it is called in results."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Ascent(RadiusSearch):
    """Projected gradient ascent, whose steps scale with the radius.

    Attributes:
      loss: what is raised, as for `attacks.Pgd`.
      num_steps: of ascent.
      way: what all steps together could go, in radii.
      num_restarts: how often it is run; the best run counts.
    """

    loss: Literal["cross_entropy", "margin"] = "margin"
    num_steps: int = 40
    way: float = 2.5
    num_restarts: int = 1

    def validate(self) -> None:
        """Checks counts and lengths too."""
        super().validate()
        self.require_positive("num_steps", "way", "num_restarts")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PgdSearch(_Ascent):
    """PGD on the values of pixels.

    Attributes:
      norm: "linf" or "l2".
    """

    norm: Literal["linf", "l2"] = "linf"

    @property
    def name(self) -> str:
        """What it is called in results."""
        return f"pgd_{self.norm}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpatialSearch(_Ascent):
    """PGD on the places of pixels, see `attacks.spatial`; radii are those of flows."""

    @property
    def name(self) -> str:
        """What it is called in results."""
        return "spatial"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SquareSearch(RadiusSearch):
    """Square, which takes no gradient, in l-infinity.

    Attributes:
      num_queries: forward evaluations at each radius.
    """

    num_queries: int = 5000
    num_bisections: int = 3

    def validate(self) -> None:
        """Checks the queries too."""
        super().validate()
        self.require_positive("num_queries")

    @property
    def name(self) -> str:
        """What it is called in results."""
        return "square_linf"


AnySearch = PgdSearch | SquareSearch | SpatialSearch


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlignmentMeasurement(Experiment):
    """Measures alignments of gradients, and how far away the errors of images are.

    Attributes:
      data: the images, and their size.
      num_images: the first so many of the split; all if None.
      classifier: what is measured; the settings of the run that learned it, where
        `weights` is one.
      weights: the folder of a run, release:NAME or a weight file.
      weights_kind: of a run: "selected" by validation, "averaged", "raw", or "best",
        the selected ones where there are any, else the averaged ones.
      num_wrong: wrong classes, the likeliest ones, among which the closest is sought;
        all if None, which is much of a thousand.
      directions: that gradients are compared with.
      estimated: others that are compared with `directions`; none if None.
      in_range: whether attacked images stay in [-1, 1]; not for points, nor for images
        that leave it.
      searches: attacks, and the radii at which they are tried.
      linearity: by which linear distances are compared with the way to the nearest
        error; not at all if None.
      score_curve: of points, whether p(y = 1 | x) is drawn over the length of x.
      num_draws: of the bootstrap, from which intervals are taken.
      batch: images at once, over all replicas.
      save_every: batches of attacks between checkpoints.
    """

    executable: ClassVar[str] = "align"

    data: Data
    num_images: int | None = 1000
    classifier: ClassifierNetwork | PretrainedClassifier
    weights: str | None = None
    weights_kind: Literal["best", "selected", "averaged", "raw"] = "best"
    num_wrong: int | None = None
    directions: AnyDirections = TrueDirections()
    estimated: AnyDirections | None = None
    in_range: bool = True
    searches: tuple[AnySearch, ...] = ()
    linearity: CarliniWagner | None = None
    score_curve: bool = False
    num_draws: int = 1000
    batch: int = 100
    save_every: int = runtime(1)

    def validate(self) -> None:
        """Checks counts, and that searches have different names."""
        super().validate()
        self.require_least(2, "num_images", "num_draws")
        self.require_positive("batch", "save_every", "num_wrong")
        names = [search.name for search in self.searches]
        require(
            len(names) == len(set(names)),
            f"Expected searches of different names, got {', '.join(names)}.",
        )
        require(
            "spatial" not in names or self.data.image_size > 1,
            "Expected no SpatialSearch where examples are points.",
        )
        require(
            not self.score_curve or self.data.image_size == 1,
            "Expected score_curve=False where examples are no points.",
        )
