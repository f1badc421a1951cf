"""Parts of datasets, in the notation of TFDS: "train", "train[:1000]", "test[90%:]"."""

import itertools
import re
from typing import NamedTuple

from ebm_tf.config.core import require
from ebm_tf.errors import ConfigError

_NAMED = re.compile(r"([\w-]+)(?:\[(.*)\])?")
_NUMBER = r"(-?\d+(?:_\d+)*(?:\.\d+)?)?%?"
_BOUNDS = re.compile(f"{_NUMBER}:{_NUMBER}")


class _Bound(NamedTuple):
    """A position in a split whose size is not known: count + percent of the size."""

    count: float
    percent: float


_Range = tuple[_Bound, _Bound]
_FRONT, _END = _Bound(0.0, 0.0), _Bound(0.0, 100.0)


def require_disjoint(*splits: str) -> None:
    """Checks that no two splits of a dataset share images.

    Raises:
      ConfigError: if two do, or may.
    """
    for first, second in itertools.combinations(splits, 2):
        shared = overlap(first, second)
        require(
            shared is False,
            f"Expected splits that share no images, but {first} and {second} "
            + (
                "do."
                if shared
                else "may: give both in percent or as counts from the same end."
            ),
        )


def range_of(selector: str | None, size: int) -> range:
    """The positions that a selector such as "10:", ":90%" or "-5:" takes of so many.

    Shares are rounded to whole positions, so that "train[:90%]" and "train[90%:]"
    are disjoint and together everything.

    Args:
      selector: what stands within the brackets; None takes all.
      size: how many there are.

    Raises:
      ConfigError: if it is of another form.
    """
    bounds = _bounds(selector)
    if bounds is None:
        raise ConfigError(
            f"Expected [{selector}] as a slice such as [:1000] or [90%:]."
        )
    low, high = (round(bound.count + bound.percent * size / 100) for bound in bounds)
    return range(max(low, 0), min(max(high, 0), size))


def named_parts(split: str) -> list[tuple[str, str | None]]:
    """The (name, selector) of each part of a split such as "train[:90%]+test".

    Raises:
      ConfigError: if one cannot be read.
    """
    parts = []
    for text in split.split("+"):
        named = _NAMED.fullmatch(text.strip())
        if named is None:
            raise ConfigError(
                f"Expected split={split!r} as names with slices, such as train[:90%]."
            )
        parts.append((named[1], named[2]))
    return parts


def overlap(first: str, second: str) -> bool | None:
    """Whether two splits of a dataset share images.

    Sums share what one of their parts shares, and "all" is every split.

    Returns:
      None where it depends on the size of the dataset, as for train[:90%] and
      train[50000:], or where the notation is not known here. Each split counts as
      having images.
    """
    pairs = itertools.product(first.split("+"), second.split("+"))
    found = {_parts_overlap(one.strip(), other.strip()) for one, other in pairs}
    return True if True in found else None if None in found else False


def _parts_overlap(first: str, second: str) -> bool | None:
    if "all" in (first, second):
        return True
    named, other_named = _NAMED.fullmatch(first), _NAMED.fullmatch(second)
    if named is None or other_named is None:
        return None
    if named[1] != other_named[1]:
        return False
    one, other = _bounds(named[2]), _bounds(other_named[2])
    if one is None or other is None:
        return None
    if False in (_is_before(*one), _is_before(*other)):
        return False
    across = _begins_in_time(one, other), _begins_in_time(other, one)
    return False if False in across else all(across) or None


def _begins_in_time(one: _Range, other: _Range) -> bool | None:
    """Whether a range begins before another ends, where neither is empty."""
    (low, high), (lowest, highest) = one, other
    if low == _FRONT or highest == _END:
        return True
    if _is_before(lowest, low) is False or _is_before(highest, high) is False:
        return True  # it begins no later than the other, or ends no later
    return _is_before(low, highest)


def _bounds(selector: str | None) -> _Range | None:
    """Where a range begins and ends; None where it cannot be read."""
    if selector is None:
        return _FRONT, _END
    match = _BOUNDS.fullmatch(selector)
    if match is None:
        return None
    in_percent = "%" in selector  # of both, as TFDS reads it
    low, high = (_bound(number, in_percent) for number in match.groups())
    return low or _FRONT, high or _END


def _bound(number: str | None, in_percent: bool) -> _Bound | None:
    if number is None:
        return None
    value = float(number)
    base = _END if value < 0 else _FRONT
    if in_percent:
        return base._replace(percent=base.percent + value)
    return base._replace(count=value)


def _is_before(first: _Bound, second: _Bound) -> bool | None:
    """Whether a position comes before another; None where the size decides."""
    differences = [there - here for here, there in zip(first, second, strict=True)]
    if all(difference <= 0 for difference in differences):
        return False
    return True if min(differences) >= 0 else None
