"""The Inception graph of 2015, by which Fréchet distances are published.

The graph `classify_image_graph_def.pb` resizes, scales and classifies one image. It is
imported as it is but for one kind of node, and fed at `ExpandDims:0` with images in
0..255, as Salimans et al. (2016) and Heusel et al. (2017) do.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf
from google.protobuf.message import DecodeError

from ebm_tf.errors import WeightsError

IMAGES = "ExpandDims"
POOL = "pool_3"
LOGITS = "softmax/logits/MatMul"

_OLD_BATCH_NORM = "BatchNormWithGlobalNormalization"


class InceptionGraph(NamedTuple):
    """A graph that is ready to run.

    Attributes:
      size: length d of a feature vector; 2048 in the original.
      num_logits: k; 1008 in the original.
      run: float32 images [n,h,w,3] in 0..255 -> features [n,d], logits [n,k].
    """

    size: int
    num_logits: int
    run: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def parse_graph(graph_def: bytes, name: str) -> Any:
    """Reads a graph and checks that it is an Inception graph.

    Args:
      graph_def: a serialised GraphDef.
      name: what the graph is called in errors.

    Returns:
      A `GraphDef`.

    Raises:
      WeightsError: if it is no graph, or lacks the tensors that are used.
    """
    graph = tf.compat.v1.GraphDef()
    try:
        graph.ParseFromString(graph_def)
    except DecodeError as error:
        raise WeightsError(f"The file {name} holds no TensorFlow graph.") from error
    found = {node.name for node in graph.node}
    missing = [needed for needed in (IMAGES, POOL, LOGITS) if needed not in found]
    if missing:
        raise WeightsError(
            f"The graph {name} lacks {', '.join(missing)}: expected the Inception "
            "graph of 2015."
        )
    return graph


def import_graph(graph_def: bytes, name: str) -> InceptionGraph:
    """Makes a function of the Inception graph.

    The graph's own bilinear resize is used, without half-pixel centres. Its logits
    have the shape of one image, so they are computed anew, as the code of Salimans et
    al. (2016) does: the features times the matrix that feeds `softmax/logits/MatMul`,
    *without* the bias `softmax/biases`.

    Args:
      graph_def: a serialised GraphDef.
      name: what the graph is called in errors.

    Raises:
      WeightsError: if it is no graph, or not an Inception graph.
    """
    graph = parse_graph(graph_def, name)
    _renew_batch_norms(graph)

    def run(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pool, logits = tf.graph_util.import_graph_def(
            graph,
            input_map={f"{IMAGES}:0": images},
            return_elements=[f"{POOL}:0", LOGITS],
            name="",
        )
        features = tf.squeeze(pool, [1, 2])
        return features, tf.matmul(features, logits.inputs[1])

    images = tf.TensorSpec([None, None, None, 3], tf.float32)
    try:
        whole = tf.compat.v1.wrap_function(run, [images])
    except (ValueError, IndexError) as error:
        raise WeightsError(
            f"The graph {name} cannot be run: expected the Inception graph of 2015."
        ) from error
    # The rest of the graph has to go: its reshape to one image fails with several.
    function = whole.prune(whole.inputs, whole.structured_outputs)
    features, logits = function.structured_outputs
    return InceptionGraph(features.shape[-1], logits.shape[-1], function)


def _renew_batch_norms(graph: Any) -> None:
    """Puts the successor of batch normalisation for an operation that was removed.

    A session still runs `BatchNormWithGlobalNormalization` in a graph that says that
    it is of 2015; a function is of today and refuses it. Both compute
    (x - mean) * (scale / sqrt(variance + epsilon)) + offset.
    """
    for node in list(graph.node):
        if node.op != _OLD_BATCH_NORM:
            continue
        images, mean, variance, offset, scale, *controls = node.input
        epsilon = node.attr["variance_epsilon"].f
        if not node.attr["scale_after_normalization"].b:
            ones = graph.node.add(
                name=f"{node.name}/ones", op="OnesLike", input=[variance]
            )
            ones.attr["T"].type = tf.float32.as_datatype_enum
            scale = ones.name
        node.op = "FusedBatchNormV3"
        node.ClearField("attr")
        node.ClearField("input")
        node.input.extend([images, scale, offset, mean, variance, *controls])
        node.attr["T"].type = node.attr["U"].type = tf.float32.as_datatype_enum
        node.attr["epsilon"].f = epsilon
        node.attr["is_training"].b = False
