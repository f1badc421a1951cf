"""Settings of directions become functions."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ebm_tf.config.directions import AnyDirections, TrueDirections
from ebm_tf.data.sources import Source
from ebm_tf.errors import DataError
from ebm_tf.protocols import Directions


class OpenDirections(NamedTuple):
    """Directions that were found, and what they are made of.

    Attributes:
      differences: of images, their labels and the classes to move to.
      lines: what there is to say of them, for people.
      digests: hashes of their weights by what they are, for `inputs.require_same`.
    """

    differences: Directions
    lines: tuple[str, ...] = ()
    digests: Mapping[str, str] = {}


def open_directions(
    settings: AnyDirections, config: Any, source: Source
) -> OpenDirections:
    """Finds directions, and builds networks for them; call it in the strategy's scope.

    Args:
      settings: which directions.
      config: of the experiment, with its `data` and its `compute_dtype`.
      source: of the images, which is opened where directions are the data's own.

    Raises:
      UserError: if the data know no directions, or weights are missing or do not fit.
    """
    match settings:
        case TrueDirections():
            return OpenDirections(_true(source), ("directions: those of the data",))
    raise TypeError(f"Expected settings of directions, got {settings!r}.")


def _true(source: Source) -> Directions:
    if source.directions is None:
        raise DataError(
            f"Expected directions that are estimated: dataset {source.name} does not "
            "know its own, as spheres, squares and squares32 do."
        )
    return source.directions
