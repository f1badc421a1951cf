"""The Inception graph of 2015, by which Fréchet distances are published.

The graph `classify_image_graph_def.pb` resizes, scales and classifies one image. It is
imported as it is but for one kind of node, and fed at `ExpandDims:0` with images in
0..255, as Salimans et al. (2016) and Heusel et al. (2017) do.
"""

import hashlib
import io
import os
import tarfile
import warnings
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from google.protobuf.message import DecodeError

from ebm_tf.errors import WeightsError
from ebm_tf.runtime.files import fetched, reason, sha256_of

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
      name: of the graph, in errors.

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
    have the shape of one image, so they are recomputed, as the code of Salimans et
    al. (2016) does: the features times the matrix that feeds `softmax/logits/MatMul`,
    *without* the bias `softmax/biases`.

    Args:
      graph_def: a serialised GraphDef.
      name: of the graph, in errors.

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

    A session still runs `BatchNormWithGlobalNormalization` in a graph whose version is
    of 2015; a function has the current version and refuses it. Both compute
    (x - mean) * (scale / sqrt(variance + epsilon)) + offset.
    """
    for node in list(graph.node):
        if node.op != _OLD_BATCH_NORM:
            continue
        images, mean, variance, offset, scale, *controls = node.input
        epsilon = node.attr["variance_epsilon"].f
        if not node.attr["scale_after_normalization"].b:
            scale = f"{node.name}/ones"
            ones = graph.node.add(name=scale, op="OnesLike", input=[variance])
            ones.attr["T"].type = tf.float32.as_datatype_enum
        node.op = "FusedBatchNormV3"
        node.ClearField("attr")
        node.ClearField("input")
        node.input.extend([images, scale, offset, mean, variance, *controls])
        node.attr["T"].type = node.attr["U"].type = tf.float32.as_datatype_enum
        node.attr["epsilon"].f = epsilon
        node.attr["is_training"].b = False


KERAS_INCEPTION_SIDE = 299
GRAPH = "classify_image_graph_def.pb"
MOST_GRAPH_BYTES = 1 << 30
ARCHIVE = "inception-2015-12-05.tgz"
ARCHIVE_SUFFIXES = (".tgz", ".tar.gz")
# Of the 95,673,916 bytes that evaluation code of several groups names for the copy at
# openaipublic.blob.core.windows.net/diffusion/jul-2021/ref_batches; the archive's
# member has as many.
GRAPH_SHA256 = "009d6814d1bc560d4e7b236e170e9b2d5ca6f4b57bd8037f6db05776204415c6"
KERAS_WEIGHTS = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"

_GRAPH_SOURCE = f"models/image/imagenet/{ARCHIVE} of download.tensorflow.org"
_KERAS_FILE = (
    f"{KERAS_WEIGHTS} in tensorflow/keras-applications/inception_v3 of "
    "storage.googleapis.com"
)


def read_inception_2015(
    path: str, sha256: str | None = GRAPH_SHA256
) -> tuple[bytes, str]:
    """Reads the Inception graph of 2015.

    Args:
      path: `classify_image_graph_def.pb`, or an archive *.tgz or *.tar.gz with it.
      sha256: digest that the graph, not the archive, must have; None to take any.

    Returns:
      The serialised graph, and its name with its digest.

    Raises:
      WeightsError: if the file is missing, damaged or another one.
    """
    content = _read(path)
    if path.endswith(ARCHIVE_SUFFIXES):
        content = _unpack(content, path)
    digest = hashlib.sha256(content).hexdigest()
    if sha256 is not None and digest != sha256:
        raise WeightsError(
            f"Expected SHA-256 {sha256} of the graph in {path}, got {digest}: get "
            f"{_GRAPH_SOURCE}."
        )
    parse_graph(content, path)
    return content, f"{GRAPH} sha256 {digest}"


def _read(path: str) -> bytes:
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            return file.read()
    except tf.errors.NotFoundError as error:
        raise WeightsError(
            f"No Inception graph at {path}: get {_GRAPH_SOURCE}, and give its path or "
            f"that of {GRAPH} in it."
        ) from error
    except (tf.errors.OpError, OSError) as error:
        raise WeightsError(f"Cannot read {path}: {reason(error)}") from error


def _unpack(archive: bytes, path: str) -> bytes:
    """The graph of a compressed archive."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as members:
            for member in members:
                is_graph = os.path.basename(member.name) == GRAPH
                if is_graph and member.size > MOST_GRAPH_BYTES:
                    raise tarfile.TarError("The graph is too large.")
                if is_graph and (file := members.extractfile(member)):
                    return file.read()
    except (tarfile.TarError, OSError, EOFError, KeyError, zlib.error) as error:
        raise WeightsError(
            f"The archive {path} is damaged: get {_GRAPH_SOURCE}."
        ) from error
    raise WeightsError(f"The archive {path} holds no {GRAPH}: get {_GRAPH_SOURCE}.")


def load_inception_keras(path: str | None = None) -> tuple[keras.Model, str]:
    """Keras' InceptionV3 without its top.

    Args:
      path: its weights; None for those of Keras, which are downloaded once.

    Returns:
      A model from images [n,299,299,3] in [-1,1] to features [n,2048], and the name of
      its weights.

    Raises:
      WeightsError: if the weights are missing, damaged or those of another network.
    """
    if path is None:
        return _downloaded_inception_keras(), f"{KERAS_WEIGHTS} of Keras (ImageNet)"
    if not tf.io.gfile.exists(path) or tf.io.gfile.isdir(path):
        raise WeightsError(f"No weights at {path}: expected a file like {_KERAS_FILE}.")
    model = _inception_keras(None)
    with fetched(path) as local, warnings.catch_warnings(action="ignore"):
        try:
            model.load_weights(local)
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            raise WeightsError(
                f"The weights {path} are damaged or do not fit Keras' InceptionV3 "
                f"without its top: expected a file like {_KERAS_FILE}."
            ) from error
    return model, f"{os.path.basename(path)} sha256 {sha256_of(path)}"


def _downloaded_inception_keras() -> keras.Model:
    try:
        return _inception_keras("imagenet")
    # Keras raises an `Exception` of no further type where a download fails.
    except Exception as error:
        raise WeightsError(
            "Cannot download the weights of Keras' InceptionV3: fetch "
            f"{_KERAS_FILE} and give its path."
        ) from error


def _inception_keras(weights: Any) -> keras.Model:
    shape = (KERAS_INCEPTION_SIDE, KERAS_INCEPTION_SIDE, 3)
    return keras.applications.InceptionV3(
        include_top=False, weights=weights, pooling="avg", input_shape=shape
    )
