import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.models import latents

SEED = tf.constant([11, 12])
PRIORS = [
    latents.standard_normal,
    latents.truncated_normal,
    latents.truncated_normal_with_class,
]


@pytest.mark.parametrize("prior", PRIORS)
def test_a_key_gives_the_same_latents_and_another_key_others(prior):
    draw = prior(6)
    np.testing.assert_array_equal(draw(4, SEED), draw(4, SEED))
    assert not np.array_equal(draw(4, SEED), draw(4, SEED + 1))


@pytest.mark.parametrize("prior", PRIORS)
def test_latents_can_be_drawn_in_a_graph(prior):
    draw = prior(6)
    drawn = tf.function(lambda seed: draw(4, seed))(SEED)
    assert drawn.dtype == tf.float32
    np.testing.assert_array_equal(drawn, draw(4, SEED))


def test_standard_normal_has_unit_variance():
    drawn = latents.standard_normal(100)(500, SEED).numpy()
    assert drawn.shape == (500, 100)
    assert abs(drawn.std() - 1) < 0.01


def test_truncated_normal_is_cut_at_2_then_scaled():
    drawn = latents.truncated_normal(100, truncation=0.5)(500, SEED).numpy()
    assert np.abs(drawn).max() <= 1.0
    assert abs(drawn.std() - 0.5 * 0.8796257) < 0.005


def test_last_column_is_a_uniform_class():
    drawn = latents.truncated_normal_with_class(6)(4000, SEED).numpy()
    assert drawn.shape == (4000, 7)
    classes = drawn[:, -1]
    np.testing.assert_array_equal(classes, np.rint(classes))
    assert classes.min() >= 0
    assert 990 < classes.max() <= 999
    assert abs(classes.mean() - 499.5) < 20


def test_vectors_of_a_conditional_latent_do_not_depend_on_its_class():
    drawn = latents.truncated_normal_with_class(50)(2000, SEED).numpy()
    correlations = np.corrcoef(drawn.T)[-1, :-1]
    assert np.abs(correlations).max() < 0.1


def test_with_classes_keeps_every_class_exactly():
    classes = tf.range(latents.NUM_CLASSES)
    joined = latents.with_classes(tf.zeros([latents.NUM_CLASSES, 2]), classes)
    np.testing.assert_array_equal(latents.classes_of(joined), classes)
    assert latents.classes_of(joined).dtype == tf.int32
