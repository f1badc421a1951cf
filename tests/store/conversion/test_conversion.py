"""Converted networks against independent ones, and tables against published files."""

import keras
import numpy as np
import pytest

from ebm_tf.errors import WeightsError
from ebm_tf.models import biggan, biggan_generators, classifiers, sngan
from ebm_tf.store.conversion.converting import KINDS, target
from ebm_tf.store.conversion.fitting import fitted
from ebm_tf.store.conversion.tables import channels_last, spectrally_normalised
from tests.runs import without_values
from tests.slow import first_fast, slow
from tests.store.conversion import forward, published

TOLERANCE = 1e-5
TORCH_SNGAN = ("l1", "block{}.b{}", "block{}.c{}", "block{}.c_sc", "b{}", "c{}")
GRAPH_SNGAN = (
    "lin_1",
    "block{}/bn_{}",
    "block{}/conv_{}",
    "block{}/sc",
    "bn_{}",
    "conv_{}",
)
TORCH_BIGGAN = ("generator.gen_z", "generator.layers.{}", "generator.conv_to_rgb", ".")
GRAPH_BIGGAN = ("gen_z", "layers_out/{}", "conv_to_rgb", "/")


def shapes_of(model: keras.Model) -> dict[str, tuple[int, ...]]:
    return {variable.path: tuple(variable.shape) for variable in model.variables}


def load(model: keras.Model, kind: str, image_size: int, arrays) -> None:
    values = fitted(arrays, shapes_of(model), KINDS[kind].tables[image_size])
    for variable in model.variables:
        variable.assign(values[variable.path])


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(99).normal(size=shape).astype(np.float32)


def assert_close(model: keras.Model, inputs: np.ndarray, expected: np.ndarray) -> None:
    outputs = np.asarray(model(inputs, training=False))
    assert np.std(expected) > 0.01
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=TOLERANCE * scale)


@pytest.mark.parametrize(
    ("size", "width", "num_blocks"), [(32, 6, 3), (64, 2, 4), (128, 1, 5)]
)
def test_generators_of_mimicry(size, width, num_blocks):
    arrays = published.filled(published.mimicry(size, width, latents=5), seed=size)
    settings = KINDS["mimicry_sngan"].settings
    assert settings.batch_norm_epsilon == 1e-5  # pyright: ignore
    model = sngan.generator(
        size, 3, width=width, latent_size=5, batch_norm_epsilon=1e-5
    )
    load(model, "mimicry_sngan", size, arrays)
    latents = normal(2, 5)
    layers = forward.torch_layers(arrays)
    expected = forward.sngan_generator(latents, layers, TORCH_SNGAN, num_blocks, 1e-5)
    assert_close(model, latents, expected)
    # The epsilon matters: what Keras has by default is another network.
    other = forward.sngan_generator(latents, layers, TORCH_SNGAN, num_blocks, 1e-3)
    assert np.abs(other - expected).max() > 10 * TOLERANCE


@pytest.mark.parametrize(
    ("size", "width", "num_blocks"), [(32, 6, 3), (64, 2, 4), (128, 1, 5)]
)
def test_sngan_generators_of_object_graphs(size, width, num_blocks):
    arrays = published.filled(published.sngan_generator(size, width, 5), seed=size)
    model = sngan.generator(size, 3, width=width, latent_size=5)
    load(model, "life_cycle_sngan_generator", size, arrays)
    latents = normal(2, 5)
    layers = forward.graph_layers(arrays)
    expected = forward.sngan_generator(latents, layers, GRAPH_SNGAN, num_blocks, 1e-3)
    assert_close(model, latents, expected)


@pytest.mark.parametrize(("size", "width"), [(32, 6), (64, 2), (128, 1)])
def test_sngan_energies_of_object_graphs(size, width):
    arrays = published.filled(published.sngan_energy(size, width), seed=size)
    model = sngan.energy(size, 3, width=width)
    load(model, "life_cycle_sngan_energy", size, arrays)
    images = normal(3, size, size, 3)
    expected = forward.sngan_energy(images, arrays, published.sngan_pools(size))
    assert_close(model, images, expected)


@pytest.mark.parametrize("size", first_fast(64, 128))
def test_biggan_energies_of_object_graphs(size):
    arrays = published.filled(published.biggan_energy(size, 8), seed=size)
    model = biggan.energy(size, width=8)
    load(model, "life_cycle_biggan_energy", size, arrays)
    images = normal(2, size, size, 3)
    attention = published.BIGGAN_ENERGIES[size][1]
    blocks = published.biggan_pools(size)
    assert_close(
        model, images, forward.biggan_energy(images, arrays, blocks, attention)
    )


