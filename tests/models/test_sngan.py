import math

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import ConfigError
from ebm_tf.models import sngan
from tests.runs import without_values

SEED = tf.constant([13, 14])
SIZES = [8, 16, 32, 64, 128]


def normal(*shape):
    return tf.random.stateless_normal(shape, SEED)


def input_gradient(energy, images):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        total = tf.reduce_sum(energy(images))
    return tape.gradient(total, images)


def count(weights):
    return sum(math.prod(weight.shape) for weight in weights)


def count_part(model, part):
    return sum(x.count_params() for x in model.layers if x.name.startswith(part))


@pytest.mark.parametrize(
    ("image_size", "parameters", "constant_energy"),
    [(32, 4_204_800, 1024.0), (64, 19_542_720, 2048.0), (128, 38_419_136, 3072.0)],
)
def test_published_energies(image_size, parameters, constant_energy):
    with without_values():
        model = sngan.energy(image_size, 3)
        assert model.count_params() == count(model.trainable_weights) == parameters
    narrow = sngan.energy(image_size, 3, width=16)
    for weight in narrow.weights:
        is_kernel = weight.name == "kernel" and "energy" not in weight.path
        weight.assign(tf.zeros(weight.shape) if is_kernel else tf.ones(weight.shape))
    # The energy is a sum over the features that the last layer takes.
    share = count(narrow.layers[-1].weights) / count(model.layers[-1].weights)
    energies = narrow(normal(2, image_size, image_size, 3))
    np.testing.assert_array_equal(energies, [[constant_energy * share]] * 2)


def test_parts_of_the_published_energies():
    with without_values():
        small, large = sngan.energy(32, 3), sngan.energy(64, 3)
    parts = [count_part(small, p) for p in ("stem", "block2", "block3", "block4")]
    assert parts == [598_272, 1_245_952, 1_180_160, 1_180_160]
    assert count_part(small, "energy") == 256
    parts = [count_part(large, p) for p in ("stem", "block2", "block3", "block4")]
    assert parts == [38_976, 229_760, 918_272, 3_671_552]


@pytest.mark.parametrize(
    ("image_size", "trainable", "total"),
    [
        (32, 4_276_739, 4_280_323),
        (64, 12_220_675, 12_226_563),
        (128, 32_150_787, 32_160_771),
    ],
)
def test_published_generators(image_size, trainable, total):
    with without_values():
        model = sngan.generator(image_size, 3)
    assert count(model.trainable_weights) == trainable
    assert model.count_params() == total


def test_parts_of_the_published_generators():
    with without_values():
        large, small = sngan.generator(128, 3), sngan.generator(32, 3)
    parts = [count_part(large, f"block{k}") for k in range(2, 7)]
    assert parts == [19_934_208, 7_609_856, 1_904_384, 477_056, 119_744]
    assert [count_part(small, f"block{k}") for k in (2, 3, 4)] == [1_248_000] * 3


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("image_size", SIZES)
def test_every_size_builds_and_is_finite(image_size, channels):
    energies = sngan.energy(image_size, channels, width=2)(
        normal(2, image_size, image_size, channels)
    )
    assert energies.shape == (2, 1)
    assert np.isfinite(energies).all()
    generator = sngan.generator(image_size, channels, width=2, latent_size=5)
    images = generator(normal(2, 5), training=True)
    assert images.shape == (2, image_size, image_size, channels)
    assert np.abs(images).max() <= 1.0


def test_width_scales_every_block():
    model = sngan.energy(64, 3, width=2)
    widths = [x.filters for x in model.layers if x.name.endswith("conv_2")]
    assert widths == [2, 4, 8, 16, 32]
    model = sngan.generator(64, 3, width=2)
    widths = [x.filters for x in model.layers if x.name.endswith("conv_2")]
    assert widths == [16, 8, 4, 2]


def test_pooled_sizes():
    sides = {8: 4, 16: 4, 32: 8, 64: 2, 128: 4}
    for image_size, side in sides.items():
        model = sngan.energy(image_size, 1, width=1)
        assert model.get_layer("final_activation").output.shape[1:3] == (side, side)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_energy_of_an_image_is_independent_of_its_batch(dtype):
    model = sngan.energy(16, 3, width=4, dtype=dtype)
    images = normal(4, 16, 16, 3)
    np.testing.assert_allclose(model(images)[:2], model(images[:2]), rtol=1e-5)


def test_images_are_independent_of_their_batch_without_training():
    model = sngan.generator(16, 3, width=4)
    latents = normal(4, 128)
    images = model(latents, training=False)
    np.testing.assert_allclose(
        images[:2], model(latents[:2], training=False), atol=1e-6
    )


def test_the_activation_is_the_one_asked_for():
    images = normal(2, 8, 8, 1)
    smooth = sngan.energy(8, 1, activation="silu")
    kinked = sngan.energy(8, 1)
    kinked.set_weights(smooth.get_weights())
    assert not np.allclose(smooth(images), kinked(images))


def test_the_dense_layer_is_ordered_channels_first():
    model = sngan.generator(8, 1, width=2, latent_size=1)
    order = tf.reshape(tf.range(32.0), [1, 32])
    unfolded = model.get_layer("latent_channels_last")(
        model.get_layer("latent_reshape")(order)
    )
    np.testing.assert_array_equal(
        unfolded[0], np.arange(32.0).reshape(2, 4, 4).transpose(1, 2, 0)
    )


