"""Dropout as a function of a key: its law, its masks, and where it works."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.models import classifiers
from ebm_tf.models.dropout import Dropout, dropout_key
from tests.models.small_classifiers import normal
from tests.slow import first_fast

KEY, OTHER = tf.constant([3, 4]), tf.constant([3, 5])
RATE = 0.3
ONES = tf.ones([40, 10, 10, 5])
NETWORKS = {
    "wide_resnet": lambda **how: classifiers.wide_resnet(
        8, 1, depth=10, width=1, num_classes=4, norm="none", **how
    ),
    "small_cnn": lambda **how: classifiers.small_cnn(
        8, 1, width=4, num_classes=4, norm="none", **how
    ),
}


def dropped(key=KEY, index=1, inputs=ONES, dtype="float32") -> np.ndarray:
    with dropout_key(key):
        outputs = Dropout(RATE, index, dtype=dtype)(inputs, training=True)
    assert outputs.dtype == dtype
    return tf.cast(outputs, tf.float32).numpy()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_means_stay_and_the_rate_is_dropped(dtype):
    values = dropped(dtype=dtype)
    sigma = np.sqrt(RATE * (1 - RATE) / values.size)
    assert abs(np.mean(values == 0) - RATE) < 4 * sigma
    # bfloat16 rounds 1 / 0.7 by 2^-9 of it at most
    close = 2**-9 if dtype == "bfloat16" else 0
    assert abs(values.mean() - 1) < 4 * sigma / (1 - RATE) + close
    np.testing.assert_allclose(values[values > 0], 1 / (1 - RATE), rtol=close or 1e-6)


def test_masks_are_independent_between_numbers():
    zeros = dropped() == 0
    for axis in range(4):
        both = np.mean(zeros & np.roll(zeros, 1, axis))
        assert abs(both - RATE**2) < 0.01, axis


def test_a_key_and_a_place_in_the_network_are_one_mask():
    first = dropped()
    np.testing.assert_array_equal(first, dropped())
    for other in (dropped(OTHER), dropped(index=2), dropped(OTHER, 2)):
        both = np.mean((first == 0) & (other == 0))
        assert abs(both - RATE**2) < 0.01, "as independent masks"


@pytest.mark.parametrize("jit_compile", [True, False])
def test_a_compiled_mask_is_a_function_of_the_key(jit_compile):
    layer = Dropout(RATE, 1)

    @tf.function(autograph=False, jit_compile=jit_compile)
    def compiled(key):
        with dropout_key(key):
            return layer(ONES, training=True)

    first, second = compiled(KEY).numpy(), compiled(OTHER).numpy()
    np.testing.assert_array_equal(first, compiled(tf.constant([3, 4])))
    assert abs(np.mean(first == 0) - RATE) < 0.01
    assert abs(np.mean((first == 0) & (second == 0)) - RATE**2) < 0.01
    if not jit_compile:
        np.testing.assert_array_equal(first, dropped())
    assert compiled.experimental_get_tracing_count() == 1


def test_inference_and_a_rate_of_zero_leave_all():
    with dropout_key(KEY):
        assert Dropout(RATE, 1)(ONES) is ONES
        assert Dropout(RATE, 1)(ONES, training=False) is ONES
        assert Dropout(0.0, 1)(ONES, training=True) is ONES
    assert Dropout(RATE, 1)(ONES, training=False) is ONES


def test_training_without_a_key_is_told():
    model = NETWORKS["small_cnn"](dropout=RATE)
    with dropout_key(KEY):
        model(normal(2, 8, 8, 1), training=True)
    for inputs, network in ((ONES, Dropout(RATE, 1)), (normal(2, 8, 8, 1), model)):
        with pytest.raises(ValueError, match=r"Expected a key .* dropout_key\(key\)"):
            network(inputs, training=True)


def test_the_key_around_comes_back():
    with dropout_key(KEY):
        dropped(OTHER)
        again = Dropout(RATE, 1)(ONES, training=True)
    np.testing.assert_array_equal(again, dropped())


def test_what_is_dropped_has_no_gradient():
    with tf.GradientTape() as tape, dropout_key(KEY):
        tape.watch(ONES)
        total = tf.reduce_sum(Dropout(RATE, 1)(ONES, training=True))
    np.testing.assert_allclose(tape.gradient(total, ONES), dropped(), rtol=1e-6)


def test_unknown_batches_are_dropped_too():
    spec = tf.TensorSpec([None, 10, 10, 5])

    @tf.function(autograph=False, input_signature=[spec])
    def compiled(inputs):
        with dropout_key(KEY):
            return Dropout(RATE, 1)(inputs, training=True)

    np.testing.assert_array_equal(compiled(ONES), dropped())


@pytest.mark.parametrize("architecture", NETWORKS)
def test_layers_of_a_network_have_masks_of_their_own(architecture):
    model = NETWORKS[architecture](dropout=RATE)
    layers = [layer for layer in model.layers if isinstance(layer, Dropout)]
    assert [layer.index for layer in layers] == [1, 2, 3]
    assert not any(layer.variables for layer in layers)
    probe = keras.Model(
        model.input, [tensor for x in layers for tensor in (x.input, x.output)]
    )
    with dropout_key(KEY):
        found = probe(normal(16, 8, 8, 1), training=True)
    shares = []
    for before, after in zip(found[::2], found[1::2], strict=True):
        seen = before.numpy() != 0  # a ReLU has zeros of its own
        shares.append(np.mean(after.numpy()[seen] == 0))
    np.testing.assert_allclose(shares, RATE, atol=0.03)


def test_dropout_is_between_the_convolutions_of_a_block():
    model = NETWORKS["wide_resnet"](dropout=RATE)
    for group in (1, 2, 3):
        name = f"group{group}_block1"
        layer = model.get_layer(f"dropout_{group}")
        assert layer.input is model.get_layer(f"{name}_1_conv").output
        assert model.get_layer(f"{name}_2_activation").input is layer.output


@pytest.mark.parametrize("architecture", NETWORKS)
def test_a_network_without_dropout_has_no_such_layer(architecture):
    with_it, without = (NETWORKS[architecture](dropout=rate) for rate in (RATE, 0.0))
    names = [x.name for x in with_it.layers if not isinstance(x, Dropout)]
    assert [x.name for x in without.layers] == names
    without.set_weights(with_it.get_weights())
    images = normal(3, 8, 8, 1)
    np.testing.assert_array_equal(
        without(images, training=True), with_it(images, training=False)
    )


@pytest.mark.parametrize("architecture", NETWORKS)
@pytest.mark.parametrize("dtype", first_fast("float32", "bfloat16"))
@pytest.mark.parametrize("jit_compile", [True, False])
def test_a_compiled_stateless_call_is_a_function_of_the_key(
    architecture, dtype, jit_compile
):
    model = NETWORKS[architecture](dropout=RATE, dtype=dtype)
    images = normal(4, 8, 8, 1)

    def logits(key):
        weights = [tf.identity(v.value) for v in model.trainable_variables]
        with dropout_key(key):
            return model.stateless_call(weights, [], images, training=True)[0]

    compiled = tf.function(logits, autograph=False, jit_compile=jit_compile)
    first = compiled(KEY).numpy()
    np.testing.assert_array_equal(first, compiled(tf.constant([3, 4])))
    assert np.abs(first - compiled(OTHER)).max() > 1e-3
    if dtype == "float32" and not jit_compile:
        np.testing.assert_allclose(first, logits(KEY), rtol=1e-4, atol=1e-5)


def test_every_replica_drops_by_its_own_key(two_replicas):
    """Replicas take turns at an all-reduce, in the middle of a forward pass."""
    with two_replicas.scope():
        model = classifiers.small_cnn(8, 1, width=4, num_classes=4, dropout=RATE)
    images = normal(4, 8, 8, 1)

    def logits(key):
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        with dropout_key(tf.random.fold_in(key, replica)):
            return model(images, training=True)

    @tf.function(autograph=False)
    def run(key):
        results = two_replicas.run(logits, args=(key,))
        return two_replicas.experimental_local_results(results)

    first, second = run(KEY)
    assert np.abs(first - second).max() > 1e-3
    for replica, found in enumerate((first, second)):
        # Both have the same images, so the statistics are those of one.
        np.testing.assert_array_equal(found, run(KEY)[replica])


def test_a_model_comes_back_from_its_config():
    model = NETWORKS["small_cnn"](dropout=RATE)
    layer = Dropout.from_config(model.get_layer("dropout_2").get_config())
    assert (layer.rate, layer.index, layer.name) == (RATE, 2, "dropout_2")
