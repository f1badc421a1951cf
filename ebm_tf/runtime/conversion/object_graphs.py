"""Checkpoints of TensorFlow 2: a graph of objects whose leaves are arrays."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from ebm_tf.errors import WeightsError
from ebm_tf.runtime.cloud_files import exists, reason

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
