"""purify.py and classify.py: a folder of images goes through a released model."""

import csv
import json
import pathlib

import numpy as np
import pytest
from PIL import Image

import ebm_tf
from ebm_tf import pixels
from ebm_tf.config.folders import ImageClassification, ImagePurification
from ebm_tf.errors import ConfigError
from tests.runs import Done, run_here

PURIFY, CLASSIFY = "configs/digits_purify.py", "configs/digits_classify.py"
NUM = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    """Digits as PNG files, one of another size and kind, and a file that is none."""
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("images")
    (folder / "deep").mkdir()
    values, _ = load_digits(return_X_y=True)
    values = np.reshape(values[:NUM], [NUM, 8, 8])
    digits = np.rint(values * 255 / 16).astype(np.uint8)
    for place, image in enumerate(digits[:-1]):
        Image.fromarray(image).save(folder / "deep" / f"{place}.png")
    large = Image.fromarray(np.kron(digits[-1], np.ones((3, 3), np.uint8)))
    large.convert("RGB").save(folder / "large.jpg", quality=95)
    (folder / "notes.txt").write_text("none")
    return folder


def started(config: str, folder: object, output: object, *flags: object) -> Done:
    executable = "purify" if "purify" in config else "classify"
    words = (config, "--set", f"images={folder}", "--set", "batch=4")
    return run_here(*words, *flags, "--output", output, executable=executable)


@pytest.mark.slow
def test_a_folder_is_purified_under_its_names(folder, tmp_path):
    done = started(PURIFY, folder, tmp_path, "--set", "num_steps=5", "--set", "seed=2")
    assert (done.code, done.err) == (0, ""), done
    assert "Images cropped to their central square and scaled: 1." in done.out
    written = sorted(done.folder.glob("png/**/*.png"))
    names = [str(path.relative_to(done.folder / "png")) for path in written]
    assert names == [f"deep/{place}.png" for place in range(NUM - 1)] + ["large.png"]
    model = ebm_tf.load("release:digits_medconv", batch=4)
    images = ebm_tf.read_images(folder, 8, 1)
    expected = pixels.to_bytes(model.purify(images, num_steps=5, seed=2))
    assert np.array_equal(ebm_tf.read_images(done.folder / "png"), expected)
    rows = list(csv.DictReader((done.folder / "energies.csv").open()))
    assert [row["file"] for row in rows][-1] == "large.jpg" and len(rows) == NUM
    for name, values in (("before", images), ("after", expected)):
        found = [float(row[f"energy_{name}"]) for row in rows]
        np.testing.assert_allclose(found, model.energy(values), rtol=1e-6)
    results = json.loads((done.folder / "results.json").read_text())
    moved = np.subtract(expected, images, dtype=float)
    assert results["rms_change"] == pytest.approx(np.sqrt(np.mean(moved**2)))
    assert results["num_images"] == NUM


@pytest.mark.slow
def test_a_folder_becomes_a_table_of_classes(folder, tmp_path):
    done = started(CLASSIFY, folder, tmp_path, "--set", "limit=6")
    assert (done.code, done.err) == (0, ""), done
    rows = list(csv.DictReader((done.folder / "classes.csv").open()))
    model = ebm_tf.load("release:digits_weat_adv", batch=4)
    images = ebm_tf.read_images(folder, 8, 1)[:6]
    probabilities = model.classify(images)
    assert [row["file"] for row in rows] == [f"deep/{place}.png" for place in range(6)]
    found = [[float(row[f"p_{label}"]) for label in range(10)] for row in rows]
    assert np.array_equal(np.array(found, np.float32), probabilities)
    assert [int(row["class"]) for row in rows] == probabilities.argmax(1).tolist()
    energies = np.array([row["energy"] for row in rows], np.float32)
    assert np.array_equal(energies, model.energy(images))
    results = json.loads((done.folder / "results.json").read_text())
    assert sum(results["num_by_class"].values()) == results["num_images"] == 6


@pytest.mark.slow
def test_an_energy_gives_energies_alone(folder, tmp_path):
    weights = ("--set", "weights=release:digits_medconv")
    done = started(CLASSIFY, folder, tmp_path, *weights)
    assert (done.code, done.err) == (0, ""), done
    assert (
        (done.folder / "classes.csv").read_text().startswith("file,energy\ndeep/0.png,")
    )


def test_a_dry_run_reads_and_writes_nothing(folder, tmp_path):
    done = started(CLASSIFY, folder, tmp_path / "out", "--dry_run")
    assert (done.code, done.err) == (0, ""), done
    assert f"images: {NUM} of {folder}" in done.out
    assert "columns: file, energy, class, p_0, p_1" in done.out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("config", "images", "flags", "message"),
    [
        (PURIFY, None, (), "digits_purify needs images: --set images=FOLDER."),
        (CLASSIFY, "{tmp}", (), "has no files that end in .jpg"),
        (CLASSIFY, "{tmp}/none", (), "cannot be read"),
        (
            PURIFY,
            "{folder}",
            ("--set", "weights=release:digits_weat_adv"),
            "was learned without chains: give langevin and temperature.",
        ),
        (
            CLASSIFY,
            "{folder}",
            ("--set", "weights=release:digits_sngan"),
            "release:digits_sngan has no energy.",
        ),
    ],
)
def test_a_mistake_is_one_line(folder, tmp_path, config, images, flags, message):
    given = images and images.format(tmp=tmp_path, folder=folder)
    done = started(config, given, tmp_path / "out", *flags)
    assert done.code == 2, done
    (line,) = done.err.splitlines()
    assert message in line
    assert not list((tmp_path / "out").glob("*"))


def test_what_does_nothing_is_refused():
    with pytest.raises(ConfigError, match="Expected num_steps or start_noise above 0"):
        ImagePurification(name="it", weights="x", num_steps=0)
    with pytest.raises(ConfigError, match="Expected limit=0 > 0"):
        ImageClassification(name="it", weights="x", limit=0)
