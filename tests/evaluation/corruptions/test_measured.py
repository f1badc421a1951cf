"""Measuring corrupted images, by a classifier that is known; the plots of it."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ebm_tf.config import core
from ebm_tf.config.analysis import Analysis
from ebm_tf.config.corruption import CorruptedFolder, Corruptions
from ebm_tf.errors import ConfigError, DataError
from ebm_tf.evaluation.corruptions import measured, plots
from tests.runs import ROOT

NUM = 12
GREY = np.linspace(-0.8, 0.8, NUM, dtype=np.float32)
IMAGES = np.broadcast_to(GREY[:, None, None, None], (NUM, 8, 8, 1)).copy()
LABELS = (GREY > 0).astype(np.int64)


def config(corruptions: Corruptions | CorruptedFolder | None) -> Analysis:
    base = core.load(str(ROOT / "configs" / "digits_corruptions.py"))
    assert isinstance(base, Analysis)
    return dataclasses.replace(base, corruptions=corruptions)


def bright(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A classifier that says whether an image is bright, and minus its brightness."""
    mean = np.asarray(images).mean((1, 2, 3))
    return np.stack([-mean, mean], 1), -mean


def measure(settings: Corruptions | CorruptedFolder) -> measured.Corrupted:
    given = config(settings)
    sets = measured.open_sets(given, IMAGES, LABELS, 2)
    return measured.measured(settings, sets, bright, (IMAGES, LABELS), lambda _: None)


def test_what_is_known_of_a_known_classifier(monkeypatch):
    monkeypatch.setattr(measured, "_CHUNK", 5)
    found = measure(Corruptions(names=("contrast", "brightness"), severities=(1, 4)))
    rows = {(row["corruption"], row["severity"]): row for row in found.results["rows"]}
    assert found.results["clean"]["accuracy"] == 1.0 and len(rows) == 4
    # An even image has no contrast to lose.
    clean = found.results["clean"]["energy_mean"]
    assert rows["contrast", 4]["energy_mean"] == pytest.approx(clean, abs=0.01)
    # 0.34 of the range is 0.68 of [-1, 1]: images above -0.68 are called bright.
    wrong = ((GREY + 0.68 > 0) != LABELS).mean()
    assert rows["brightness", 4]["accuracy"] == pytest.approx(1 - wrong)
    low, high = rows["brightness", 4]["accuracy_interval"]
    assert low < 1 - wrong < high
    mean = np.mean([row["accuracy"] for row in rows.values()])
    assert found.results["mean_accuracy"] == pytest.approx(mean)
    assert found.arrays["contrast/4/energy"].shape == (NUM,)


def test_files_are_measured_as_what_they_hold(tmp_path):
    """The images of the program itself, as files, give the same figures."""
    names = ("gaussian_noise", "jpeg")
    made = measure(Corruptions(names=names))
    sets = measured.open_sets(config(Corruptions()), IMAGES, LABELS, 2)
    for name in names:
        with sets.opened(name) as read:
            parts = [read(severity, 0, NUM) for severity in range(1, 6)]
        np.save(tmp_path / f"{name}.npy", np.concatenate(parts))
    np.save(tmp_path / "labels.npy", np.tile(LABELS, 5))
    found = measure(CorruptedFolder(folder=str(tmp_path)))
    assert found.results["rows"] == made.results["rows"]
    given = config(CorruptedFolder(folder=str(tmp_path)))
    few = dataclasses.replace(given, num_test=4)
    assert measured.open_sets(few, IMAGES, LABELS, 2).num == 4
    with pytest.raises(DataError, match="labels .* 0 to 1, but .*num_classes=1"):
        measured.open_sets(given, IMAGES, LABELS, 1)


def test_rows_are_of_images_however_many_at_once():
    from ebm_tf.runtime.distribution import make_replicas

    def classifier(images: tf.Tensor) -> tf.Tensor:
        mean = tf.reduce_mean(images, [1, 2, 3])
        return tf.stack([-mean, mean], 1)

    replicas = make_replicas("cpu")
    run = measured.measurer(
        classifier, lambda x: -tf.reduce_mean(x, [1, 2, 3]), replicas, 8
    )
    for found, expected in zip(run(IMAGES), bright(IMAGES), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("num_names", [1, 6])
def test_plots_and_examples(tmp_path, num_names):
    names = Corruptions().names[:num_names]
    found = measure(Corruptions(names=names, severities=(2, 5)))
    path = str(tmp_path / "plot.png")
    plots.save_by_severity(path, found.results)
    assert Image.open(path).width == round(100 * (2.4 * num_names + 0.8))
    plots.save_examples(path, found.pictures, (2, 5))
    assert Image.open(path).height == round(100 * (0.95 * num_names + 0.3))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"names": ("fog",)}, "names=.*'fog'.* to be of gaussian_noise"),
        ({"names": ()}, r"names=\(\)"),
        ({"names": ("blur", "blur")}, "different names"),
        ({"severities": (0, 1)}, r"severities=\(0, 1\) to rise in \[1, 5\]"),
        ({"severities": (3, 2)}, "to rise"),
        ({"severities": ()}, "to rise"),
    ],
)
def test_settings_that_mean_nothing_are_told(settings, message):
    with pytest.raises(ConfigError, match=message):
        Corruptions(**settings)
