"""Arrays by their names elsewhere -> variables by their paths here."""

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from ebm_tf.errors import WeightsError
from ebm_tf.store.conversion.tables import Row, Stored, Table, same

Shape = tuple[int, ...]


def sources(paths: Iterable[str], table: Table) -> dict[str, Stored]:
    """Where each variable of a network comes from: whole names of arrays.

    Args:
      paths: of all variables, such as ``block2_conv_1/kernel``.
      table: knows the layers.

    Raises:
      WeightsError: if the table does not know a layer.
    """
    paths = list(paths)
    blocks = (re.match(r"block(\d+)", path) for path in paths)
    last = 1 + max((int(block[1]) for block in blocks if block), default=0)
    return {path: _source(path, last, table) for path in paths}


def _source(path: str, last: int, table: Table) -> Stored:
    layer, _, variable = path.rpartition("/")
    for row in table.rows:
        match = re.fullmatch(row.layer, layer)
        stored = _stored(variable, row)
        if match and stored:
            groups = {
                key: text.replace("/", table.separator)
                for key, text in match.groupdict().items()
            }
            place = table.place(int(groups.get("block", 0)))
            name = row.source.format(**groups, place=place, last=last)
            names = (f"{name}{table.separator}{end}" for end in stored.names)
            return Stored(tuple(names), stored.transform)
    raise WeightsError(
        f"Weights of this kind have no counterpart of the variable {path}: check the "
        "architecture."
    )


def _stored(variable: str, row: Row) -> Stored | None:
    if row.variables is None:
        return Stored((variable,), same)
    return row.variables.get(variable)


class _Misfits(NamedTuple):
    missing: list[str]
    unexpected: list[str]
    misshapen: list[str]


def fitted(
    arrays: Mapping[str, np.ndarray], shapes: Mapping[str, Shape], table: Table
) -> dict[str, np.ndarray]:
    """The variables of a network: float32 arrays by path.

    Args:
      arrays: by their names elsewhere.
      shapes: of the variables, by path.
      table: knows the layers.

    Raises:
      WeightsError: if arrays are missing, unexpected, misshapen or not finite; it
        names the first of each.
    """
    wanted = sources(shapes, table)
    names = list(itertools.chain.from_iterable(s.names for s in wanted.values()))
    misfits = _Misfits(
        missing=[name for name in names if name not in arrays],
        unexpected=[
            name
            for name in arrays
            if name not in names and not re.fullmatch(table.dropped, name)
        ],
        misshapen=[],
    )
    variables = {}
    for path, stored in wanted.items():
        found = [arrays[name] for name in stored.names if name in arrays]
        if len(found) < len(stored.names):
            continue
        try:
            variables[path] = _variable(stored, found, shapes[path])
        except ValueError as error:
            misfits.misshapen.append(f"{stored.names[0]} {error}")
    if any(misfits):
        raise WeightsError(f"The arrays do not fit: {_told(misfits)}.")
    return variables


def _variable(stored: Stored, found: list[np.ndarray], shape: Shape) -> np.ndarray:
    here = " and ".join(str(list(array.shape)) for array in found)
    try:
        variable = stored.transform(*(_floats(array) for array in found))
    except ValueError as error:
        raise ValueError(f"of shape {here} ({error})") from error
    if variable.shape != tuple(shape):
        raise ValueError(
            f"of shape {here}, which becomes {list(variable.shape)} where "
            f"{list(shape)} is needed"
        )
    if not np.all(np.isfinite(variable)):
        raise ValueError("with numbers that are not finite")
    return variable


def _floats(array: np.ndarray) -> np.ndarray:
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"holds {array.dtype}, not floating-point numbers")
    return array.astype(np.float32, copy=False)


def _told(misfits: _Misfits) -> str:
    parts = []
    for kind, names in misfits._asdict().items():
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            parts.append(f"{kind} {names[0]}{more}")
    return "; ".join(parts)