def tabulated(arrays, layers, names, condition):
    """Normalisation at truncation 1, the last row of the tables."""
    means, variances, join = names

    def rows(name):
        return (arrays[f"{name}{join}{table}"][50] for table in (means, variances))

    def norm(x, name):
        gain, offset = (
            layers.dense(condition, f"{name}{join}{part}")
            for part in ("scale", "offset")
        )
        mean, variance = rows(name)
        return forward.normalised(x, mean, variance, 1e-4, 1 + gain, offset)

    def last_norm(x, name):
        gain, offset = (arrays[f"{name}{join}{part}"] for part in ("weight", "bias"))
        mean, variance = rows(name)
        return forward.normalised(x, mean, variance, 1e-4, gain, offset)

    return norm, last_norm


def test_biggan_deep_of_pytorch():
    arrays = published.filled(published.biggan_deep(128, 4, latents=3), seed=1)
    model = biggan_generators.conditional_generator(128, width=4, latent_size=3)
    load(model, "biggan_deep", 128, arrays)
    latents, classes = normal(2, 3), [7, 999]
    embedded = arrays["embeddings.weight"].T[classes]
    condition = np.concatenate([latents, embedded], axis=1)
    layers = forward.torch_layers(arrays)
    names = ("running_means", "running_vars", ".")
    norm, last_norm = tabulated(arrays, layers, names, condition)
    expected = forward.biggan_generator(
        condition,
        layers,
        [False, True] * 5,
        TORCH_BIGGAN,
        arrays["generator.layers.8.gamma"],
        norm,
        lambda x: last_norm(x, "generator.bn"),
    )
    inputs = np.concatenate([latents, np.array(classes)[:, None]], axis=1)
    assert_close(model, inputs.astype(np.float32), expected)


def test_conditional_biggan_of_object_graphs():
    shapes = published.biggan_generator(128, 4, 3, classes=True)
    arrays = published.filled(shapes, seed=2)
    model = biggan_generators.conditional_generator(128, width=4, latent_size=3)
    load(model, "life_cycle_biggan_conditional", 128, arrays)
    latents, classes = normal(2, 3), [0, 500]
    embedded = arrays["embeddings/kernel"][classes]
    condition = np.concatenate([latents, embedded], axis=1)
    layers = forward.graph_layers(arrays)
    norm, last_norm = tabulated(arrays, layers, ("means", "vars", "/"), condition)
    expected = forward.biggan_generator(
        condition,
        layers,
        [False, True] * 5,
        GRAPH_BIGGAN,
        arrays["layers_out/8/gamma"],
        norm,
        lambda x: last_norm(x, "bn"),
    )
    inputs = np.concatenate([latents, np.array(classes)[:, None]], axis=1)
    assert_close(model, inputs.astype(np.float32), expected)


def test_biggan_without_classes_of_object_graphs():
    shapes = published.biggan_generator(64, 4, 3, classes=False)
    arrays = published.filled(shapes, seed=3)
    model = biggan_generators.generator(64, width=4, latent_size=3)
    load(model, "life_cycle_biggan_generator", 64, arrays)
    latents = normal(2, 3)
    layers = forward.graph_layers(arrays)
    expected = forward.biggan_generator(
        latents,
        layers,
        [False, True] * 4 + [False],
        GRAPH_BIGGAN,
        arrays["layers_out/8/gamma"],
        lambda x, name: layers.norm(x, name, 1e-4),
        lambda x: layers.norm(x, "bn", 1e-4),
    )
    assert_close(model, latents, expected)


