"""What the settings of an experiment mean, by the docstrings of their classes."""

import dataclasses
import functools
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from ebm_tf.config.core import describe_type, field_types

_ATTRIBUTE = re.compile(r"  (\w+): (.*)")
_WIDTH = 88


def described(settings: Any, prefix: str = "") -> Iterator[str]:
    """Each setting with its type and value, and below it what it means.

    Settings within settings come by their dotted paths, as --set takes them.
    """
    for name, hint in field_types(type(settings)).items():
        value = getattr(settings, name)
        is_nested = dataclasses.is_dataclass(value)
        shown = type(value).__name__ if is_nested else repr(value)
        yield from _wrapped(f"{prefix}{name}: {describe_type(hint)} = {shown}", 2)
        if text := _meanings(type(settings)).get(name):
            yield from _wrapped(text, 6)
        if is_nested:
            yield from described(value, f"{prefix}{name}.")


def _wrapped(text: str, indent: int) -> list[str]:
    first, later = " " * indent, " " * max(indent, 6)
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=later,
        break_on_hyphens=False,
        break_long_words=False,
    )


@functools.cache
def _meanings(kind: type) -> dict[str, str]:
    """The Attributes of the docstrings of a class and those that it inherits from."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        _, _, section = (inspect.cleandoc(one.__doc__ or "")).partition("Attributes:\n")
        name = ""
        for line in section.splitlines():
            if match := _ATTRIBUTE.fullmatch(line):
                name = match[1]
                found[name] = match[2]
            elif name and line.startswith("    "):
                found[name] += f" {line.strip()}"
            else:
                break
    return found
