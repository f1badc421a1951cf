"""Whole runs of a generator: what they leave, and that a stop changes nothing."""

import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import train_gen
from ebm_tf.config import core
from ebm_tf.config.generator import GeneratorTraining
from ebm_tf.config.overrides import override
from ebm_tf.errors import DataError, EarlyStopError
from ebm_tf.learning.generator import NUM_STATISTICS
from ebm_tf.models.catalogue import build, latent_prior
from ebm_tf.runtime import run_folders, seeds
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.store.sources import find
from tests import runs
from tests.runs import (
    ROOT,
    assert_same_arrays,
    assert_same_run,
    learn_here,
    run_here,
    saved_arrays,
    saved_steps,
    weights,
)
from tests.store.small_weights import weights_into

DIGITS = ROOT / "configs" / "digits_sngan.py"
TINY = [
    "num_updates=8",
    "save_every=3",
    "log_every=4",
    "picture_every=4",
    "measure_every=3",
    "batch=20",
    "num_samples=30",
    "discriminator_updates=2",
    "data.split=train[:100]",
    "generator.width=4",
    "generator.latent_size=6",
    "discriminator.width=4",
    "generator_optimizer.average_decay=0.5",
]


def tiny(*changes: str) -> GeneratorTraining:
    return override(core.load(str(DIGITS)), [*TINY, *changes])


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[pathlib.Path, dict]:
    """A run that never stopped."""
    return learn_here(tiny(), tmp_path_factory.mktemp("whole"))


def test_results_and_files(whole):
    folder, results = whole
    assert results["num_updates"] == 8 and results["num_samples"] == 30
    assert results["frechet_pixels"] > 0 and results["updates_per_second"] > 0
    names = {path.name for path in (folder / "images").iterdir()}
    pictures = {f"generator_{step:08d}.png" for step in (1, 4, 8)}
    assert names == {"data.png", "samples.png", *pictures}
    assert (folder / "plots" / "frechet.png").is_file()
    roles = ("generator", "generator_average", "discriminator")
    assert {path.name for path in (folder / "weights").iterdir()} == {
        f"{role}_{step:08d}.weights.h5" for role in roles for step in (3, 6, 8)
    }
    assert saved_steps(folder) == [3, 6, 8]
    told = [json.loads(x) for x in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in told] == [4, 8]
    assert {"generator_loss", "discriminator_loss", "score_data"} <= set(told[0])


