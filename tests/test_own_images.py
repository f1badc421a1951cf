"""Every system learns and measures on a folder of one's own, from the command line."""

import json
import pathlib
import shutil

import numpy as np
import pytest

import ebm_tf
from tests.data.raw_files import encoded, picture, write_zip
from tests.runs import Done, run_here, saved_steps

NAMES = [f"{kind}/{i}.png" for kind in ("cat", "dog") for i in range(30)]


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> pathlib.Path:
    """Two classes of 30 images each, of mixed sizes."""
    folder = tmp_path_factory.mktemp("own") / "photos"
    for i, name in enumerate(NAMES):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture(12 + i % 5, 10 + i % 4, seed=i), "PNG"))
    return folder


def started(executable: str, config: str, output: pathlib.Path, **settings) -> Done:
    """Runs a config; dots in names of settings are written as double underscores."""
    flags = [
        text
        for name, value in settings.items()
        for text in ("--set", f"{name.replace('__', '.')}={value}")
    ]
    return run_here(config, "--output", output, *flags, executable=executable)


def results(done: Done) -> dict:
    assert (done.code, done.err) == (0, ""), done
    return json.loads((done.folder / "results.json").read_text())


SMALL_EBM = {
    "data__image_size": 8,
    "energy__width": 4,
    "chains__num_steps": 2,
    "chains__bank_size": 60,
    "samples__num_samples": 20,
    "samples__num_steps": 2,
    "batch": 20,
    "num_updates": 4,
    "save_every": 2,
}


@pytest.fixture(scope="module")
def learned(photos, tmp_path_factory) -> pathlib.Path:
    output = tmp_path_factory.mktemp("runs")
    config = "configs/folder_nonconv.py"
    done = started("train", config, output, data__path=photos, **SMALL_EBM)
    assert (done.code, done.err) == (0, ""), done
    return done.folder


@pytest.mark.slow
def test_the_log_says_what_was_learned_from(learned):
    log = (learned / "log.txt").read_text()
    assert "60 images of folder photos" in log and "2 classes: cat, dog" in log
    assert (learned / "images" / "data.png").exists()


@pytest.mark.slow
def test_a_run_goes_on_where_the_folder_has_moved_and_is_the_same(
    learned, photos, tmp_path
):
    run = shutil.copytree(learned, tmp_path / "run")
    moved = shutil.copytree(photos, tmp_path / "moved", copy_function=shutil.copy)
    flags = ["--set", f"data.path={moved}", "--set", "num_updates=6"]
    done = run_here("--resume", run, *flags)
    assert (done.code, done.err) == (0, ""), done
    assert saved_steps(run)[-1] == 6
    shutil.copy(moved / "cat" / "1.png", moved / "cat" / "0.png")
    flags[-1] = "num_updates=8"
    done = run_here("--resume", run, *flags)
    assert done.code == 2 and "The images of the data have changed since" in done.err
    assert saved_steps(run)[-1] == 6


@pytest.mark.slow
def test_its_samples_are_measured(learned, photos, tmp_path):
    config, small = "configs_fid/folder_shortrun.py", {"batch": 20, "num_samples": 40}
    small |= {"num_steps": 2, "energy__width": 4, "data__image_size": 8}
    archive = write_zip(
        tmp_path / "photos.zip", {name: (photos / name).read_bytes() for name in NAMES}
    )
    measured = [
        results(
            started("fid", config, tmp_path, data__path=place, weights=learned, **small)
        )
        for place in (photos, archive)
    ]
    assert (
        np.isfinite(measured[0]["frechet_pixels"])
        and measured[0]["frechet_pixels"] == measured[1]["frechet_pixels"]
    )
    assert measured[0]["reference"] == "folder photos, split train, 60 images"


@pytest.mark.slow
def test_more_samples_and_energies_come_later_in_three_lines(learned, photos, tmp_path):
    model = ebm_tf.load(str(learned), pixel_range="0..1")
    drawn = model.generate(7, seed=3).clip(0, 1)
    ebm_tf.save_images(tmp_path / "more", drawn, pixel_range="0..1")
    assert ebm_tf.read_images(tmp_path / "more").shape == (7, 8, 8, 3)
    images = ebm_tf.read_images(photos, image_size=8)
    energies = model.energy(images)
    assert images.shape == (60, 8, 8, 3) and np.ptp(energies) > 0
    network = model.networks.networks["energy"]
    expected = network(images / 127.5 - 1.0)[:, 0]
    np.testing.assert_allclose(energies, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_a_classifier_is_learned_and_attacked(photos, tmp_path):
    small = {"data__image_size": 8, "batch": 16, "num_updates": 6, "validate_every": 3}
    small |= {"classifier__width": 4, "attack__num_steps": 2, "evaluation_batch": 20}
    small |= {"evaluation_attack__num_steps": 2, "data__path": photos}
    config = "configs/folder_weat_adv.py"
    done = started("train_clf", config, tmp_path, **small)
    assert results(done)["num_images"] == 6
    refused = started("train_clf", config, tmp_path, classifier__num_classes=3, **small)
    assert refused.code == 2 and "has 2 classes, cat, dog, but" in refused.err
    assert len(refused.err.splitlines()) == 1
    small = {"data__image_size": 8, "classifier__width": 4, "pgd__num_steps": 2}
    small |= {"data__path": photos, "weights": done.folder, "batch": 6}
    small |= {"auto_attack__num_steps": 2, "auto_attack__num_queries": 2}
    done = started("attack", "configs_attack/folder_classifier.py", tmp_path, **small)
    assert results(done)["num_images"] == 6


@pytest.mark.slow
def test_a_generator_of_an_unusual_size_learns_arrays(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, [40, 30, 26], np.uint8)
    np.save(tmp_path / "images.npy", images)
    small = {"data__name": "arrays", "data__path": tmp_path / "images.npy"}
    small |= {"data__image_size": 28, "generator__width": 4, "discriminator__width": 4}
    small |= {"batch": 8, "num_updates": 2, "num_samples": 8, "measure_every": 2}
    small |= {"data__channels": 1}
    for role in ("generator", "discriminator"):
        small[f"{role}_optimizer__learning_rate"] = 1e-3
    done = started("train_gen", "configs/mnist_sngan.py", tmp_path, **small)
    assert np.isfinite(results(done)["frechet_pixels"])


def test_a_folder_is_asked_for(tmp_path):
    done = started("train", "configs/folder_nonconv.py", tmp_path)
    assert done.code == 2 and "--set data.path=PLACE" in done.err
    assert len(done.err.splitlines()) == 1
