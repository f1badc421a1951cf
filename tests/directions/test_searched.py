"""Searched directions: lazily, kept, judged, and by a key of all that decides."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.directions import SearchedDirections
from ebm_tf.directions.kept_rows import KeptRows
from ebm_tf.directions.searched import Networks, key_of, row_width, searched, summary
from tests.directions.test_latent_search import LATENT, SETTINGS, linear, some

QUICK = dataclasses.replace(SETTINGS, near_steps=20, likely_steps=10)


class Counted:
    """A generator that counts how often it is traced and how many images it makes."""

    def __init__(self):
        self.made = tf.Variable(0)

    def __call__(self, latents):
        self.made.assign_add(tf.shape(latents)[0])
        return linear(latents)


def opened(folder, generator=linear, judge=None):
    kept = KeptRows(str(folder), row_width(LATENT))
    directions = searched(Networks(generator, LATENT, judge), QUICK, kept)
    return tf.function(directions, autograph=False), kept


def asked(directions, images, classes):
    return directions(images, 1 - classes, classes, tf.constant([0, 0])).numpy()


def test_a_difference_leads_to_a_generated_image_of_the_class(tmp_path):
    images, classes = some()
    directions, kept = opened(tmp_path)
    mapped = images.numpy() + asked(directions, images, classes)
    latents = kept.recall(images.numpy(), classes.numpy())[0][:, :LATENT]
    labelled = np.concatenate([latents, classes.numpy()[:, None]], 1)
    expected = linear(tf.constant(labelled, tf.float32))
    np.testing.assert_allclose(mapped, expected, atol=1e-6)


def test_nothing_is_searched_twice(tmp_path):
    images, classes = some(6)
    generator = Counted()
    directions, _ = opened(tmp_path, generator)
    first = asked(directions, images[:4], classes[:4])
    before = int(generator.made)
    again = asked(directions, images[:4], classes[:4])
    assert int(generator.made) - before == 4  # what is known is only shown
    np.testing.assert_array_equal(again, first)
    before = int(generator.made)
    # One image is new, and is searched alone.
    mixed = asked(directions, images[1:5], classes[1:5])
    assert int(generator.made) - before < 4 + 2 * (20 + 10 + 2)
    np.testing.assert_array_equal(mixed[:3], first[1:])
    other, _ = opened(tmp_path, linear)
    np.testing.assert_allclose(asked(other, images[:4], classes[:4]), first, atol=1e-6)


def test_what_was_found_is_told_with_the_verdict_of_the_judge(tmp_path):
    images, classes = some(4)

    def judge(images):  # says class 1 of whatever it sees
        return tf.tile([[0.0, 1.0]], [tf.shape(images)[0], 1])

    directions, kept = opened(tmp_path, judge=judge)
    assert summary(kept, LATENT)() == {"num_searched": 0}
    asked(directions, images, classes)
    told = summary(kept, LATENT)()
    latents = kept.asked()[:, :LATENT]
    assert told["num_searched"] == 4 and told["judged_right"] == 0.5
    assert told["search_loss"] > 0
    assert told["latent_rms"] == pytest.approx(np.sqrt(np.mean(latents**2)), rel=1e-5)
    nobody, kept = opened(tmp_path / "other")
    asked(nobody, images, classes)
    assert summary(kept, LATENT)()["judged_right"] is None


def test_two_replicas_share_what_is_kept(tmp_path, two_replicas):
    images, classes = some(4)
    directions, kept = opened(tmp_path)

    @tf.function(autograph=False)
    def both():
        def one():
            context = tf.distribute.get_replica_context()
            place = 2 * tf.cast(context.replica_id_in_sync_group, tf.int32)
            some_images = tf.ensure_shape(images[place : place + 2], [2, 2, 2, 1])
            some_classes = tf.ensure_shape(classes[place : place + 2], [2])
            key = tf.constant([0, 0])
            return directions(some_images, some_classes, some_classes, key)

        return two_replicas.run(one)

    parts = two_replicas.experimental_local_results(both())
    found = np.concatenate([part.numpy() for part in parts])
    alone, _ = opened(tmp_path / "alone")
    np.testing.assert_allclose(found, asked(alone, images, classes), atol=1e-5)
    assert len(kept.asked()) == 4


CHANGES = {
    "num_starts": 2,
    "near_steps": 7,
    "near_rate": 0.3,
    "likely_steps": 8,
    "likely_rate": 0.4,
    "penalty": 0.7,
    "patience": None,
    "tolerance": 0.2,
}
NAMED = {"weights": "OTHER", "judge": "JUDGE", "cache": "/elsewhere"}


def test_the_key_changes_with_every_setting_and_all_weights():
    digests, about = {"weights of the generator": "12"}, {"width": 4}
    base = key_of(SETTINGS, digests, about)
    names = {field.name for field in dataclasses.fields(SearchedDirections)}
    assert names == {*CHANGES, *NAMED}
    keys = [base]
    for name, value in CHANGES.items():
        changed = dataclasses.replace(SETTINGS, **{name: value})
        keys.append(key_of(changed, digests, about))
    keys.append(key_of(SETTINGS, {"weights of the generator": "13"}, about))
    keys.append(key_of(SETTINGS, digests | {"weights of the judge": "1"}, about))
    keys.append(key_of(SETTINGS, digests, {"width": 5}))
    assert len(set(keys)) == len(keys)
    # Names of files decide nothing: their hashes do.
    for name, value in NAMED.items():
        changed = dataclasses.replace(SETTINGS, **{name: value})
        assert key_of(changed, digests, about) == base
