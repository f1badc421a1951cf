"""Arrays by their names elsewhere -> variables by their paths here."""

import re
from collections.abc import Iterable, Mapping

import numpy as np

from ebm_tf.errors import WeightsError
from ebm_tf.store.conversion.tables import Stored, Table

Shape = tuple[int, ...]


def sources(paths: Iterable[str], table: Table) -> dict[str, Stored]:
    """The arrays that each variable of a network comes from, by their whole names.

    Args:
      paths: of all variables, such as ``block2_conv_1/kernel``.
      table: knows the layers.

    Raises:
      WeightsError: if the table does not know a layer.
    """
    paths = list(paths)
    blocks = [int(m[1]) for path in paths if (m := re.match(r"block(\d+)", path))]
    last = 1 + max(blocks, default=0)
    return {path: _source(path, last, table) for path in paths}


def _source(path: str, last: int, table: Table) -> Stored:
    layer, _, variable = path.rpartition("/")
    for row in table.rows:
        match = re.fullmatch(row.layer, layer)
        variables = row.variables or {variable: Stored((variable,))}
        if match and variable in variables:
            groups = {
                key: text.replace("/", table.separator)
                for key, text in match.groupdict().items()
            }
            place = table.place(int(groups.get("block", 0)))
            from_0 = {f"{k}_0": int(v) - 1 for k, v in groups.items() if v.isdigit()}
            name = row.source.format(**groups, **from_0, place=place, last=last)
            stored = variables[variable]
            names = (f"{name}{table.separator}{end}" for end in stored.names)
            return stored._replace(names=tuple(names))
    raise WeightsError(
        f"Weights of this kind have no counterpart of the variable {path}: check the "
        "architecture."
    )


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
    names = [name for stored in wanted.values() for name in stored.names]
    variables, misshapen = {}, []
    for path, stored in wanted.items():
        found = [arrays[name] for name in stored.names if name in arrays]
        if len(found) == len(stored.names):
            try:
                variables[path] = _variable(stored, found, shapes[path])
            except ValueError as error:
                misshapen.append(f"{stored.names[0]} {error}")
    misfits = {
        "missing": [name for name in names if name not in arrays],
        "unexpected": [
            name
            for name in arrays
            if name not in names and not re.fullmatch(table.dropped, name)
        ],
        "misshapen": misshapen,
    }
    texts = [
        f"{kind} {found[0]}" + (f" and {len(found) - 1} more" if found[1:] else "")
        for kind, found in misfits.items()
        if found
    ]
    if texts:
        raise WeightsError(f"The arrays do not fit: {'; '.join(texts)}.")
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
