import numpy as np
import tensorflow as tf

from ebm_tf.models.blocks import SelfAttention

IMAGES = tf.random.stateless_normal([2, 4, 6, 16], tf.constant([5, 6]))


def max_pool(images):
    batch, height, width, channels = images.shape
    blocks = images.reshape(batch, height // 2, 2, width // 2, 2, channels)
    return blocks.max(axis=(2, 4))


def attend(layer, images):
    theta, phi, g, o = (
        getattr(layer, name).kernel.numpy()[0, 0] for name in ("theta", "phi", "g", "o")
    )
    queries = (images @ theta).reshape(2, 24, 2)
    keys = max_pool(images @ phi).reshape(2, 6, 2)
    values = max_pool(images @ g).reshape(2, 6, 8)
    weights = np.exp(queries @ keys.transpose(0, 2, 1))
    weights /= weights.sum(axis=-1, keepdims=True)
    return images + layer.gamma.numpy() * ((weights @ values).reshape(2, 4, 6, 8) @ o)


def test_fresh_attention_is_the_identity():
    np.testing.assert_array_equal(SelfAttention()(IMAGES), IMAGES)


def test_attention_agrees_with_numpy():
    layer = SelfAttention()
    layer.build(IMAGES.shape)
    layer.gamma.assign([1.5])
    expected = attend(layer, IMAGES.numpy())
    np.testing.assert_allclose(layer(IMAGES), expected, atol=1e-5)
    assert np.abs(expected - IMAGES).max() > 0.1


def test_attention_has_no_biases():
    layer = SelfAttention()
    layer.build((None, 4, 4, 256))
    assert layer.count_params() == 256 * (32 + 32 + 128 + 128) + 1
