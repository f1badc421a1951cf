"""The graph of 2015 runs in functions, in batches, as it did in sessions."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import WeightsError
from ebm_tf.evaluation import inception

SIDE, SIZE, NUM_LOGITS, EPSILON = 7, 5, 4, 1e-3
NUMBERS = np.random.default_rng(0)
KERNEL = NUMBERS.normal(size=(1, 1, 3, SIZE)).astype(np.float32)
MEAN, OFFSET, SCALE = NUMBERS.normal(size=(3, SIZE)).astype(np.float32)
VARIANCE = NUMBERS.uniform(0.5, 2.0, SIZE).astype(np.float32)
MATRIX = NUMBERS.normal(size=(SIZE, NUM_LOGITS)).astype(np.float32)
BIAS = NUMBERS.normal(size=NUM_LOGITS).astype(np.float32)


class Nodes:
    """A graph with the version of 2015, node by node."""

    def __init__(self):
        self.graph = tf.compat.v1.GraphDef()
        self.graph.versions.producer = 8

    def add(self, name, op, *inputs, **attributes):
        node = self.graph.node.add(name=name, op=op, input=inputs)
        for key, value in attributes.items():
            node.attr[key].CopyFrom(value)
        return name

    def constant(self, name, value):
        tensor = tf.make_tensor_proto(value)
        dtype = tf.compat.v1.AttrValue(type=tensor.dtype)
        return self.add(
            name, "Const", dtype=dtype, value=tf.compat.v1.AttrValue(tensor=tensor)
        )


def attribute(**value):
    return tf.compat.v1.AttrValue(**value)


def integers(*values):
    return attribute(list=tf.compat.v1.AttrValue.ListValue(i=values))


FLOAT = attribute(type=tf.float32.as_datatype_enum)
INTEGER = attribute(type=tf.int32.as_datatype_enum)
VALID = attribute(s=b"VALID")


def add_body(nodes: Nodes, scaled: bool) -> str:
    """Resize, scaling, convolution, batch normalisation, ReLU."""
    side = nodes.constant("ResizeBilinear/size", np.array([SIDE, SIDE], np.int32))
    x = nodes.add("ResizeBilinear", "ResizeBilinear", "ExpandDims", side, T=FLOAT)
    x = nodes.add("Sub", "Sub", x, nodes.constant("Sub/y", np.float32(128)), T=FLOAT)
    y = nodes.constant("Mul/y", np.float32(1 / 128))
    x = nodes.add("Mul", "Mul", x, y, T=FLOAT)
    kernel = nodes.constant("conv/conv2d_params", KERNEL)
    ones = integers(1, 1, 1, 1)
    x = nodes.add(
        "conv/Conv2D", "Conv2D", x, kernel, T=FLOAT, strides=ones, padding=VALID
    )
    table = {"mean": MEAN, "variance": VARIANCE, "beta": OFFSET, "gamma": SCALE}
    tables = [nodes.constant(f"conv/batchnorm/{k}", v) for k, v in table.items()]
    x = nodes.add(
        "conv/batchnorm",
        "BatchNormWithGlobalNormalization",
        x,
        *tables,
        T=FLOAT,
        variance_epsilon=attribute(f=EPSILON),
        scale_after_normalization=attribute(b=scaled),
    )
    return nodes.add("conv", "Relu", x, T=FLOAT)


def stand_in(scaled: bool = False) -> bytes:
    """A small graph with the names and the fixed shapes of the original."""
    nodes = Nodes()
    image = nodes.constant("Cast", np.zeros([6, 4, 3], np.float32))
    axis = nodes.constant("ExpandDims/dim", np.int32(0))
    nodes.add("ExpandDims", "ExpandDims", image, axis, T=FLOAT, Tdim=INTEGER)
    x = add_body(nodes, scaled)
    window = {"ksize": integers(1, SIDE, SIDE, 1), "strides": integers(1, 1, 1, 1)}
    x = nodes.add("pool_3", "AvgPool", x, T=FLOAT, padding=VALID, **window)
    shape = nodes.constant("pool_3/_reshape/shape", np.array([1, SIZE], np.int32))
    x = nodes.add("pool_3/_reshape", "Reshape", x, shape, T=FLOAT)
    matrix = nodes.constant("softmax/weights", MATRIX)
    x = nodes.add("softmax/logits/MatMul", "MatMul", x, matrix, T=FLOAT)
    bias = nodes.constant("softmax/biases", BIAS)
    x = nodes.add("softmax/logits", "BiasAdd", x, bias, T=FLOAT)
    nodes.add("softmax", "Softmax", x, T=FLOAT)
    return nodes.graph.SerializeToString()


def draw(num_images: int, height: int = 6, width: int = 4) -> np.ndarray:
    numbers = np.random.default_rng(1)
    shape = (num_images, height, width, 3)
    return numbers.integers(0, 256, shape).astype(np.float32)


def resize_axis(images: np.ndarray, axis: int, size: int, shift: float) -> np.ndarray:
    """Linear interpolation at (i + shift) * scale - shift along an axis."""
    old = images.shape[axis]
    places = np.clip((np.arange(size) + shift) * old / size - shift, 0, old - 1)
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, old - 1)
    part = np.expand_dims(places - low, tuple(range(1, images.ndim - axis)))
    return np.take(images, low, axis) * (1 - part) + np.take(images, high, axis) * part


def resize(images: np.ndarray, size: int, shift: float) -> np.ndarray:
    """Bilinear; a shift of 0.5 is half-pixel centres, 0 the old way of TensorFlow."""
    return resize_axis(resize_axis(images, 1, size, shift), 2, size, shift)


def expected(images: np.ndarray, scaled: bool) -> tuple[np.ndarray, np.ndarray]:
    x = (resize(images.astype(np.float64), SIDE, shift=0) - 128) / 128
    x = (x @ KERNEL[0, 0] - MEAN) / np.sqrt(VARIANCE + EPSILON)
    features = np.maximum(x * (SCALE if scaled else 1) + OFFSET, 0).mean((1, 2))
    return features, features @ MATRIX


@pytest.mark.parametrize("scaled", [False, True])
def test_features_and_logits_without_bias_are_those_of_the_formulas(scaled):
    graph = inception.import_graph(stand_in(scaled), "stand-in")
    assert (graph.size, graph.num_logits) == (SIZE, NUM_LOGITS)
    images = draw(5)
    given = graph.run(tf.constant(images))
    for ours, theirs in zip(given, expected(images, scaled), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scaled", [False, True])
def test_a_session_gives_the_same(scaled):
    image = draw(1)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph_def = tf.compat.v1.GraphDef.FromString(stand_in(scaled))
        tf.graph_util.import_graph_def(graph_def, name="")
        names = ["pool_3/_reshape:0", "softmax/logits:0"]
        features, logits = session.run(names, {"ExpandDims:0": image})
    run = inception.import_graph(stand_in(scaled), "stand-in").run
    ours = run(tf.constant(image))
    np.testing.assert_allclose(ours[0], features, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours[1] + BIAS, logits, rtol=1e-5, atol=1e-5)


def test_the_original_operation_cannot_run_in_a_function():
    # The reason why the graph is not imported wholly as it is.
    graph_def = tf.compat.v1.GraphDef.FromString(stand_in())

    @tf.function
    def run(image):
        fed, names = {"ExpandDims:0": image}, ["pool_3:0"]
        return tf.graph_util.import_graph_def(graph_def, fed, names, name="")

    with pytest.raises(tf.errors.UnimplementedError, match="removed in version 9"):
        run(draw(1))


def test_images_do_not_see_their_companions():
    run = inception.import_graph(stand_in(), "stand-in").run
    images = tf.constant(draw(5))
    one_by_one = [run(image[None]) for image in images]
    for ours, parts in zip(run(images), zip(*one_by_one, strict=True), strict=True):
        np.testing.assert_allclose(ours, np.concatenate(parts), rtol=1e-6, atol=1e-6)


def test_images_of_several_sizes():
    run = inception.import_graph(stand_in(), "stand-in").run
    for num_images, side in itertools.product((1, 3), (SIDE, 32)):
        features, logits = run(tf.constant(draw(num_images, side, side)))
        assert features.shape == (num_images, SIZE)
        assert logits.shape == (num_images, NUM_LOGITS)


def test_what_is_no_inception_graph_is_told():
    with pytest.raises(WeightsError) as raised:
        inception.import_graph(b"no graph", "some.pb")
    assert str(raised.value) == "The file some.pb holds no TensorFlow graph."
    nodes = Nodes()
    nodes.constant("pool_3", np.float32(0))
    with pytest.raises(WeightsError) as raised:
        inception.import_graph(nodes.graph.SerializeToString(), "some.pb")
    assert str(raised.value) == (
        "The graph some.pb lacks ExpandDims, softmax/logits/MatMul: expected the "
        "Inception graph of 2015."
    )


def test_names_alone_do_not_make_an_inception_graph():
    nodes = Nodes()
    for name in ("ExpandDims", "pool_3", "softmax/logits/MatMul"):
        nodes.constant(name, np.float32(0))
    with pytest.raises(WeightsError, match="^The graph some.pb cannot be run: "):
        inception.import_graph(nodes.graph.SerializeToString(), "some.pb")
