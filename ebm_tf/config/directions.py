"""The settings of directions: where the nearest image of another class lies."""

import dataclasses

from ebm_tf.config.core import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrueDirections(Settings):
    """Those that data have which are made by a rule, such as "spheres"."""


AnyDirections = TrueDirections
