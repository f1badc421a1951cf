"""What bad input gets on the command line: a line, code 2, and nothing is written."""

import pathlib

import keras
import numpy as np
import pytest
from keras import layers

from tests.data.raw_files import encoded, picture
from tests.runs import run_here

FUNCTIONS = """
import keras
from keras import layers

def none(size, channels):
    return None

def wrong(size, channels):
    return keras.Sequential(
        [keras.Input((size, size, channels)), layers.Flatten(), layers.Dense(7)]
    )
"""
ENERGY = ("train", "configs/digits_nonconv.py", "energy.width=4")
CLASSIFIER = (
    *("train_clf", "configs/folder_weat_adv.py", "classifier.num_classes=2"),
    *("classifier.width=4", "data.image_size=8", "data.channels=1", "batch=20"),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> pathlib.Path:
    place = tmp_path_factory.mktemp("bad")
    (place / "empty").mkdir()
    (place / "mine.py").write_text(FUNCTIONS)
    folders = {"one": ("cat",), "few": ("cat", "dog"), "three": ("a", "b", "c")}
    for name, classes in folders.items():
        for kind in classes:
            (place / name / kind).mkdir(parents=True)
            for i in range(4 if name == "few" else 40):
                content = encoded(picture(8, 8, seed=i), "PNG")
                (place / name / kind / f"{i}.png").write_bytes(content)
    (place / "unreadable").mkdir()
    (place / "unreadable" / "x.png").write_bytes(b"no image")
    images = np.random.default_rng(0).integers(0, 256, [60, 8, 8, 1], np.uint8)
    labels = np.arange(60) % 3
    np.savez(place / "range.npz", images=images * 1.5, labels=labels % 2)
    np.savez(place / "labels.npz", images=images, labels=labels)
    code = [layers.Lambda(lambda x: x * 2), layers.Flatten(), layers.Dense(1)]
    keras.Sequential([keras.Input((8, 8, 1)), *code]).save(place / "code.keras")
    return place


def arrays(name: str) -> tuple[str, str]:
    return "data.name=arrays", f"data.path=PLACE/{name}"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*CLASSIFIER, "data.path=PLACE/empty"), "has no files that end in .jpg"),
        ((*CLASSIFIER, "data.path=PLACE/one"), "of a folder, two sub-folders or more"),
        ((*CLASSIFIER, "data.path=PLACE/unreadable"), "1 of 1 images in "),
        ((*CLASSIFIER, "data.path=PLACE/few"), "6 examples, fewer than one batch=20"),
        ((*CLASSIFIER, "data.path=PLACE/three"), "has 3 classes, a, b, c, but"),
        ((*CLASSIFIER, *arrays("labels.npz")), "labels 0 to 2, but classifier.num_cl"),
        ((*CLASSIFIER, *arrays("range.npz")), "or floats in [0,1] or [-1,1] in"),
        ((*ENERGY, "energy.architecture=PLACE/code.keras"), "holds code (a Lambda "),
        (
            (*ENERGY, "energy.architecture=PLACE/mine.py:none"),
            "return a Keras model, got",
        ),
        (
            (*ENERGY, "energy.architecture=PLACE/mine.py:wrong"),
            "to give energies [B] or [B, 1], got [B, 7]",
        ),
    ],
)
def test_it_gets_one_line_and_nothing_is_written(place, tmp_path, words, message):
    executable, config, *settings = (w.replace("PLACE", str(place)) for w in words)
    flags = [word for setting in settings for word in ("--set", setting)]
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    done = run_here(config, *flags, "--output", tmp_path, executable=executable)
    assert done.code == 2, done
    (line,) = done.err.splitlines()
    assert line.startswith("error: ") and message in line
    assert not list(tmp_path.iterdir())
    assert before == {path: path.stat().st_mtime_ns for path in place.rglob("*")}