def test_weights_survive_a_file(tmp_path):
    images, latents = normal(2, 16, 16, 3), normal(2, 128)
    for build, inputs in ((sngan.energy, images), (sngan.generator, latents)):
        first, second = build(16, 3, width=2), build(16, 3, width=2)
        assert not np.array_equal(first(inputs), second(inputs))
        first.save_weights(tmp_path / "x.weights.h5")
        second.load_weights(tmp_path / "x.weights.h5")
        np.testing.assert_array_equal(first(inputs), second(inputs))


def test_bfloat16_energy_has_a_float32_surface():
    exact = sngan.energy(16, 3, width=16)
    rounded = sngan.energy(16, 3, width=16, dtype="bfloat16")
    rounded.set_weights(exact.get_weights())
    images = normal(4, 16, 16, 3)
    assert rounded.get_layer("block2_conv_1").compute_dtype == "bfloat16"
    assert {weight.dtype for weight in rounded.weights} == {"float32"}
    assert rounded(images).dtype == tf.float32
    np.testing.assert_allclose(rounded(images), exact(images), rtol=0.1, atol=0.02)
    gradient, expected = (input_gradient(net, images) for net in (rounded, exact))
    assert gradient.dtype == tf.float32
    assert tf.norm(gradient - expected) < 0.15 * tf.norm(expected)


def test_bfloat16_generator_gives_float32_images():
    exact = sngan.generator(16, 3, width=8)
    rounded = sngan.generator(16, 3, width=8, dtype="bfloat16")
    rounded.set_weights(exact.get_weights())
    latents = normal(4, 128)
    images = rounded(latents, training=False)
    assert images.dtype == tf.float32
    np.testing.assert_allclose(images, exact(latents, training=False), atol=0.05)


def test_compiled_gradients_are_the_same():
    model = sngan.energy(8, 1, width=4)
    images = normal(2, 8, 8, 1)
    compiled = tf.function(lambda x: input_gradient(model, x), jit_compile=True)
    np.testing.assert_allclose(
        compiled(images), input_gradient(model, images), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(
    ("size", "near"), [(30, "28 or 32"), (256, "224"), (7, "8"), (100, "96 or 112")]
)
def test_unsupported_sizes_are_told(size, near):
    for build, network in ((sngan.energy, "energy"), (sngan.generator, "generator")):
        with pytest.raises(ConfigError) as raised:
            build(size, 3)
        assert str(raised.value) == (
            f"Expected image_size={size} to halve to 4, 5, 6 or 7 for the sngan "
            f"{network}: the nearest such sizes are {near}."
        )


def test_every_size_halves_to_four_to_seven():
    for size in range(1, 300):
        odd, halvings = size, 0
        while odd > 7 and odd % 2 == 0:
            odd, halvings = odd // 2, halvings + 1
        assert (size in sngan.SIZES) == (4 <= odd <= 7 and 1 <= halvings <= 5)


@pytest.mark.parametrize("size", [28, 40, 48, 96])
def test_sizes_between_the_published_ones(size):
    """They have the blocks of the power of two that halves as often."""
    published = {28: 16, 40: 32, 48: 32, 96: 64}[size]
    with without_values():
        energy, there = (
            sngan.energy(size, 1, width=2),
            sngan.energy(published, 1, width=2),
        )
        assert [w.shape for w in energy.weights] == [w.shape for w in there.weights]
        assert energy.output_shape == (None, 1)
        final = energy.get_layer("final_activation").output.shape[1]
        made = sngan.generator(size, 1, width=2)
        there = sngan.generator(published, 1, width=2)
        assert made.output_shape == (None, size, size, 1)
        blocks = [
            [w.shape for w in m.weights if "block" in w.path] for m in (made, there)
        ]
        assert blocks[0] == blocks[1]
    assert final == {28: 7, 40: 10, 48: 12, 96: 6}[size]


def test_replicas_share_batch_statistics(two_replicas):
    with two_replicas.scope():
        model = sngan.generator(8, 1, width=4, latent_size=3)
    latents = normal(4, 3)
    features = model.get_layer("latent_channels_last").output
    before = tf.function(type(model)(model.inputs, features))(latents)

    @tf.function
    def draw(halves):
        return two_replicas.run(lambda z: model(z, training=True), args=(halves,))

    halves = two_replicas.experimental_distribute_values_from_function(
        lambda context: latents[2 * context.replica_id_in_sync_group :][:2]
    )
    images = tf.concat(two_replicas.experimental_local_results(draw(halves)), axis=0)
    moving_mean = model.get_layer("block2_bn_1").moving_mean
    np.testing.assert_allclose(
        moving_mean, 0.01 * tf.reduce_mean(before, axis=[0, 1, 2]), atol=1e-6
    )
    single = model(latents, training=True)
    np.testing.assert_allclose(images, single, atol=1e-5)


def test_replicas_agree_on_energies(two_replicas):
    with two_replicas.scope():
        model = sngan.energy(8, 1, width=4)
    images = normal(2, 8, 8, 1)
    gradients = two_replicas.run(
        tf.function(lambda x: input_gradient(model, x)), args=(images,)
    )
    for gradient in two_replicas.experimental_local_results(gradients):
        np.testing.assert_allclose(gradient, input_gradient(model, images), atol=1e-6)