@pytest.mark.parametrize(("depth", "width"), [(10, 1), slow(16, 2)])
def test_wide_resnets_of_object_graphs(depth, width):
    arrays = published.filled(published.wide_resnet(depth, width), seed=depth)
    model = classifiers.wide_resnet(32, 3, depth=depth, width=width)
    load(model, "life_cycle_wide_resnet", 32, arrays)
    images = normal(3, 32, 32, 3)
    expected = forward.wide_resnet(images, arrays, (depth - 4) // 6)
    assert_close(model, images, expected)


# Parameters of the published networks: trainable ones and statistics, then those of
# the file that have no counterpart here.
PUBLISHED = [
    ("mimicry_sngan", 32, published.mimicry(32, 256), 4_280_323),
    ("mimicry_sngan", 64, published.mimicry(64, 64), 12_226_563),
    ("mimicry_sngan", 128, published.mimicry(128, 64), 32_160_771),
    ("biggan_deep", 128, published.biggan_deep(128, 128), 52_596_929),
    ("biggan_deep", 256, published.biggan_deep(256, 128), 58_465_921),
    ("biggan_deep", 512, published.biggan_deep(512, 128), 58_796_033),
    ("life_cycle_sngan_energy", 32, published.sngan_energy(32, 256), 4_204_800),
    ("life_cycle_sngan_energy", 64, published.sngan_energy(64, 64), 19_542_720),
    ("life_cycle_sngan_energy", 128, published.sngan_energy(128, 64), 38_419_136),
    ("life_cycle_biggan_energy", 64, published.biggan_energy(64, 48), 1_855_478),
    ("life_cycle_biggan_energy", 128, published.biggan_energy(128, 48), 3_782_594),
    ("life_cycle_biggan_energy", 224, published.biggan_energy(224, 48), 4_299_242),
    ("life_cycle_sngan_generator", 32, published.sngan_generator(32, 256), 4_280_323),
    ("life_cycle_sngan_generator", 64, published.sngan_generator(64, 64), 12_226_563),
    ("life_cycle_sngan_generator", 128, published.sngan_generator(128, 64), 32_160_771),
    (
        "life_cycle_biggan_generator",
        128,
        published.biggan_generator(128, 128, classes=False),
        35_649_729,
    ),
    (
        "life_cycle_biggan_conditional",
        256,
        published.biggan_generator(256, 128, classes=True),
        58_465_921,
    ),
    ("life_cycle_wide_resnet", 32, published.wide_resnet(28, 10), 36_507_242),
]


@pytest.mark.parametrize(
    ("kind", "size", "shapes", "total"),
    PUBLISHED,
    ids=[f"{kind}-{size}" for kind, size, *_ in PUBLISHED],
)
def test_published_files_are_used_up(kind, size, shapes, total):
    """At their full width: every array has its place and its shape, none is left."""
    counted = {
        name: int(np.prod(shape))
        for name, shape in shapes.items()
        # Power iteration's right vectors and counts of PyTorch are not in the totals.
        if not name.endswith(("weight_v", "num_batches_tracked"))
    }
    assert sum(counted.values()) == total
    model = built(kind, size)
    arrays = {
        name: np.broadcast_to(np.float32(1), shape) for name, shape in shapes.items()
    }
    values = fitted(arrays, shapes_of(model), KINDS[kind].tables[size])
    assert len(values) == len(model.variables)


def built(kind: str, size: int) -> keras.Model:
    with without_values():
        return target(kind, size, 3, []).build()


def small_fit(arrays):
    model = sngan.energy(32, 3, width=2)
    table = KINDS["life_cycle_sngan_energy"].tables[32]
    return fitted(arrays, shapes_of(model), table)


def test_the_first_misfits_of_each_sort_are_named():
    arrays = published.filled(published.sngan_energy(32, 2), seed=0)
    del arrays["block2/conv_1/kernel"], arrays["lin_5/kernel"]
    arrays["block9/conv_1/kernel"] = normal(3, 3, 2, 2)
    arrays["block3/conv_2/kernel"] = normal(3, 3, 2, 4)
    with pytest.raises(WeightsError) as caught:
        small_fit(arrays)
    assert str(caught.value) == (
        "The arrays do not fit: missing block2/conv_1/kernel and 1 more; unexpected "
        "block9/conv_1/kernel; misshapen block3/conv_2/kernel of shape [3, 3, 2, 4], "
        "which becomes [3, 3, 2, 4] where [3, 3, 2, 2] is needed."
    )


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full([2], np.nan, np.float32), "with numbers that are not finite"),
        (np.zeros([2], np.int64), "holds int64, not floating-point numbers"),
        (np.array(["a", "b"]), "holds <U1"),
    ],
)
def test_what_is_no_weight_is_refused(array, message):
    arrays = published.filled(published.sngan_energy(32, 2), seed=0)
    arrays["conv_1/sc/bias"] = array
    with pytest.raises(WeightsError, match="misshapen conv_1/sc/bias .*" + message):
        small_fit(arrays)


def test_what_training_leaves_beside_weights_is_dropped():
    arrays = published.filled(published.sngan_energy(32, 2), seed=0)
    extras = {
        "save_counter": np.array(1),
        "optimizer/iter": np.array(1),
        "lin_5/kernel/.OPTIMIZER_SLOT/optimizer/m": normal(2, 1),
    }
    assert small_fit(arrays | extras).keys() == small_fit(arrays).keys()


def test_a_kernel_is_divided_by_its_largest_singular_value():
    """And by nothing else: of that of three sides of a known matrix."""
    weight = np.diag([3.0, 2.0, 1.0])[:, :, None, None]
    first = np.array([1.0, 0.0, 0.0])
    kernel = spectrally_normalised(weight, first, first)
    np.testing.assert_array_equal(kernel[0, 0], np.diag([1.0, 2 / 3, 1 / 3]))


def test_kernels_of_pytorch_change_their_axes():
    weight = normal(4, 3, 5, 7)
    kernel = channels_last(weight)
    assert kernel.shape == (5, 7, 3, 4)
    assert kernel[2, 6, 1, 3] == weight[3, 1, 2, 6]
    assert channels_last(normal(4, 3)).shape == (3, 4)
    with pytest.raises(ValueError, match="2 or 4 axes, got 3"):
        channels_last(normal(4, 3, 5))
