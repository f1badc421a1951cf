"""Verdicts are those of every image alone, however images are put into batches."""

import os
import pathlib
import signal

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import EarlyStopError, RunError
from ebm_tf.evaluation import attack_stages as attack_batches
from ebm_tf.evaluation.attack_stages import (
    AttackBatches,
    Piece,
    Stage,
    attacking,
    compiled,
    judging,
)
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


def batches(
    folder: pathlib.Path, replicas: Replicas, batch: int, save_every: int = 1
) -> AttackBatches:
    workspace = Workspace(str(folder))
    return AttackBatches(
        replicas, workspace, IMAGES, LABELS, batch=batch, save_every=save_every, seed=3
    )


def stage(replicas: Replicas, attack, chosen=None, **settings) -> Stage:
    chosen = np.arange(COUNT) if chosen is None else chosen
    run = compiled(replicas, attacking(attack, judging(classifier, 1)))
    return Stage("shift", run, chosen, RADII[chosen], **settings)


def files(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted((folder / "checkpoints" / "attacks" / "shift").glob("*.npz"))


@pytest.mark.parametrize("batch", [2, 4, 10, 40])
def test_verdicts_are_those_of_each_image(replicas, batch, tmp_path):
    chosen = np.array([22, 3, 4, 5, 0, 17, 9, 12, 13])
    found = batches(tmp_path, replicas, batch).outcome(stage(replicas, Shift(), chosen))
    sign = np.where(LABELS == 1, -1.0, 1.0)
    moved = IMAGES + (sign * RADII)[:, None, None, None].astype(np.float32)
    np.testing.assert_allclose(found["images"], moved[chosen], atol=1e-6)
    broken = RADII > np.abs(IMAGES.mean((1, 2, 3)))
    assert 0 < broken[chosen].sum() < len(chosen)
    np.testing.assert_array_equal(found["broken"], broken[chosen])
    np.testing.assert_array_equal(found["claimed"], broken[chosen])
    np.testing.assert_array_equal(found["prediction"], (LABELS ^ broken)[chosen])
    np.testing.assert_allclose(found["info_radius"], RADII[chosen], rtol=1e-6)


def test_any_number_of_images_has_one_shape(replicas, tmp_path):
    attack = Shift()
    work, first = batches(tmp_path, replicas, 6), stage(replicas, attack)
    for count in (COUNT, 1, 7):
        part = first._replace(
            name=f"part_{count}", chosen=np.arange(count), epsilon=RADII[:count]
        )
        assert len(work.outcome(part)["broken"]) == count
    assert attack.shapes == [(6 // replicas.count, 2, 2, 1)] * replicas.count


def test_padding_is_made_of_the_images_themselves(one_replica, tmp_path):
    """What fills up a batch is no image that would be harder than those in it."""
    seen = []

    def run(piece: Piece, _: tf.Tensor) -> dict:
        seen.append(piece)
        return {"broken": piece.labels == 0}

    chosen = np.array([4, 8, 15, 16, 20])
    replicas = Replicas(one_replica, jit=False)
    given = Stage("shift", run, chosen, RADII[chosen])
    found = batches(tmp_path, replicas, 4).outcome(given)
    np.testing.assert_array_equal(found["broken"], LABELS[chosen] == 0)
    np.testing.assert_array_equal(seen[1].images, IMAGES[[20] * 4])
    np.testing.assert_allclose(seen[1].epsilon, RADII[[20] * 4], rtol=1e-6)


def test_two_replicas_draw_what_one_draws_in_two_batches(
    one_replica, two_replicas, tmp_path
):
    found = []
    for strategy, batch in ((one_replica, 4), (two_replicas, 8)):
        replicas = Replicas(strategy, jit=False)
        work = batches(tmp_path / str(batch), replicas, batch)
        found.append(work.outcome(stage(replicas, Shift(noise=0.1))))
    assert_same_arrays(*found)


def test_batches_and_stages_draw_numbers_of_their_own(one_replica, tmp_path):
    replicas = Replicas(one_replica, jit=False)
    work = batches(tmp_path, replicas, 4)
    first = stage(replicas, Shift(noise=1.0), np.zeros(8, np.int64))
    images = work.outcome(first)["images"]
    others = work.outcome(first._replace(name="other"))["images"]
    drawn = np.concatenate([images, others]).reshape(16, 4)
    assert len(np.unique(drawn, axis=0)) == 16


def test_what_is_kept_is_not_made_again(replicas, tmp_path):
    attack, work = stage(replicas, Shift(noise=0.1)), batches(tmp_path, replicas, 6)
    whole = work.outcome(attack)
    assert len(files(tmp_path)) == 4
    assert_same_arrays(whole, work.outcome(attack._replace(run=None)))
    files(tmp_path)[2].unlink()
    files(tmp_path)[0].write_bytes(b"cut")
    assert_same_arrays(whole, work.outcome(attack))
    log = (tmp_path / "log.txt").read_text()
    assert "00000_0.npz is missing or damaged" in log


def test_a_kill_loses_what_was_not_written(replicas, tmp_path):
    expected = batches(tmp_path / "whole", replicas, 4).outcome(
        stage(replicas, Shift(noise=0.1))
    )
    attack, calls = stage(replicas, Shift(noise=0.1)), []

    def killed(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return attack.run(*arguments)

    folder = tmp_path / "killed"
    work = batches(folder, replicas, 4, save_every=2)
    with pytest.raises(KeyboardInterrupt):
        work.outcome(attack._replace(run=killed))
    assert len(files(folder)) == 2
    assert_same_arrays(expected, work.outcome(attack))


def test_a_signal_waits_for_its_batch(replicas, tmp_path):
    attack = stage(replicas, Shift(noise=0.1))

    def signalled(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        return attack.run(*arguments)

    work = batches(tmp_path, replicas, 6, save_every=100)
    with pytest.raises(EarlyStopError) as stop:
        work.outcome(attack._replace(run=signalled))
    assert str(stop.value) == (
        "Stopped by SIGTERM and saved after 1 of 4 batches of shift."
    )
    assert len(files(tmp_path)) == 1
    other = batches(tmp_path / "other", replicas, 6)
    assert_same_arrays(work.outcome(attack), other.outcome(attack))


def test_progress_tells_the_time_left(replicas, tmp_path, monkeypatch):
    monkeypatch.setattr(attack_batches, "SECONDS_BETWEEN_LINES", 0.0)
    batches(tmp_path, replicas, 6).outcome(stage(replicas, Shift()))
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == [
        f"shift: batch {count}/4" for count in (1, 2, 3, 4)
    ]
    assert "batches/s" in lines[2] and lines[2].endswith(" left")


def test_only_what_is_asked_for_is_kept(replicas, tmp_path):
    attack = stage(replicas, Shift(), kept=("broken",))
    assert list(batches(tmp_path, replicas, 6).outcome(attack)) == ["broken"]


def test_nothing_chosen_is_nothing_done(replicas, tmp_path):
    attack = stage(replicas, Shift(), np.arange(0))
    assert batches(tmp_path, replicas, 6).outcome(attack) == {}
    assert not files(tmp_path)


def test_to_look_for_outcomes_is_not_to_begin(replicas, tmp_path):
    work = batches(tmp_path, replicas, 6)

    def fails(*_):
        raise MemoryError

    with pytest.raises(MemoryError):
        work.outcome(stage(replicas, fails))
    assert not work.workspace.is_begun


def test_other_replicas_cannot_go_on(one_replica, two_replicas, tmp_path):
    first, second = (
        Replicas(strategy, jit=False) for strategy in (one_replica, two_replicas)
    )
    batches(tmp_path, first, 6).outcome(stage(first, Shift()))
    with pytest.raises(RunError, match="other replicas than these 2: go on with"):
        batches(tmp_path, second, 6).outcome(stage(second, Shift()))


def test_the_majority_of_verifications_counts():
    """A classifier that errs by turns: right, wrong, wrong, right, wrong."""
    turns = iter([0, 1, 1, 0, 1] * 2)

    def by_turns(images: tf.Tensor) -> tf.Tensor:
        wrong = next(turns)
        return tf.one_hot(tf.fill([2], wrong), 2)

    piece = Piece(tf.zeros([2, 1, 1, 1]), tf.constant([0, 1], tf.int64), None, None)
    found = judging(by_turns, 5)(piece)
    assert found["broken"].numpy().tolist() == [True, False]
    assert found["prediction"].numpy().tolist() == [1, 1]
    found = judging(by_turns, 1)(piece)
    assert found["broken"].numpy().tolist() == [False, True]
    np.testing.assert_array_equal(found["logits"], [[1.0, 0.0]] * 2)


def test_no_number_is_no_verdict_for_class_0():
    piece = Piece(tf.zeros([2, 1, 1, 1]), tf.constant([0, 1], tf.int64), None, None)
    found = judging(lambda images: tf.fill([2, 2], float("nan")), 3)(piece)
    assert found["broken"].numpy().tolist() == [True, True]
    assert found["prediction"].numpy().tolist() == [-1, -1]
