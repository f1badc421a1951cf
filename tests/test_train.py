"""Whole runs on the two logical devices of this process."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from ebm_tf.config.chains import Hygiene, Persistent, Transient
from ebm_tf.config.ebm import EbmTraining
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import GeneratorNetwork
from ebm_tf.models.catalogue import build
from ebm_tf.store.sources import find
from tests.runs import learn_here, saved_arrays, tiny, weights
from tests.slow import slow


def test_results(digits_run):
    results = digits_run[1]
    assert json.loads(json.dumps(results)) == results
    assert results["num_updates"] == 9 and results["num_samples"] == 20
    assert results["num_images"] == 100
    assert 0 < results["frechet_pixels"] < 100
    assert results["updates_per_second"] > 0
    assert set(results["class_shares"]) == set("0123456789")


def test_what_a_run_leaves(digits_run):
    folder = digits_run[0]
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    events = {name for name in found if name.startswith("tensorboard/")}
    assert events and found - events == {
        "config.json",
        "environment.json",
        "log.txt",
        "metrics.jsonl",
        "results.json",
        "plots/diagnosis.png",
        "images/data.png",
        "images/samples.png",
        "images/chains.gif",
        *(
            f"images/{kind}_{step:08d}.png"
            for kind in ("samples", "bank")
            for step in (1, 6)
        ),
        *(
            f"weights/{role}_{step:08d}.weights.h5"
            for role in ("energy", "energy_average")
            for step in (3, 6, 9)
        ),
        *(
            f"checkpoints/worker_0/{step:08d}.{kind}"
            for kind in ("json", "npz")
            for step in (3, 6, 9)
        ),
    }


def test_metrics_are_means_of_their_periods(digits_run):
    told = (digits_run[0] / "metrics.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in told]
    assert [line["step"] for line in lines] == [3, 6, 9]
    arrays = saved_arrays(digits_run[0])
    names = arrays["history_names"].tolist()
    history = arrays["history"]
    assert history.shape == (9, len(names)) and np.isfinite(history).all()
    for line in lines:
        period = history[line["step"] - 3 : line["step"]]
        for name, mean in zip(names, period.mean(0), strict=True):
            assert line[name] == pytest.approx(mean, rel=1e-12)


def test_banks_are_apart_and_moving(digits_run):
    first, last = (saved_arrays(digits_run[0], step) for step in (3, 9))
    for name in ("state/0/0", "state/1/0"):
        assert last[name].shape == (1000, 8, 8, 1)
        assert not np.array_equal(first[name], last[name])
    images = [image.tobytes() for r in (0, 1) for image in last[f"state/{r}/0"]]
    assert len(set(images)) == 2000
    assert last["state/0/3"] == last["state/1/3"] == 9


def test_weight_files_are_raw_and_averaged(digits_run):
    raw, average = (
        weights(digits_run[0] / "weights" / f"{role}_00000009.weights.h5")
        for role in ("energy", "energy_average")
    )
    assert raw.keys() == average.keys()
    moved = [name for name in raw if not np.array_equal(raw[name], average[name])]
    assert len(moved) == len(raw)


def test_the_animation_goes_from_start_to_sample(digits_run):
    with Image.open(digits_run[0] / "images" / "chains.gif") as picture:
        assert picture.n_frames == 1 + tiny().samples.num_steps  # pyright: ignore


CHAINS = {
    "data": {"chains": Transient(start="data", num_steps=2)},
    "data_persistent": {
        "chains": Persistent(
            start="data", bank_size=40, num_steps=2, burn_in=1, hygiene=Hygiene()
        )
    },
    "coop": {
        "chains": Transient(start="generator", num_steps=2),
        "generator": GeneratorNetwork(width=4, latent_size=5, batch_norm_training=True),
        "generator_optimizer": Optimizer(),
        "compute_dtype": "bfloat16",
    },
}


@pytest.fixture(
    scope="module", params=[slow("data"), slow("data_persistent"), slow("coop")]
)
def learned(request, tmp_path_factory) -> tuple[EbmTraining, pathlib.Path, dict]:
    config = dataclasses.replace(tiny(num_updates=3), **CHAINS[request.param])
    return config, *learn_here(config, tmp_path_factory.mktemp(request.param))


def assert_own_statistics(settings: GeneratorNetwork, folder: pathlib.Path) -> None:
    """The averaged generator has moments of its own first features."""
    model = build(settings, 8, 1, "float32")
    model.load_weights(find(str(folder)).file("generator", kind="averaged"))
    dense, norm = (model.get_layer(name) for name in ("latent_dense", "block2_bn_1"))
    kernel, bias = (np.reshape(w, [-1, 4, 16]) for w in dense.get_weights())
    # Latents are standard normals, so moments over them are sums over the kernel.
    mean, power = bias.mean((0, 2)), (bias**2).mean((0, 2))
    power += (kernel**2).sum(0).mean(-1)
    np.testing.assert_allclose(norm.moving_mean, mean, atol=0.2)
    np.testing.assert_allclose(norm.moving_variance, power - mean**2, rtol=0.3)


def test_chains_of_every_start_learn(learned):
    config, folder, results = learned
    assert np.isfinite(results["frechet_pixels"])
    first, last = saved_arrays(folder, 0), saved_arrays(folder, 3)
    roles = ["energy", *(["generator"] if config.generator_optimizer else [])]
    for role in roles:
        assert not np.array_equal(first[f"{role}/0"], last[f"{role}/0"])
        assert (folder / "weights" / f"{role}_average_00000003.weights.h5").exists()
    if config.generator is not None:
        assert_own_statistics(config.generator, folder)
    bank = 20 if isinstance(config.chains, Persistent) else 0
    assert len(last["state/0/0"]) == len(last["state/1/0"]) == bank
    if config.generator is None:
        return
    # Its generator makes the data of another run, with nothing to measure against.
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, name="generator"),
        generator=dataclasses.replace(config.generator, weights=str(folder)),
        generator_optimizer=None,
        num_updates=1,
    )
    other, results = learn_here(config, folder)
    assert results["frechet_pixels"] is None
    assert not (other / "images" / "data.png").exists()
    arrays = saved_arrays(other)
    assert "generator/0" in arrays, "its file may be gone when the run goes on"
    assert not any(name.startswith("generator_optimizer/") for name in arrays)
