"""Files of named arrays that other programs wrote; none of them can run code."""

import importlib
import io
import json
import pickle
import re
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from ebm_tf.errors import WeightsError
from ebm_tf.runtime.files import exists, read_file, reason

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


_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
# Of which the reader of TensorFlow raises an IndexError for a file that is cut short.
_DAMAGE = (tf.errors.OpError, RuntimeError, ValueError, IndexError, DecodeError)


def prefix_of(path: str) -> str | None:
    """What the files of a checkpoint have in common; None if it is none.

    Args:
      path: the prefix itself, or a file that begins with it.
    """
    prefix = re.sub(r"\.(index|data-\d+-of-\d+)$", "", path)
    return prefix if exists(f"{prefix}.index") else None


def read_object_graph(prefix: str, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Reads all arrays of a checkpoint.

    A variable can be reached over several attributes and is stored under the shortest
    way to it, so names are followed through the graph. They begin at the root or, where
    the network is a part of what was saved, at that part.

    Args:
      prefix: of the checkpoint's files.
      names: attributes joined by "/", such as ``block2/conv_1/kernel``.

    Returns:
      Arrays by these names where they exist; the others by the name that they have in
      the file.

    Raises:
      WeightsError: if it is damaged, or no checkpoint of objects.
    """
    try:
        reader = tf.compat.v1.train.NewCheckpointReader(prefix)
        stored = set(reader.get_variable_to_shape_map())
        if _GRAPH not in stored:
            raise WeightsError(
                f"{prefix} holds no graph of objects: save it again with "
                "tf.train.Checkpoint."
            )
        graph = TrackableObjectGraph.FromString(reader.get_tensor(_GRAPH))
        keys = _keys(graph, list(names))
        rest = stored - {_GRAPH} - set(keys.values())
        keys |= {key.removesuffix(_VALUE): key for key in sorted(rest)}
        return {name: reader.get_tensor(key) for name, key in keys.items()}
    except _DAMAGE as error:
        raise WeightsError(
            f"The checkpoint {prefix} is damaged: {reason(error)}."
        ) from error


class _Node(NamedTuple):
    children: dict[str, int]
    key: str | None


def _keys(graph: TrackableObjectGraph, names: list[str]) -> dict[str, str]:
    nodes = [
        _Node(
            {child.local_name: child.node_id for child in node.children},
            next((a.checkpoint_key for a in node.attributes), None),
        )
        for node in graph.nodes
    ]
    if not nodes:
        return {}
    roots = dict.fromkeys([0, *nodes[0].children.values()])
    found = (dict(_followed(nodes, root, names)) for root in roots)
    return max(found, key=len)


def _followed(
    nodes: list[_Node], root: int, names: list[str]
) -> Iterator[tuple[str, str]]:
    for name in names:
        index: int | None = root
        for attribute in name.split("/"):
            index = nodes[index].children.get(attribute)
            if index is None:
                break
        key = None if index is None else nodes[index].key
        if key is not None:
            yield name, key
