"""Whole measurements of a tiny run, on the two logical devices of this process."""

import dataclasses
import functools
import itertools
import json
import pathlib
import shlex
import shutil
import signal

import numpy as np
import pytest

from ebm_tf import fid, pixels
from ebm_tf.config.chains import Transient
from ebm_tf.config.fid import SampleMeasurement, Sweep
from ebm_tf.config.kinds import to_json
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import GeneratorNetwork, Langevin, Network
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.errors import DataError
from ebm_tf.evaluation.frechet import (
    frechet_distance,
    load_moments,
    moments,
    save_moments,
)
from ebm_tf.evaluation.quality import measure_pixels
from ebm_tf.sampling import segments
from ebm_tf.sampling.segments import load_samples
from tests import runs
from tests.runs import learn_here, measuring, run_here, tiny

FIGURES = {
    *(
        "frechet_pixels",
        "num_samples",
        "num_reference",
        "frechet_pixels_extrapolated",
        "frechet_pixels_by_num_samples",
    ),
    *(
        "kernel_pixels",
        "kernel_pixels_stderr",
        "kernel_pixels_subset_size",
        "precision",
        "recall",
        "num_kept",
    ),
    *("inception_score", "inception_score_stddev"),
}
GENERATOR = GeneratorNetwork(width=4, latent_size=5)
FACTS = {
    *("features", "feature_weights", "resize", "reference", "weights"),
    *("weights_kind", "start", "denoising_steps", "joint_temperature", "seed"),
    "warnings",
}


@pytest.fixture(scope="module")
def learned(digits_run) -> tuple[pathlib.Path, dict]:
    """A run with weights after 3, 6 and 9 updates, and its own figures."""
    return digits_run


@pytest.fixture(scope="module")
def measured(learned, tmp_path_factory) -> tuple[pathlib.Path, dict]:
    """Its measurement, with the settings of its own samples."""
    config = measuring(tiny(), learned[0], denoising_steps=1)
    return learn_here(config, tmp_path_factory.mktemp("measured"))


@pytest.fixture(scope="module")
def swept(learned, tmp_path_factory) -> tuple[pathlib.Path, dict]:
    """A measurement of all its weights that never stopped."""
    return learn_here(sweeping(learned), tmp_path_factory.mktemp("swept"))


def sweeping(learned, **settings) -> SampleMeasurement:
    return measuring(tiny(), learned[0], sweep=Sweep(), save_every=1, **settings)


def text(folder: pathlib.Path, name: str) -> str:
    return (folder / name).read_text()


def samples_in(folder: pathlib.Path, num_steps: int = 4) -> np.ndarray:
    rounds = load_samples(str(folder), num_steps)
    return np.concatenate([images for images, _ in rounds])


def test_results(measured, learned):
    folder, results = measured
    assert json.loads(text(folder, "results.json")) == results
    assert results.keys() == {"num_steps"} | FIGURES | FACTS
    assert results["num_samples"] == results["num_kept"] == 20
    assert results["num_reference"] == 100 and results["warnings"] == []
    assert results["features"] == "pixels" and results["resize"] == "none"
    assert results["reference"] == "digits, split train[:100], 100 images"
    path = learned[0] / "weights" / "energy_average_00000009.weights.h5"
    assert results["weights"] == {"energy": str(path)}
    assert results["frechet_pixels_by_num_samples"][-1] == [
        20,
        results["frechet_pixels"],
    ]
    assert [n for n, _ in results["frechet_pixels_by_num_samples"]] == list(
        range(2, 21, 2)
    )
    for name in (
        "frechet_pixels",
        "frechet_pixels_extrapolated",
        "kernel_pixels",
        "kernel_pixels_stderr",
    ):
        assert np.isfinite(results[name])


def test_what_a_measurement_leaves(measured):
    folder = measured[0]
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    events = {name for name in found if name.startswith("tensorboard/")}
    assert events and found - events == {
        *("config.json", "environment.json", "inputs.json", "log.txt"),
        *("metrics.jsonl", "results.json"),
        *("plots/traces.png", "images/samples_00000004.png"),
        *("samples/00000004/00000_0.npz", "moments/00000004.npz"),
        *(
            f"checkpoints/worker_0/{piece:08d}.{kind}"
            for kind in ("json", "npz")
            for piece in (0, 2)
        ),
    }


