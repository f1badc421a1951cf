"""Verdicts are those of every image alone, however images are put into batches."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.parts import Data
from ebm_tf.config.robustness import RobustnessMeasurement
from ebm_tf.errors import RunError
from ebm_tf.evaluation.attack_phases import Phases, evaluator
from ebm_tf.protocols import Attacked
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.workspace import Workspace
from tests.runs import assert_same_arrays

COUNT = 23
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.uniform(-0.5, 0.5, [COUNT, 2, 2, 1]).astype(np.float32)
LABELS = (IMAGES.mean((1, 2, 3)) > 0).astype(np.int64)
RADII = RANDOM.uniform(0, 0.3, COUNT)


def classifier(images: tf.Tensor) -> tf.Tensor:
    """Class 1 where the mean is above 0: it breaks at a radius of |mean|."""
    mean = tf.reduce_mean(images, [1, 2, 3])
    return tf.stack([-mean, mean], -1)


class Shift:
    """Moves all pixels to where the mean changes its sign; counts its traces."""

    def __init__(self, noise: float = 0.0):
        self.noise = noise
        self.shapes: list[tuple] = []

    def __call__(self, images, labels, epsilon, seed) -> Attacked:
        self.shapes.append(tuple(images.shape))
        sign = tf.where(labels == 1, -1.0, 1.0)
        noise = self.noise * tf.random.stateless_normal(tf.shape(images), seed)
        moved = images + (sign * epsilon)[:, None, None, None] + noise
        broken = tf.argmax(classifier(moved), -1) != labels
        return Attacked(moved, broken, {"radius": epsilon})


@pytest.fixture(params=["one_replica", "two_replicas"])
def replicas(request) -> Replicas:
    return Replicas(request.getfixturevalue(request.param), jit=False)


def phases(
    folder: pathlib.Path, replicas: Replicas, batch: int, noise: float = 0.0
) -> Phases:
    config = RobustnessMeasurement(
        name="shifted",
        data=Data(name="digits", image_size=8, channels=1),
        classifier=ClassifierNetwork(),
        batch=batch,
        seed=3,
    )
    attacks = {"shift": Shift(noise)}
    return Phases(
        config, replicas, Workspace(str(folder)), IMAGES, LABELS, classifier, attacks
    )


def shifted(phases: Phases, chosen=None, name="shift", kept=()) -> dict:
    """The outcome of the attack, each image in a ball of its own."""
    chosen = np.arange(COUNT) if chosen is None else chosen
    return phases.in_balls("shift", name, chosen, RADII[chosen] * 127.5, *kept)


def files(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted((folder / "checkpoints" / "attacks" / "shift").glob("*.npz"))


@pytest.mark.parametrize("batch", [2, 10, 40])
def test_verdicts_are_those_of_each_image(replicas, batch, tmp_path):
    chosen = np.array([22, 3, 4, 5, 0, 17, 9, 12, 13])
    found = shifted(phases(tmp_path, replicas, batch), chosen)
    sign = np.where(LABELS == 1, -1.0, 1.0)
    moved = IMAGES + (sign * RADII)[:, None, None, None].astype(np.float32)
    np.testing.assert_allclose(found["images"], moved[chosen], atol=1e-6)
    broken = RADII > np.abs(IMAGES.mean((1, 2, 3)))
    assert 0 < broken[chosen].sum() < len(chosen)
    np.testing.assert_array_equal(found["broken"], broken[chosen])
    np.testing.assert_array_equal(found["claimed"], broken[chosen])
    np.testing.assert_array_equal(found["prediction"], (LABELS ^ broken)[chosen])
    np.testing.assert_allclose(found["info_radius"], RADII[chosen], rtol=1e-6)


def test_any_number_of_images_has_one_of_a_few_shapes(replicas, tmp_path):
    work = phases(tmp_path, replicas, 6)
    for count in (COUNT, 1, 7):
        found = shifted(work, np.arange(count), name=f"part_{count}")
        assert len(found["broken"]) == count
    attack = work.attacks["shift"]
    assert isinstance(attack, Shift)
    sizes = {1: [1, 5, 6], 2: [1, 3]}[replicas.count]
    expected = [(size, 2, 2, 1) for size in sizes for _ in range(replicas.count)]
    assert sorted(attack.shapes) == expected


def test_two_replicas_draw_what_one_draws_in_two_batches(
    one_replica, two_replicas, tmp_path
):
    found = []
    for strategy, batch in ((one_replica, 4), (two_replicas, 8)):
        replicas = Replicas(strategy, jit=False)
        found.append(shifted(phases(tmp_path / str(batch), replicas, batch, noise=0.1)))
    assert_same_arrays(*found)


def test_batches_and_phases_draw_numbers_of_their_own(one_replica, tmp_path):
    work = phases(tmp_path, Replicas(one_replica, jit=False), 4, noise=1.0)
    parts = [shifted(work, np.zeros(8, np.int64), name) for name in ("one", "other")]
    drawn = np.concatenate([part["images"] for part in parts]).reshape(16, 4)
    assert len(np.unique(drawn, axis=0)) == 16


def test_what_is_kept_is_not_made_again(replicas, tmp_path):
    whole = shifted(phases(tmp_path, replicas, 6, noise=0.1))
    assert len(files(tmp_path)) == 4
    work = phases(tmp_path, replicas, 6)
    assert_same_arrays(whole, shifted(work))
    attack = work.attacks["shift"]
    assert isinstance(attack, Shift) and not attack.shapes
    files(tmp_path)[0].write_bytes(b"cut")
    assert_same_arrays(whole, shifted(phases(tmp_path, replicas, 6, noise=0.1)))


def test_a_run_of_an_earlier_version_goes_on(one_replica, tmp_path):
    """It has the same files, but no checkpoints, and of each worker one."""
    replicas = Replicas(one_replica, jit=False)
    whole = shifted(phases(tmp_path, replicas, 6, noise=0.1))
    for path in files(tmp_path)[0].parent.glob("worker_0/*"):
        path.unlink()
    with np.load(files(tmp_path)[0]) as stored:
        rows = {name: value[:3] for name, value in stored.items() if value.ndim}
        np.savez(files(tmp_path)[0], num_replicas=stored["num_replicas"], **rows)
    assert_same_arrays(whole, shifted(phases(tmp_path, replicas, 6, noise=0.1)))


def test_only_what_is_asked_for_is_kept(replicas, tmp_path):
    found = shifted(phases(tmp_path, replicas, 6), kept=("broken",))
    assert list(found) == ["broken"]


def test_nothing_chosen_is_nothing_done(replicas, tmp_path):
    found = shifted(phases(tmp_path, replicas, 6), np.arange(0))
    assert {name: len(value) for name, value in found.items()} == {
        **{"images": 0, "prediction": 0, "broken": 0, "claimed": 0}
    }
    assert not list(tmp_path.iterdir())


def test_other_replicas_cannot_go_on(one_replica, two_replicas, tmp_path):
    first, second = (Replicas(each, jit=False) for each in (one_replica, two_replicas))
    shifted(phases(tmp_path, first, 6))
    with pytest.raises(RunError, match="with 1 replicas and cannot go on with 2"):
        shifted(phases(tmp_path, second, 6))


def test_the_majority_of_verifications_counts():
    """A classifier that errs by turns: right, wrong, wrong, right, wrong."""
    turns = iter([0, 1, 1, 0, 1] * 2)

    def by_turns(images: tf.Tensor) -> tf.Tensor:
        wrong = next(turns)
        return tf.one_hot(tf.fill([2], wrong), 2)

    rows = tf.zeros([2, 1, 1, 1]), tf.constant([0, 1], tf.int64)
    found = evaluator(by_turns, 5)(*rows)
    assert found["broken"].numpy().tolist() == [True, False]
    assert found["prediction"].numpy().tolist() == [1, 1]
    found = evaluator(by_turns, 1)(*rows)
    assert found["broken"].numpy().tolist() == [False, True]
    np.testing.assert_array_equal(found["logits"], [[1.0, 0.0]] * 2)


def test_no_number_is_no_verdict_for_class_0():
    rows = tf.zeros([2, 1, 1, 1]), tf.constant([0, 1], tf.int64)
    found = evaluator(lambda images: tf.fill([2, 2], float("nan")), 3)(*rows)
    assert found["broken"].numpy().tolist() == [True, True]
    assert found["prediction"].numpy().tolist() == [-1, -1]