def test_the_distance_over_time_ends_with_that_of_the_results(whole):
    folder, results = whole
    lines = (folder / "validation.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    assert [line["step"] for line in told] == [3, 6, 8]
    assert told[-1]["frechet_pixels"] == results["frechet_pixels"]
    assert len({line["frechet_pixels"] for line in told}) == 3


def test_a_run_folder_means_its_averaged_generator(whole):
    folder, _ = whole
    path = find(str(folder)).file("generator")
    assert path.endswith("generator_average_00000008.weights.h5")
    settings = dataclasses.replace(tiny().generator, weights=str(folder))
    model = build(settings, 8, 1, "float32")
    weights_into(str(folder), model, "generator")
    # Latents of the pictures give the picture's images again, in inference mode.
    draw = latent_prior(settings)
    images = model(draw(4, seeds.key(0, Purpose.PICTURES)), training=False)
    assert np.isfinite(images).all() and np.ptp(images) > 0.01


def test_statistics_of_the_average_are_its_own(whole):
    """Those of the raw weights stay with them; the average's are of its features."""
    folder, _ = whole
    config = tiny()
    kinds = [build(config.generator, 8, 1, "float32") for _ in range(2)]
    for model, kind in zip(kinds, ("averaged", "raw"), strict=True):
        model.load_weights(find(str(folder)).file("generator", kind=kind))
    kernel, bias = kinds[0].get_layer("latent_dense").get_weights()
    draw = latent_prior(config.generator)
    key = seeds.key(config.seed, Purpose.STATISTICS)
    batches = [draw(20, tf.random.fold_in(key, k)) for k in range(NUM_STATISTICS)]
    # The first normalisation sees the unfolded latents, sixteen pixels a channel.
    features = [np.reshape(z @ kernel + bias, [20, 4, 16]) for z in batches]
    mean = np.mean([part.mean((0, 2)) for part in features], axis=0)
    variance = np.mean([part.var((0, 2)) for part in features], axis=0)
    found, raw = (model.get_layer("block2_bn_1") for model in kinds)
    np.testing.assert_allclose(found.moving_mean, mean, atol=1e-3)
    np.testing.assert_allclose(found.moving_variance, variance, rtol=1e-2)
    # After so few updates the raw ones have hardly left where they began.
    assert np.abs(raw.moving_variance - variance).max() > 0.1


def test_the_average_lies_between_the_first_and_the_last_weights(whole):
    folder, _ = whole
    one, last = (
        weights(folder / "weights" / f"generator{kind}_00000008.weights.h5")
        for kind in ("_average", "")
    )
    moved = [name for name in one if not np.array_equal(one[name], last[name])]
    assert len(moved) > len(one) / 2


@pytest.mark.slow
def test_a_run_in_pieces_is_one_run(whole, tmp_path):
    expected, _ = whole
    folder = pathlib.Path(shutil.copytree(expected, tmp_path / "copy"))
    (folder / "results.json").unlink()
    for name in ("00000006", "00000008"):
        for path in folder.glob(f"checkpoints/*/{name}.*"):
            path.unlink()
        for path in folder.glob(f"weights/*_{name}.*"):
            path.unlink()
    done = run_here("--resume", folder, executable="train_gen")
    assert (done.code, done.err) == (0, "")
    results = json.loads((folder / "results.json").read_text())
    kept = json.loads((expected / "results.json").read_text())
    (folder / "results.json").write_text(
        json.dumps({key: results[key] for key in kept})
    )
    assert_same_run(folder, expected)


@pytest.mark.slow
def test_generators_of_a_run_begin_chains_and_learn_on(whole, tmp_path):
    folder, _ = whole
    settings = [
        "chains.start=generator",
        "generator.width=4",
        "generator.latent_size=6",
        f"generator.weights={folder}",
    ]
    config = runs.tiny(num_updates=2)
    config = dataclasses.replace(config, generator=tiny().generator)
    config = override(config, settings)
    chains, _ = learn_here(config, tmp_path)
    log = (chains / "log.txt").read_text()
    assert f"Weights of the generator: {folder}/weights/generator_average_" in log
    more = tiny(f"generator.weights={folder}", f"discriminator.weights={folder}")
    told = list(train_gen.build(more).initial_weights())
    assert told[1].endswith("discriminator_00000008.weights.h5")


@pytest.mark.slow
def test_classes_are_learned(tmp_path):
    config = tiny(
        "generator.num_classes=10", "num_updates=2", "discriminator_updates=1"
    )
    folder, results = learn_here(config, tmp_path)
    assert results["num_samples"] == 30
    arrays, begun = saved_arrays(folder), saved_arrays(folder, 0)
    assert np.isfinite(arrays["history"]).all()
    generator = train_gen.build(config).networks["generator"]
    names = [v.path for v in generator.variables]
    index = names.index("block2_bn_1_classes/offsets")
    assert arrays[f"generator/{index}"].shape == (10, 4)
    assert not begun[f"generator/{index}"].any() and arrays[f"generator/{index}"].any()
    with pytest.raises(DataError, match=r"labels 0 to 9, but generator.num_classes=5"):
        learn_here(tiny("generator.num_classes=5"), tmp_path / "fewer")
    with pytest.raises(DataError, match="num_classes=5"):  # a dry run tells it too
        list(train_gen.describe(tiny("generator.num_classes=5")))


@pytest.mark.slow
def test_a_rate_that_is_too_high_goes_back_and_stops(tmp_path):
    config = tiny(
        "generator_optimizer.learning_rate=1e30",
        "guard.max_rollbacks=1",
        "discriminator_updates=1",
        "num_updates=4",
        "measure_every=100",
    )
    run = run_folders.create(str(tmp_path), config, 1_700_000_000)
    with pytest.raises(
        EarlyStopError, match=r"--set generator_optimizer.learning_rate"
    ):
        train_gen.run(config, run)
    log = (pathlib.Path(run.folder) / "log.txt").read_text()
    assert "Rolled back to update 0 (1 of 1)" in log


def test_a_dry_run_tells_and_writes_nothing(tmp_path):
    settings = [text for value in TINY for text in ("--set", value)]
    done = run_here(
        DIGITS, "--dry_run", "--output", tmp_path, *settings, executable="train_gen"
    )
    assert done.code == 0, done.err
    *_, first, second, replicas, updates, data = done.out.splitlines()
    assert first.startswith("generator: sngan_generator_8, ")
    assert second.startswith("discriminator: sngan_discriminator_8, ")
    assert replicas == "replicas: 2, each a batch of 10"
    assert updates == "discriminator: 2 updates before each of the generator"
    assert data == "data: 100 images of digits, scikit-learn"
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_killed_run_ends_as_one_that_never_was(tmp_path):
    program = [ROOT / "ebm_tf" / "train_gen.py"]
    settings = [text for value in TINY for text in ("--set", value)]
    settings += ["--set", "num_updates=60", "--set", "measure_every=20"]
    outputs = [tmp_path / name for name in ("whole", "killed")]
    done = runs.run_program(DIGITS, "--output", outputs[0], *settings, program=program)
    assert (done.code, done.err) == (0, "")
    process = runs.start(DIGITS, "--output", outputs[1], *settings, program=program)
    runs.wait_until(process, lambda: runs.run_folder(outputs[1]) is not None)
    folder = runs.run_folder(outputs[1])
    assert folder is not None
    runs.wait_until(process, lambda: max(saved_steps(folder), default=0) >= 9)
    process.kill()
    runs.finish(process)
    assert not (folder / "results.json").exists()
    again = runs.run_program("--resume", folder, program=program)
    assert (again.code, again.err) == (0, "")
    assert_same_run(folder, done.folder)
    assert_same_arrays(saved_arrays(folder), saved_arrays(done.folder))