def test_the_samples_are_those_that_learning_drew(measured, learned):
    """With its settings the chains are the same: the same picture, bit for bit."""
    picture = (learned[0] / "images" / "samples.png").read_bytes()
    assert (measured[0] / "images" / "samples_00000004.png").read_bytes() == picture
    distance, rounded = learned[1]["frechet_pixels"], measured[1]["frechet_pixels"]
    assert distance == pytest.approx(rounded, rel=1e-3) and distance != rounded


def test_the_distance_is_that_of_the_bytes(measured):
    samples = pixels.from_bytes(samples_in(measured[0])).numpy()
    data = tiny().data
    images, labels = load_images(open_source(data), data)
    images = pixels.from_bytes(pixels.to_bytes(images)).numpy()
    expected = measure_pixels(samples, images, labels)["frechet_pixels"]
    assert measured[1]["frechet_pixels"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
def test_a_measurement_can_be_made_again(measured, learned, tmp_path):
    config = measuring(tiny(), learned[0], denoising_steps=1)
    folder, results = learn_here(config, tmp_path)
    assert text(folder, "results.json") == text(measured[0], "results.json")
    config = dataclasses.replace(config, seed=1)
    _, results = learn_here(config, tmp_path)
    assert results["frechet_pixels"] != measured[1]["frechet_pixels"]
    cached = list((tmp_path / "reference").iterdir())
    assert len(cached) == 1, "the same reference for all seeds"


@pytest.mark.slow
def test_raw_weights_give_other_samples(measured, learned, tmp_path):
    changed = {"denoising_steps": 1, "weights_kind": "raw"}
    config = measuring(tiny(), learned[0], **changed)
    _, results = learn_here(config, tmp_path)
    (path,) = results["weights"].values()
    assert path.endswith("energy_00000009.weights.h5")
    assert results["frechet_pixels"] != measured[1]["frechet_pixels"]
    # The file itself, named for the network, is the same measurement.
    energy = dataclasses.replace(config.energy, weights=path)
    config = dataclasses.replace(config, energy=energy, weights=None)
    _, again = learn_here(config, tmp_path / "file")
    assert again == results


@pytest.mark.slow
def test_several_numbers_of_steps_are_measured_on_the_same_chains(
    learned, measured, tmp_path
):
    config = measuring(
        tiny(), learned[0], denoising_steps=1, num_steps=(1, 4), num_samples=30
    )
    folder, results = learn_here(config, tmp_path)
    rows = results["by_num_steps"]
    assert [row["num_steps"] for row in rows] == [1, 4]
    assert all(row.keys() == {"num_steps"} | FIGURES for row in rows)
    assert {**results, **rows[-1]} == results
    assert [row["num_samples"] for row in rows] == [30, 30]
    assert (folder / "plots" / "frechet_pixels_by_num_steps.png").exists()
    np.testing.assert_array_equal(
        samples_in(folder)[:20], samples_in(measured[0]), strict=True
    )
    begun = dataclasses.replace(config, num_steps=(0, 1))
    _, short = learn_here(begun, tmp_path / "short")
    assert [row["num_steps"] for row in short["by_num_steps"]] == [0, 1]
    assert {name: short[name] for name in rows[0]} == rows[0]


def test_a_sweep_marks_the_best_weights(swept, learned):
    folder, results = swept
    distances = {row["update"]: row["frechet_pixels"] for row in results["by_update"]}
    assert list(distances) == [3, 6, 9] and len(set(distances.values())) == 3
    assert (
        results["frechet_pixels"]
        == min(distances.values())
        == distances[results["update"]]
    )
    for update, distance in distances.items():
        part = json.loads(text(folder, f"update_{update:08d}/results.json"))
        assert part["frechet_pixels"] == distance
        (path,) = part["weights"].values()
        assert path.endswith(f"energy_average_{update:08d}.weights.h5")
        if update == results["update"]:
            assert {**results, **part} == results
    assert (folder / "plots" / "frechet_pixels_by_update.png").exists()
    single, _ = learn_here(
        measuring(tiny(), learned[0]), folder.parent.parent / "single"
    )
    np.testing.assert_array_equal(
        samples_in(single), samples_in(folder / "update_00000009")
    )


@pytest.mark.parametrize(
    ("sweep", "updates"),
    [
        (Sweep(first=4), [6, 9]),
        (Sweep(last=6), [3, 6]),
        (Sweep(every=2), [6]),
        (Sweep(first=9, last=9), [9]),
    ],
)
def test_what_a_sweep_measures(learned, tmp_path, sweep, updates):
    config = tmp_path / "sweeping.py"
    write_config(config, measuring(tiny(), learned[0], sweep=sweep))
    done = run_here(config, "--dry_run", executable="fid")
    assert (done.code, done.err) == (0, "")
    files = [line for line in done.out.splitlines() if line.startswith("weights of")]
    assert [int(file[-19:-11]) for file in files] == updates


def write_config(path: pathlib.Path, config: SampleMeasurement) -> None:
    """A file as a user would write it, of a config that a test has made."""
    path.write_text(
        "import json\n"
        "from ebm_tf.config.core import from_mapping\n"
        "from ebm_tf.config.fid import SampleMeasurement\n"
        f"text = {to_json(config)!r}\n"
        "config = from_mapping(SampleMeasurement, json.loads(text))\n"
    )


def stop_at(*moments: tuple[int, int], by: signal.Signals = signal.SIGTERM):
    """A stand-in for the progress bar: a signal in some parts of work, at a piece."""
    parts = itertools.count()

    def begin(*_):
        index = next(parts)

        def stop(moment) -> None:
            if (index, moment.step) in moments:
                signal.raise_signal(by)

        return stop

    return begin


def go_on(told: runs.Done) -> runs.Done:
    """Does what the line says that tells how to go on."""
    line = told.out.splitlines()[-2]
    assert line.startswith("To go on: ")
    _, program, *arguments = shlex.split(line.removeprefix("To go on: "))
    assert program == "ebm_tf/fid.py"
    return run_here(*arguments, executable="fid")


@pytest.mark.slow
def test_a_stopped_sweep_goes_on_where_it_was(learned, swept, tmp_path, monkeypatch):
    write_config(tmp_path / "sweeping.py", sweeping(learned))
    with monkeypatch.context() as patched:
        # In the middle of the second of three: one is done, one begun, one not.
        patched.setattr(segments.actions, "show_progress", stop_at((1, 1)))
        told = run_here(
            tmp_path / "sweeping.py", "--output", tmp_path, executable="fid"
        )
    assert (told.code, told.err) == (3, ""), told
    assert "Stopped by SIGTERM and saved after 1 of 2 segments." in told.out
    assert not (told.folder / "results.json").exists()
    one = told.folder / "update_00000003"
    before = {path: path.stat().st_mtime_ns for path in one.glob("samples/*/*")}
    done = go_on(told)
    assert (done.code, done.err, done.folder) == (0, "", told.folder)
    assert before == {path: path.stat().st_mtime_ns for path in before}
    results = json.loads(text(done.folder, "results.json"))
    assert results.pop("name") == "digits_nonconv_fid" and results == swept[1]
    plots = [
        folder / "plots" / "frechet_pixels_by_update.png"
        for folder in (done.folder, swept[0])
    ]
    assert plots[0].read_bytes() == plots[1].read_bytes()


def test_a_stopped_measurement_says_how_to_go_on(
    learned, measured, tmp_path, monkeypatch
):
    config = measuring(tiny(), learned[0], denoising_steps=1)
    write_config(tmp_path / "measuring.py", config)
    arguments = (tmp_path / "measuring.py", "--output", tmp_path)
    with monkeypatch.context() as patched:
        stop = stop_at((0, 1), by=signal.SIGINT)
        patched.setattr(segments.actions, "show_progress", stop)
        told = run_here(*arguments, executable=None)
    assert (told.code, told.err) == (3, "")
    assert "Stopped by SIGINT and saved after 1 of 2 segments." in told.out
    with monkeypatch.context() as patched:
        # When all is sampled and nothing measured.
        stop = functools.partial(signal.raise_signal, signal.SIGTERM)
        patched.setattr(fid, "compare", lambda *_: stop())
        told = go_on(told)
    assert (told.code, told.err) == (3, "")
    assert "learn" not in told.out.splitlines()[-3], "a measurement learns nothing"
    done = go_on(told)
    assert (done.code, done.err) == (0, "")
    results = json.loads(text(done.folder, "results.json"))
    assert results.pop("name") == "digits_nonconv_fid" and results == measured[1]
    refused = run_here("--resume", done.folder, executable="fid")
    assert refused.code == 2
    (line,) = refused.err.splitlines()
    assert line.startswith(f"error: The run {done.folder} is finished; its metrics are")
    assert "num_updates" not in line, "a measurement has none"


@pytest.mark.slow
def test_a_measurement_does_not_go_on_with_other_weights(
    learned, tmp_path, monkeypatch
):
    run = pathlib.Path(shutil.copytree(learned[0], tmp_path / "run"))
    write_config(tmp_path / "measuring.py", measuring(tiny(), run))
    arguments = (tmp_path / "measuring.py", "--output", tmp_path / "out")
    with monkeypatch.context() as patched:
        patched.setattr(segments.actions, "show_progress", stop_at((0, 1)))
        told = run_here(*arguments, executable="fid")
    assert told.code == 3
    weights = sorted(run.glob("weights/energy_average_*.h5"))
    shutil.copy(weights[0], weights[-1])  # under the name of the newest
    refused = go_on(told)
    assert refused.code == 2 and refused.err.endswith(
        f"The weights of the energy have changed since {told.folder} was begun: begin "
        "a new run.\n"
    )


@pytest.mark.slow
def test_another_reference_is_compared_with_the_samples_that_are_there(
    swept, learned, tmp_path
):
    """num_reference may change: nothing is sampled, everything is measured anew."""
    folder = shutil.copytree(swept[0], tmp_path / "a" / "b" / "copy")
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/samples/*/*")}
    done = run_here("--resume", folder, "--set", "num_reference=60", executable="fid")
    assert (done.code, done.err) == (0, "")
    assert before == {path: path.stat().st_mtime_ns for path in before}
    results = json.loads(text(folder, "results.json"))
    assert results["num_reference"] == 60
    assert results["reference"] == "digits, split train[:100], 60 images"
    distances = [
        [row["frechet_pixels"] for row in rows["by_update"]]
        for rows in (results, swept[1])
    ]
    assert len({*distances[0], *distances[1]}) == 6
    config = sweeping(learned, num_reference=60)
    _, expected = learn_here(config, tmp_path / "direct")
    assert results.pop("name") and results == expected


def test_settings_that_differ_are_noted(learned, measured, tmp_path):
    config = dataclasses.replace(
        measuring(tiny(), learned[0]),
        langevin=Langevin(noise=0.01),
        temperature=0.5,
        gaussian_stddev=1.0,
    )
    folder, _ = learn_here(config, tmp_path)
    notes = [line for line in text(folder, "log.txt").splitlines() if "Note: " in line]
    for name in ("langevin.noise", "temperature=0.5", "gaussian_stddev=1.0"):
        assert [name in note for note in notes].count(True) == 1
    assert len(notes) == 3 and "(learned with 0.002)" in "".join(notes)
    assert "Note" not in text(measured[0], "log.txt")


def test_a_prior_that_was_not_learned_with_is_noted(learned, tmp_path):
    path = str(learned[0] / "weights" / "energy_00000003.weights.h5")
    prior = dataclasses.replace(tiny().energy, weights=path)
    config = dataclasses.replace(measuring(tiny(), learned[0]), prior=prior)
    folder, results = learn_here(config, tmp_path)
    assert "Note: prior" in text(folder, "log.txt")
    assert results["weights"]["prior"] == path


def test_chains_that_start_from_data(learned, tmp_path):
    config = measuring(tiny(), learned[0], start="data", num_samples=100)
    folder, results = learn_here(config, tmp_path)
    assert results["start"] == "data"
    # After 4 steps they are close to the images from which they begin.
    assert len(samples_in(folder)) == 100 and results["frechet_pixels"] < 10


def test_a_dry_run_looks_at_the_reference(learned, tmp_path):
    config = measuring(tiny(), learned[0])
    few = "warning: The reference has {} images for features of 64 dimensions"
    assert not [line for line in fid.describe(config) if "warning" in line]
    config = dataclasses.replace(config, num_reference=64)
    assert [ln for ln in fid.describe(config) if ln.startswith(few.format(64))]
    path = str(tmp_path / "moments.npz")
    config = dataclasses.replace(config, reference=path)
    with pytest.raises(DataError, match="Cannot read the moments"):
        list(fid.describe(config))
    save_moments(path, moments(np.random.default_rng(0).normal(size=[9, 64])))
    assert [ln for ln in fid.describe(config) if ln.startswith(few.format(9))]


@pytest.mark.slow
def test_moments_as_others_publish_them(measured, learned, tmp_path, monkeypatch):
    """They need no dataset."""
    data = tiny().data
    images, _ = load_images(open_source(data), data)
    vectors = pixels.from_bytes(pixels.to_bytes(images)).numpy().reshape(100, 64)
    path = str(tmp_path / "published.npz")
    save_moments(path, moments(vectors)._replace(count=None))
    config = measuring(tiny(), learned[0], denoising_steps=1, reference=path)
    monkeypatch.delattr(fid, "open_source")
    assert f"reference: {path}" in list(fid.describe(config))
    _, results = learn_here(config, tmp_path)
    assert results["frechet_pixels"] == pytest.approx(
        measured[1]["frechet_pixels"], rel=1e-9
    )
    assert results["reference"] == path and results["num_reference"] is None
    assert results["kernel_pixels"] is results["precision"] is results["recall"] is None
    assert not (tmp_path / "reference").exists()
    vectors = pixels.from_bytes(samples_in(measured[0])).numpy().reshape(20, 64)
    save_moments(path, moments(vectors))
    _, results = learn_here(config, tmp_path / "itself")
    assert results["frechet_pixels"] == pytest.approx(0, abs=1e-9)
    assert frechet_distance(moments(vectors), moments(vectors)) < 1e-9


def test_the_moments_of_samples_are_kept_and_are_the_reference_of_others(
    measured, learned, tmp_path
):
    path = str(measured[0] / "moments" / "00000004.npz")
    vectors = pixels.from_bytes(samples_in(measured[0])).numpy().reshape(20, 64)
    direct, kept = moments(vectors), load_moments(path)
    assert kept.count == 20
    np.testing.assert_allclose(kept.mean, direct.mean, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(kept.covariance, direct.covariance, atol=1e-12)
    config = measuring(tiny(), learned[0], denoising_steps=1, reference=path)
    _, itself = learn_here(config, tmp_path / "itself")
    assert itself["frechet_pixels"] == pytest.approx(0, abs=1e-9)
    folder, other = learn_here(dataclasses.replace(config, seed=1), tmp_path / "other")
    others = pixels.from_bytes(samples_in(folder)).numpy().reshape(20, 64)
    expected = frechet_distance(moments(others), direct)
    assert (
        other["frechet_pixels"] == pytest.approx(expected, rel=1e-9) and expected > 0.01
    )
    assert other["num_reference"] == 20 and other["reference"] == path


def test_chains_that_run_away_are_told_and_not_measured(learned, tmp_path):
    config = dataclasses.replace(
        measuring(tiny(), learned[0], num_steps=(1, 4)),
        langevin=Langevin(noise=3e38, drift=1.0),
    )
    folder, results = learn_here(config, tmp_path)
    assert json.loads(text(folder, "results.json")) == results
    assert results["frechet_pixels"] is None and results["num_not_finite"] == 20
    assert [row["frechet_pixels"] for row in results["by_num_steps"]][-1] is None


def test_a_sweep_without_a_measured_part(learned, tmp_path):
    config = dataclasses.replace(
        measuring(tiny(), learned[0], sweep=Sweep(first=9)),
        langevin=Langevin(noise=3e38, drift=1.0),
    )
    _, results = learn_here(config, tmp_path)
    assert results["by_update"] == [{"update": 9, "frechet_pixels": None}]
    assert results["update"] == 9 and results["frechet_pixels"] is None


SMALL = ["num_samples=20", "batch=20", "num_steps=2", "data.split=train[:100]"]


def command(*assignments: str) -> list[str]:
    words = [*SMALL, "energy.width=4", *assignments]
    return [word for text in words for word in ("--set", text)]


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["weights=None"], "--set weights=RUN, the folder of the run that learned it"),
        (["weights=none"], "No weights at none: expected"),
        (["weights={empty}"], "holds no averaged weights of its energy;"),
        (["weights={run}", "weights_kind=old"], "weights_kind='old'"),
        (["weights={run}", "num_steps=(4,2)"], "num_steps=(4, 2) to rise from 0"),
        (["weights={run}", "num_steps=-1"], "num_steps=-1 to rise from 0 or more."),
        (["weights={run}", "batch=21"], "batch=21 to be divisible by 2 replicas."),
        (["weights={run}", "start=generator"], "a generator where start='generator'"),
        (["weights={run}", "energy.width=6"], "do not fit the energy"),
        (["weights={run}", "data.name=digit"], "did you mean digits?"),
        (["weights={run}", "start=data", "batch=200"], "fewer than one batch=200"),
        (["weights={run}", "reference=none.npz"], "Cannot read the moments none.npz"),
        (["weights={run}", "features.name=classifier"], "features.classifier"),
        (["weights={run}", "features.name=inception_2015"], "needs weights"),
        (["weights={wide}"], "config.json is damaged"),
    ],
)
def test_mistakes(learned, tmp_path, assignments, message):
    empty, wide = tmp_path / "empty", tmp_path / "wide"
    (empty / "weights").mkdir(parents=True)
    shutil.copytree(learned[0] / "weights", wide / "weights")
    (wide / "config.json").write_text("{}")
    names = {
        "empty": empty,
        "wide": wide,
        "run": learned[0],
        "file": learned[0] / "weights" / "energy_00000003.weights.h5",
    }
    given = command(*(word.format(**names) for word in assignments))
    done = run_here(
        runs.DIGITS_FID, "--output", tmp_path / "out", *given, executable="fid"
    )
    assert done.code == 2, done
    (line,) = done.err.splitlines()
    assert line.startswith("error: ") and message in line
    assert not list(tmp_path.glob("out/*/*")), "no run folder is left behind"


def test_a_dry_run_tells_what_would_be_measured_and_writes_nothing(learned, tmp_path):
    words = (runs.DIGITS_FID, "--dry_run", "--output", tmp_path / "out")
    given = command("weights=None")
    done = run_here(*words, *given, executable="fid")
    assert done.code == 0 and "missing: The energy of digits_shortrun" in done.out
    done = run_here(*words, *command("weights=release:digits_noncov"), executable="fid")
    assert done.code == 2 and "No release is named" in done.err
    given = command(f"weights={learned[0]}", "num_samples=50", "record_every=1")
    done = run_here(*words, *given, executable="fid")
    assert (done.code, done.err) == (0, "")
    *_, weights, chains, features, data = done.out.splitlines()
    assert weights.endswith("energy_average_00000009.weights.h5")
    assert chains == (
        "chains: 3 rounds of 20, each in 2 segments; measured after [2] steps"
    )
    assert features == "features: pixels, none"
    assert data == "data: 100 images of digits, scikit-learn"
    assert not (tmp_path / "out").exists()


def test_the_wrong_executable_names_the_right_one(tmp_path):
    done = run_here(runs.DIGITS_FID, "--output", tmp_path, executable="train")
    assert done.code == 2 and "run python3 ebm_tf/fid.py" in done.err
    done = run_here(runs.DIGITS, "--output", tmp_path, executable="fid")
    assert done.code == 2 and "run python3 ebm_tf/train.py" in done.err
    assert not list(tmp_path.iterdir())


def test_a_sweep_without_a_match_is_told_before_anything_is_made(learned, tmp_path):
    write_config(
        tmp_path / "none.py", measuring(tiny(), learned[0], sweep=Sweep(first=10))
    )
    done = run_here(
        tmp_path / "none.py", "--output", tmp_path / "out", executable="fid"
    )
    assert done.code == 2
    assert done.err == (
        f"error: None of the weights of {learned[0]} are to be swept: they are those "
        "after 3, 6, 9 updates.\n"
    )
    assert not list(tmp_path.glob("out/*/*"))


@pytest.mark.parametrize(
    ("role", "network"),
    [
        ("prior", {"prior": Network(width=4)}),
        ("generator", {"generator": GENERATOR, "start": "generator"}),
    ],
)
def test_what_a_sweep_lacks_is_told_before_anything_is_made(
    learned, tmp_path, role, network
):
    config = dataclasses.replace(sweeping(learned), **network)
    write_config(tmp_path / "none.py", config)
    words = (tmp_path / "none.py", "--output", tmp_path / "out")
    done = run_here(*words, executable="fid")
    assert done.code == 2
    assert f"is a run of train.py and did not learn a {role}." in done.err
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.slow
def test_chains_that_start_from_a_generator_that_was_learned(tmp_path):
    """Its averaged weights make the starts, here and where it was learned."""
    learning = dataclasses.replace(
        tiny(num_updates=2),
        chains=Transient(start="generator", num_steps=2),
        generator=GENERATOR,
        generator_optimizer=Optimizer(),
    )
    run, _ = learn_here(learning, tmp_path)
    config = measuring(learning, run, denoising_steps=1)
    folder, results = learn_here(config, tmp_path)
    names = [pathlib.Path(path).name for path in results["weights"].values()]
    assert names == [
        "energy_average_00000002.weights.h5",
        "generator_average_00000002.weights.h5",
    ]
    assert (folder / "images" / "samples_00000004.png").read_bytes() == (
        run / "images" / "samples.png"
    ).read_bytes()
