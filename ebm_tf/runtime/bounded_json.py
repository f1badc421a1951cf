"""JSON that others may have written, within bounds; it needs no TensorFlow."""

import json
from collections.abc import Collection
from typing import Any

MOST_BYTES = 1 << 26
MOST_NESTED = 64


def json_of(content: bytes | str) -> Any:
    """The value of a JSON text.

    Raises:
      ValueError: if it is none, too long or nested too deeply.
    """
    if len(content) > MOST_BYTES:
        raise ValueError(f"it is longer than {MOST_BYTES:,} bytes")
    deep = ValueError(f"it is nested more than {MOST_NESTED} levels deep")
    try:
        value = json.loads(content)
    except RecursionError as error:
        raise deep from error
    level = [value]
    for _ in range(MOST_NESTED + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return value
    raise deep


def _inside(value: Any) -> Collection[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
