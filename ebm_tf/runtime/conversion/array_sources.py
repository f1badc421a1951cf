"""Files of named arrays that other programs wrote; none of them can run code."""

import importlib
import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf.errors import WeightsError
from ebm_tf.runtime.cloud_files import exists, read_file
from ebm_tf.runtime.conversion.object_graphs import prefix_of, read_object_graph

Arrays = Mapping[str, np.ndarray]

# PyTorch's safe loader had a hole before (CVE-2025-32434).
_LEAST_TORCH = (2, 6)
# Under which name training programs put the weights beside other things.
_WEIGHTS_KEYS = ("model_state_dict", "state_dict")
_SAFETENSORS_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}


def read_arrays(path: str, names: list[str]) -> Arrays:
    """Reads the arrays of a file, which is recognised by its content.

    Args:
      path: an npz or safetensors file, one that PyTorch saved, or a file or the common
        beginning of a checkpoint of TensorFlow.
      names: of the arrays that are wanted; a checkpoint of TensorFlow has several for
        one array.

    Raises:
      WeightsError: if there is no such file, or it is of another kind or damaged.
      RunError: if it cannot be read.
    """
    prefix = prefix_of(path)
    if prefix is not None:
        return read_object_graph(prefix, names)
    if not exists(path) or tf.io.gfile.isdir(path):
        raise WeightsError(
            f"No weights at {path}: expected a file, or NAME of the files NAME.index "
            "and NAME.data-*."
        )
    content = read_file(path)
    return _reader(path, content)(path, content)


def _reader(path: str, content: bytes) -> Callable[[str, bytes], Arrays]:
    if content.startswith(b"PK"):
        is_torch = b"data.pkl" in content[:1024]
        return _read_torch if is_torch else _read_npz
    if content.startswith(b"\x80"):  # how a pickle begins, of PyTorch before 1.6 too
        return _read_torch
    if content[8:9] == b"{":
        return _read_safetensors
    raise WeightsError(
        f"{path} is none of npz, safetensors, a file that PyTorch saved and a "
        "checkpoint of TensorFlow."
    )


def _damaged(path: str, error: Exception) -> WeightsError:
    reason = " ".join(str(error).split()).rstrip(".")
    return WeightsError(f"The file {path} is damaged: {reason}.")


def _read_npz(path: str, content: bytes) -> Arrays:
    try:
        # Without pickles, which could hold code.
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error


def _read_safetensors(path: str, content: bytes) -> Arrays:
    try:
        (length,) = struct.unpack_from("<Q", content)
        header = json.loads(content[8 : 8 + length])
        header.pop("__metadata__", None)
        data = memoryview(content)[8 + length :]
        return {name: _tensor(entry, data) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise _damaged(path, error) from error


def _tensor(entry: Mapping[str, Any], data: memoryview) -> np.ndarray:
    """One array of a safetensors file, by its entry in the header."""
    begin, end = entry["data_offsets"]
    raw, shape = data[begin:end], entry["shape"]
    if entry["dtype"] == "BF16":  # the upper half of a float32
        halves = np.frombuffer(raw, "<u2").astype("<u4")
        return (halves << 16).view("<f4").reshape(shape)
    return np.frombuffer(raw, _SAFETENSORS_DTYPES[entry["dtype"]]).reshape(shape)


def _read_torch(path: str, content: bytes) -> Arrays:
    torch = _torch(path)
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} was refused: it holds more than arrays, which could be code. Save "
            "its state_dict alone, or as safetensors."
        ) from error
    except (RuntimeError, ValueError, EOFError, OSError, KeyError) as error:
        raise _damaged(path, error) from error
    for key in _WEIGHTS_KEYS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping) or not all(
        map(torch.is_tensor, loaded.values())
    ):
        raise WeightsError(f"Expected {path} to hold a state_dict: tensors by name.")
    return {name: _from_torch(torch, value) for name, value in loaded.items()}


def _from_torch(torch: Any, tensor: Any) -> np.ndarray:
    if tensor.is_floating_point():
        tensor = tensor.to(torch.float32)
    return tensor.detach().numpy()


def _torch(path: str) -> Any:
    try:
        torch = importlib.import_module("torch")
    except ImportError as error:
        raise WeightsError(
            f"Reading {path} needs PyTorch: install 'torch>=2.6', or save its arrays "
            "elsewhere, under the same names, as safetensors or npz."
        ) from error
    version = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if version < _LEAST_TORCH:
        raise WeightsError(
            f"Reading {path} safely needs 'torch>=2.6', and {torch.__version__} is "
            "installed."
        )
    return torch
