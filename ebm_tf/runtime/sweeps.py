"""Experiments that differ in the values of a few settings, and their figures.

Nothing here imports TensorFlow: a mistake is reported at once.
"""

import ast
import csv
import io
import itertools
import math
import re
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ebm_tf.config.core import Experiment, require
from ebm_tf.config.overrides import override

# Experiments by the names of their folders in that of a sweep; "" is a single one.
Runs = Mapping[str, Experiment]
SINGLE = ""
# The settings of a sweep, and the values that each takes, as texts.
Axes = dict[str, list[str]]
SEED = "seed"
MOST_LETTERS = 100
MOST_LISTED = 20
_ODD = re.compile(r"[^\w.+=-]+")  # in the name of a folder


def axes(words: Iterable[str]) -> Axes:
    """Reads ``key.path=value,value``.

    Raises:
      ConfigError: if a word has another form, or a value or setting comes twice.
    """
    found: Axes = {}
    for word in words:
        setting, separator, text = word.partition("=")
        values = list(_split(text))
        require(
            bool(separator) and all(values) and setting.strip() not in found,
            f"Expected --sweep {word} as key.path=value,value, each setting once.",
        )
        require(
            len(set(values)) == len(values),
            f"Expected different values of {setting}, got {', '.join(values)}.",
        )
        found[setting.strip()] = values
    return found


def _split(text: str) -> Iterator[str]:
    """The parts between commas that are in no brackets and no quotes."""
    depth, quote, part = 0, "", ""
    for letter in text:
        if quote or letter in "'\"":
            quote = "" if letter == quote else quote or letter
        else:
            depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth and not quote:
            yield part.strip()
            part = ""
        else:
            part += letter
    yield part.strip()


def experiments(config: Any, axes: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """An experiment for each combination of values, by a name for its folder.

    Raises:
      ConfigError: if there is no such setting, or a value is none of it.
    """
    found: dict[str, Any] = {}
    for index, pairs in enumerate(combinations(axes)):
        texts = (f"{setting}={label(value)}" for setting, value in pairs)
        name = _ODD.sub("-", "_".join(texts))[:MOST_LETTERS]
        name += f"_{index}" if name in found else ""
        found[name] = override(config, assignments(pairs))
    return found


def announced(names: Sequence[str], words: Iterable[str]) -> Iterator[str]:
    """Lines that say how many runs of which values there will be.

    Args:
      names: of the runs.
      words: that --sweep gave; none where a sweep goes on.
    """
    settings = [f"{setting}={','.join(v)}" for setting, v in axes(words).items()]
    of = f" of {' with '.join(settings)}" if settings else ""
    yield f"{len(names)} runs{of}, in turn:" if len(names) > 1 else f"1 run{of}:"
    yield from (f"  {name}" for name in names[:MOST_LISTED])
    if len(names) > MOST_LISTED:
        yield f"  and {len(names) - MOST_LISTED} more"


def combinations(axes: Mapping[str, Sequence[Any]]) -> Iterator[list[tuple[str, Any]]]:
    """Pairs of a setting and a value, in the order of the experiments."""
    for values in itertools.product(*axes.values()):
        yield list(zip(axes, values, strict=True))


def assignments(pairs: Iterable[tuple[str, Any]]) -> list[str]:
    """``key.path=value`` of each pair, as --set takes them."""
    return [f"{setting}={value}" for setting, value in pairs]


def label(value: Any) -> str:
    """A value for people: of settings, their type and what they say."""
    try:
        found = ast.literal_eval(str(value))
    except (ValueError, SyntaxError):
        return str(value)
    if not isinstance(found, Mapping):
        return str(value)
    rest = [f"{k}={v}" for k, v in found.items() if k != "type" and not _is_nested(v)]
    return " ".join([str(found.get("type", "")), *rest]).strip()


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping | tuple | list)


# A run's labels of the settings that differ, and its results.
Row = tuple[Mapping[str, str], Mapping[str, Any]]


def compared(rows: Sequence[Row]) -> list[str]:
    """The names of the numbers among results that differ between runs."""
    names = dict.fromkeys(name for _, results in rows for name in results)
    settings = {setting.rpartition(".")[2] for labels, _ in rows for setting in labels}
    return [
        name
        for name in names
        if name not in settings | {"updates_per_second"}
        and len({number(results.get(name)) for _, results in rows} - {None}) > 1
    ]


def number(value: Any) -> float | None:
    """A finite number, or None."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) else None


def grouped(rows: Sequence[Row]) -> dict[tuple[str, ...], list[Mapping[str, Any]]]:
    """The results of runs that differ in their seed only, by their other labels."""
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for labels, results in rows:
        key = tuple(text for setting, text in labels.items() if setting != SEED)
        groups.setdefault(key, []).append(results)
    return groups


def mean_and_error(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean, and the half-width of its 95 % interval by Student's t.

    It is None of a single value.
    """
    mean, count = statistics.fmean(values), len(values)
    if count < 2:
        return mean, None
    error = statistics.stdev(values) / math.sqrt(count)
    return mean, _student(count - 1) * error


def _student(degrees: int) -> float:
    from scipy.special import stdtrit  # half a second that no mistake waits for

    return float(stdtrit(degrees, 0.975))


def unlike(figures: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Iterator[str]:
    """Sentences on runs whose values of these names are not those of the first.

    Args:
      figures: of each run, with its folder under "run".
      names: of what they must have in common.
    """
    first = figures[0]
    for found in figures:
        if differing := [name for name in names if found[name] != first[name]]:
            yield (
                f"{found['run']} was measured with other {', '.join(differing)} than "
                f"{first['run']}."
            )


def csv_text(rows: Sequence[Row]) -> str:
    """A line for each run: what differs, then all numbers of its results."""
    names = dict.fromkeys(n for _, results in rows for n in results)
    names = [n for n in names if any(number(r.get(n)) is not None for _, r in rows)]
    names = [n for n in names if n not in rows[0][0]]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*rows[0][0], *names])
    for labels, results in rows:
        writer.writerow([*labels.values(), *(number(results.get(n)) for n in names)])
    return text.getvalue()


def lines(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """A table for people: of each group its means with their intervals."""
    return _aligned(_table(rows, names))


def columns(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """The same with a column for each group, for many names."""
    return _aligned(list(zip(*_table(rows, names), strict=True)))


def _table(rows: Sequence[Row], names: Sequence[str]) -> list[list[str]]:
    settings = [setting for setting in rows[0][0] if setting != SEED]
    table = [[*settings, "runs", *names]]
    for key, group in grouped(rows).items():
        table.append([*key, str(len(group)), *(_cell(group, n) for n in names)])
    return table


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(text.ljust(w) for text, w in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]


def _cell(group: Sequence[Mapping[str, Any]], name: str) -> str:
    values = [v for r in group if (v := number(r.get(name))) is not None]
    if not values:
        return "-"
    mean, error = mean_and_error(values)
    return f"{mean:.4g}" if error is None else f"{mean:.4g} +- {error:.2g}"
