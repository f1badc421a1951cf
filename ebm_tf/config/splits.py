"""Parts of datasets, in the notation of TFDS: "train", "train[:1000]", "test[90%:]"."""

import math
import re

_PATTERN = re.compile(r"(\w+)(?:\[(-?\d+%?)?:(-?\d+%?)?\])?")

Range = tuple[float, float]


def overlap(first: str, second: str) -> bool:
    """Whether two splits share images, as far as can be told without the dataset.

    Counts from the front, counts from the end and percents are each compared with
    their like; of others, such as train[:100] and train[-50:], it cannot be told.
    """
    one, other = _PATTERN.fullmatch(first), _PATTERN.fullmatch(second)
    if one is None or other is None or one[1] != other[1]:
        return False
    bounds = [one[2], one[3], other[2], other[3]]
    unit = {_unit(bound) for bound in bounds if bound is not None}
    if len(unit) > 1:
        return False
    whole = _WHOLE[unit.pop()] if unit else (0.0, math.inf)
    (low, high), (lowest, highest) = (
        _range(match[2], match[3], whole) for match in (one, other)
    )
    return max(low, lowest) < min(high, highest)


_WHOLE: dict[str, Range] = {
    "front": (0.0, math.inf),
    "end": (-math.inf, 0.0),
    "percent": (0.0, 100.0),
}


def _unit(bound: str) -> str:
    if bound.endswith("%"):
        return "percent"
    return "end" if bound.startswith("-") else "front"


def _range(first: str | None, last: str | None, whole: Range) -> Range:
    low = whole[0] if first is None else float(first.rstrip("%"))
    high = whole[1] if last is None else float(last.rstrip("%"))
    return low, high
