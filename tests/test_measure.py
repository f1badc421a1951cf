"""measure.py: two sets of images, wherever they are."""

import json
import pathlib

import numpy as np
import pytest

import ebm_tf
from tests.runs import Done, run_here


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> dict[str, pathlib.Path]:
    """Grey images of 6x6: a folder, an npz file, and a folder of another size."""
    place = tmp_path_factory.mktemp("sets")
    draw = np.random.default_rng(0).integers
    arrays = {name: draw(0, 256, [40, 6, 6, 1], np.uint8) for name in ("one", "two")}
    ebm_tf.save_images(str(place / "one"), arrays["one"])
    np.savez(place / "two.npz", images=arrays["two"])
    ebm_tf.save_images(str(place / "large"), draw(0, 256, [4, 9, 9, 1], np.uint8))
    names = ("one", "two.npz", "large")
    return {name.partition(".")[0]: place / name for name in names}


def compared(*words: object, executable: str = "measure") -> Done:
    return run_here(*words, "--set", "features=pixels", executable=executable)


@pytest.mark.parametrize("executable", ["measure", "fid"])
def test_two_places_are_enough(sets, tmp_path, executable):
    done = compared(
        sets["one"], sets["two"], "--output", tmp_path, executable=executable
    )
    assert (done.code, done.err) == (0, ""), done
    results = json.loads((done.folder / "results.json").read_text())
    told = ebm_tf.evaluate(str(sets["one"]), str(sets["two"]), features="pixels")
    assert {name: results[name] for name in told} == told
    assert not {"fid", "kid"} & results.keys()
    assert results["frechet_pixels"] > 0 and results["num_samples"] == 40
    assert results["images"] == str(sets["one"]) and len(results["warnings"]) == 0


def test_a_dry_run_tells_what_is_compared(sets):
    done = compared(sets["one"], sets["two"], "--dry_run")
    assert f"images: 40 of {sets['one']}" in done.out
    assert f"reference: 40 of {sets['two']}" in done.out
    assert "features: pixels, none" in done.out


def test_mistakes_are_told_in_a_line(sets, tmp_path):
    for words, message in (
        ((sets["one"], sets["large"]), "Expected images of one shape, got [6, 6, 1]"),
        ((sets["one"], tmp_path / "none"), "none"),
        (("configs_fid/folders.py",), "measure.py IMAGES REFERENCE"),
        ((sets["one"],), "No config file"),
    ):
        done = compared(*words, "--output", tmp_path)
        assert done.code == 2 and message in done.err, done
        assert done.err.count("\n") == 1
    words = (sets["one"], sets["two"], "--output", tmp_path)
    done = run_here(*words, executable="measure")
    assert done.code == 2 and "classify_image_graph_def.pb" in done.err
    assert not list(tmp_path.iterdir())
