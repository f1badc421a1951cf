"""Settings that are changed on the command line."""

import ast
import dataclasses
import typing
from collections.abc import Iterable
from typing import Any

from ebm_tf.config.core import (
    Settings,
    TypeMismatchError,
    convert,
    field_types,
    from_mapping,
    require,
    to_mapping,
    unknown_key,
)
from ebm_tf.errors import ConfigError


def override(config: Settings, assignments: Iterable[str]) -> Any:
    """Applies ``key.path=value`` assignments, each checked against its field.

    A value is a literal, a text, or a part of a config as Python writes it:
    ``objective=MultiHinge(class_weight=0.1)``. All are applied before the result is
    validated, so their order is free.
    """
    mapping = to_mapping(config)
    for assignment in assignments:
        path, separator, text = assignment.partition("=")
        require(bool(separator), f"Expected --set {assignment} as key.path=value.")
        _assign(mapping, type(config), path.strip().split("."), text.strip())
    return from_mapping(type(config), mapping)


def _assign(mapping: dict[str, Any], cls: type, path: list[str], text: str) -> None:
    key, *rest = path
    hints = field_types(cls)
    require(key in hints, unknown_key(key, hints))
    if rest:
        value = mapping[key] if key in mapping else _usual(cls, key)
        nested = mapping[key] = _with_fields(value, hints[key], key)
        _assign(nested, _settings_class(hints[key], nested["type"]), rest, text)
    else:
        value = _parsed(text, hints[key], key)
        mapping[key] = to_mapping(value) if dataclasses.is_dataclass(value) else value


def _usual(cls: type, key: str) -> Any:
    """The default of a field as a mapping holds it; None where there is none."""
    (field,) = (field for field in dataclasses.fields(cls) if field.name == key)
    value = None if field.default is dataclasses.MISSING else field.default
    return to_mapping(value) if dataclasses.is_dataclass(value) else value


def _with_fields(value: Any, hint: Any, key: str) -> dict[str, Any]:
    """The mapping that a nested assignment goes into; begun where there is none."""
    if not isinstance(value, dict):
        kinds = [o for o in typing.get_args(hint) if dataclasses.is_dataclass(o)]
        if len(kinds) == 1:
            return {"type": typing.cast(type, kinds[0]).__name__}
        raise ConfigError(f"Expected {key} to have fields, but it is {value!r}.")
    return value


def _settings_class(hint: Any, name: str) -> type:
    options = typing.get_args(hint) or (hint,)
    return next(option for option in options if option.__name__ == name)


def _parsed(text: str, hint: Any, key: str) -> Any:
    try:
        return convert(_literal(text), hint, key)
    except TypeMismatchError as error:
        try:
            return convert(text, hint, key)  # a name of digits only, say
        except TypeMismatchError:
            raise error from None


def _literal(text: str) -> Any:
    """The value that Python would read; the text itself where it would read none."""
    try:
        return _value_of(ast.parse(text, mode="eval").body)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text


def _value_of(node: ast.expr) -> Any:
    """A literal; of ``Kind(field=literal)`` the mapping that describes the part."""
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(_value_of(item) for item in node.elts)
    if not isinstance(node, ast.Call):
        return ast.literal_eval(node)
    if node.args or not isinstance(node.func, ast.Name):
        raise ValueError("neither a literal nor a part of a config")
    fields = {str(keyword.arg): _value_of(keyword.value) for keyword in node.keywords}
    return {"type": node.func.id} | fields
