"""Networks of one's own: what a function in a file returns, or a .keras file holds."""

import dataclasses
import inspect
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras

from ebm_tf.config.kinds import KERAS_FILE, load_function
from ebm_tf.config.networks import AnyNetwork
from ebm_tf.errors import ConfigError, UserError
from ebm_tf.models.adapted import adapted
from ebm_tf.models.trials import in_a_line
from ebm_tf.runtime.bounded_json import json_of
from ebm_tf.runtime.files import exists, fetched

# Settings that are no arguments of a function.
_NOT_GIVEN = ("architecture", "pixel_range", "weights", "norm", "batch_norm_training")
# Layers that run what a file holds, or other programs.
_CODE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
_MOST_CONFIG_BYTES = 50_000_000


def build(
    settings: AnyNetwork, image_size: int, channels: int, dtype: str, **choices: Any
) -> keras.Model:
    """The network that settings name, as `catalogue.build` makes those of its table.

    Args:
      settings: of any network, with an architecture FILE.py:function or FILE.keras.
      image_size: side of the images.
      channels: of the images.
      dtype: "float32" or "bfloat16", which a function may have a parameter for.
      **choices: that are no settings, of which it may have parameters, too.

    Raises:
      ConfigError: if there is no such file, it holds code, the function fails, or it
        is no network of this kind.
    """
    if settings.architecture.endswith(KERAS_FILE):
        model = read(settings.architecture)
    else:
        model = _called(settings, image_size, channels, {"dtype": dtype, **choices})
    return adapted(model, settings, image_size, channels, **choices)


def read(path: str) -> keras.Model:
    """The model in a .keras file, which runs no code.

    Raises:
      ConfigError: if there is no such file, it is damaged, or it needs code.
    """
    if not exists(path):
        raise ConfigError(f"No file {path}.")
    with fetched(path) as local:
        _require_no_code(local, path)
        try:
            model = keras.saving.load_model(local, compile=False, safe_mode=True)
        except Exception as error:  # Keras has no class for what may be wrong
            raise ConfigError(
                f"Keras cannot open {path}: {in_a_line(error)}"
            ) from error
    if not isinstance(model, keras.Model):
        raise ConfigError(f"Expected {path} to hold a model of Keras.")
    return model


def _require_no_code(local: str, path: str) -> None:
    try:
        with zipfile.ZipFile(local) as archive:
            size = archive.getinfo("config.json").file_size
            if size > _MOST_CONFIG_BYTES:
                raise ValueError(f"its config.json has {size:,} bytes")
            found = json_of(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        reason = f"{type(error).__name__}: {in_a_line(error)}"
        raise ConfigError(
            f"{path} is damaged, or no file that model.save() wrote: {reason}"
        ) from error
    for module, name in _classes(found):
        if name in _CODE or name == "__lambda__":
            raise ConfigError(
                f"{path} holds code (a {name.strip('_')} layer), which is not run: "
                "build the network by FILE.py:function, whose code you see."
            )
        if module is None or module.split(".")[0] not in ("keras", "builtins"):
            raise ConfigError(
                f"{path} needs the class {name}, which is none of Keras' own: build "
                "the network by FILE.py:function."
            )


def _classes(value: Any) -> Iterator[tuple[str | None, str]]:
    """The module and the name of each class that a saved config names."""
    if isinstance(value, dict):
        if isinstance(value.get("class_name"), str) and "module" in value:
            yield value["module"], value["class_name"]
        elif value.get("class_name") == "__lambda__":
            yield None, "__lambda__"
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _classes(item)


def _called(
    settings: AnyNetwork, image_size: int, channels: int, choices: Mapping[str, Any]
) -> keras.Model:
    """What the function returns that settings name.

    Parameters with the names of settings or of choices get these; the others in their
    order get the size, the channels and the number of classes or None.
    """
    reference = settings.architecture
    function = load_function(reference)
    values = {name: getattr(settings, name) for name in _choices(settings)}
    values |= choices
    classes = values.get("num_outputs") or values.get("num_classes")
    in_order: list[Any] = [image_size, channels, classes]
    arguments: dict[str, Any] = {}
    for name, parameter in _parameters(function).items():
        if name not in values and not in_order:
            continue  # it has a default, or the call fails
        value = values[name] if name in values else in_order.pop(0)
        if value is not None or parameter.default is parameter.empty:
            arguments[name] = value
    try:
        model = function(**arguments)
    except UserError:
        raise
    except Exception as error:
        raise ConfigError(
            f"{_call(reference, arguments)} raised {type(error).__name__}: "
            f"{in_a_line(error)}"
        ) from error
    if not isinstance(model, keras.Model):
        raise ConfigError(
            f"Expected {_call(reference, arguments)} to return a Keras model, got "
            f"{type(model).__name__}."
        )
    return model


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return {
        name: parameter
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }


def _choices(settings: AnyNetwork) -> list[str]:
    """The names of settings that a function may have parameters for."""
    names = (field.name for field in dataclasses.fields(settings))
    return [name for name in names if name not in _NOT_GIVEN]


def _call(reference: str, arguments: Mapping[str, Any]) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"{reference}({given})"
