"""Files of named arrays that other programs wrote; none of them can run code."""

import contextlib
import importlib
import io
import pickle
import re
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from ebm_tf.errors import WeightsError
from ebm_tf.runtime import bounded_arrays
from ebm_tf.runtime.bounded_json import json_of
from ebm_tf.runtime.files import exists, read_file, reason

Arrays = Mapping[str, np.ndarray]

# PyTorch's safe loader had a hole before (CVE-2025-32434).
_LEAST_TORCH = (2, 6)
_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
# What the readers raise; an IndexError is TensorFlow's for a truncated file.
_DAMAGE = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError),
    *(EOFError, struct.error, zipfile.BadZipFile, DecodeError, tf.errors.OpError),
)
_SAFETENSORS_DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4"},
    **{"I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "?"},
}


def read_arrays(path: str, names: Iterable[str]) -> Arrays:
    """Reads the arrays of a file, whose format is recognised by its content.

    Args:
      path: an npz or safetensors file, one that PyTorch saved, or a file or the common
        prefix of a checkpoint of TensorFlow.
      names: of the arrays that are wanted; a checkpoint of TensorFlow has several for
        one array.

    Raises:
      WeightsError: if there is no such file, or it has another format or is damaged,
        or holds several state dictionaries.
      RunError: if it cannot be read.
    """
    prefix = re.sub(r"\.(index|data-\d+-of-\d+)$", "", path)
    if exists(f"{prefix}.index"):
        return read_object_graph(prefix, names)
    found = read_state_dicts(path)
    if len(found) > 1:
        raise several(path, found)
    (arrays,) = found.values()
    return arrays


def several(path: str, keys: Iterable[str]) -> WeightsError:
    """The error of a file with several sets of weights, under these keys."""
    named = ", ".join(key or "no key" for key in keys)
    return WeightsError(
        f"{path} holds several sets of weights, under {named}: choose one, --key NAME."
    )


def read_state_dicts(path: str) -> Mapping[str, Arrays]:
    """Reads all sets of named arrays of a file that is no checkpoint of TensorFlow.

    Returns:
      Arrays by the keys, joined by ".", of the mappings that lead to them; there are
      such keys only in files of PyTorch.

    Raises:
      WeightsError: if there is no such file, or it has another format or is damaged.
      RunError: if it cannot be read.
    """
    if not exists(path) or tf.io.gfile.isdir(path):
        raise WeightsError(
            f"No weights at {path}: expected a file, or NAME of the files NAME.index "
            "and NAME.data-*."
        )
    content = read_file(path)
    with _raises_weights_error(path):
        # A pickle, which PyTorch wrote before 1.6, begins with this byte.
        is_zip, is_pickle = content.startswith(b"PK"), content.startswith(b"\x80")
        if is_pickle or (is_zip and b"data.pkl" in content[:1024]):
            return _read_torch(path, content)
        if is_zip:
            # Without pickles, which could hold code.
            return {"": bounded_arrays.read_arrays(io.BytesIO(content))}
        if content[8:9] == b"{":
            return {"": _read_safetensors(content)}
    raise WeightsError(
        f"{path} is none of npz, safetensors, a file that PyTorch saved and a "
        "checkpoint of TensorFlow."
    )


@contextlib.contextmanager
def _raises_weights_error(path: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        why = reason(error).rstrip(".")
        raise WeightsError(f"{path} is damaged: {why}.") from error


def _read_safetensors(content: bytes) -> Arrays:
    (length,) = struct.unpack_from("<Q", content)
    header = json_of(content[8 : 8 + length])
    header.pop("__metadata__", None)
    data = memoryview(content)[8 + length :]
    return {name: _tensor(entry, data) for name, entry in header.items()}


def _tensor(entry: Mapping[str, Any], data: memoryview) -> np.ndarray:
    begin, end = entry["data_offsets"]
    raw, shape = data[begin:end], entry["shape"]
    if entry["dtype"] == "BF16":  # the upper half of a float32
        halves = np.frombuffer(raw, "<u2").astype("<u4")
        return (halves << 16).view("<f4").reshape(shape)
    return np.frombuffer(raw, _SAFETENSORS_DTYPES[entry["dtype"]]).reshape(shape)


def _read_torch(path: str, content: bytes) -> Mapping[str, Arrays]:
    torch = _torch(path)
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} was refused: it holds more than arrays, which could be code. Save "
            "its state_dict alone, or as safetensors."
        ) from error
    found = dict(_state_dicts(loaded, torch.is_tensor))
    if not found:
        raise WeightsError(f"Expected {path} to hold a state_dict: tensors by name.")

    def array(tensor: Any) -> np.ndarray:
        return (tensor.float() if tensor.is_floating_point() else tensor).numpy()

    return {
        key: {name: array(tensor.detach()) for name, tensor in state.items()}
        for key, state in found.items()
    }


def _state_dicts(
    loaded: Any, is_tensor: Callable[[Any], bool], keys: tuple[str, ...] = ()
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The mappings of nothing but tensors, at any depth, by the keys that lead there.

    Those under numbers are an optimizer's.
    """
    if not isinstance(loaded, Mapping) or not all(isinstance(k, str) for k in loaded):
        return
    if loaded and all(map(is_tensor, loaded.values())):
        yield ".".join(keys), loaded
        return
    for key, inner in loaded.items():
        yield from _state_dicts(inner, is_tensor, (*keys, key))


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


def read_object_graph(prefix: str, names: Iterable[str]) -> Arrays:
    """Reads all arrays of a checkpoint of TensorFlow.

    A variable can be reached over several attributes and is stored under the shortest
    path to it, so names are followed through the graph. They begin at the root or,
    where the network is a part of what was saved, at that part.

    Args:
      prefix: of the checkpoint's files.
      names: attributes joined by "/", such as ``block2/conv_1/kernel``.

    Returns:
      Arrays by these names where they exist; the others by their names in the file.

    Raises:
      WeightsError: if it is damaged, or no checkpoint of objects.
    """
    with _raises_weights_error(prefix):
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


def _keys(graph: TrackableObjectGraph, names: list[str]) -> dict[str, str]:
    """The keys of variables in the file, from the root that reaches most of them."""
    nodes = graph.nodes
    children = [{c.local_name: c.node_id for c in node.children} for node in nodes]

    def key_of(root: int, name: str) -> str | None:
        index: int | None = root
        for attribute in name.split("/"):
            index = None if index is None else children[index].get(attribute)
        attributes = [] if index is None else nodes[index].attributes
        return next((each.checkpoint_key for each in attributes), None)

    roots = dict.fromkeys([0, *children[0].values()]) if children else ()
    found = [
        {name: key for name in names if (key := key_of(root, name))} for root in roots
    ]
    return max(found, key=len, default={})
