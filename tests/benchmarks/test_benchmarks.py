import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import all as all_benchmarks
from benchmarks.langevin_tensorflow import multiplications, plain_energy
from benchmarks.operations import is_product
from benchmarks.operations_tensorflow import own_times
from benchmarks.workers import Worker, in_turns, medians
from ebm_tf.config.parts import Network
from ebm_tf.errors import ConfigError
from ebm_tf.models.catalogue import build
from ebm_tf.models.sngan import ENERGY_LAYOUTS

ROOT = Path(__file__).resolve().parents[2]
TINY = "--image_size 8 --width 4 --batch 2 --steps 2 --matmul_size 32 --rounds 1"
NUMBERS = {
    "project_float32",
    "plain_tensorflow_float32",
    "plain_onednn_float32",
    "matmul_float32",
    "folded_gflop_per_step",
    "executed_gflop_per_step",
}
HAS_PYTORCH = importlib.util.find_spec("torch") is not None


def run(name: str, arguments: str) -> subprocess.CompletedProcess:
    script = str(ROOT / "benchmarks" / f"{name}.py")
    command = [sys.executable, script, *arguments.split()]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_learning_step_is_measured():
    sizes = "--width 4 --batch 4 --bank_size 40 --num_steps 2 --rounds 1"
    done = run("learning_step", f"configs/digits_medconv.py {sizes} --json")
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    for key in ("step_ms", "langevin_ms", "bank_bytes", "peak_bytes"):
        assert math.isfinite(results[key]) and results[key] > 0, key
    assert math.isfinite(results["outside_share"])
    assert math.isfinite(results["banks_held"])


@pytest.mark.slow
def test_all_benchmarks_go_to_one_file_and_are_compared(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(all_benchmarks, "SIZES", {"langevin": TINY})
    path = str(tmp_path / "now.json")
    words = ["all.py", "--only", "langevin", "--cpu", "avx2", "--json", path]
    monkeypatch.setattr(sys, "argv", words)
    assert all_benchmarks.main() == 0
    stored = json.loads(Path(path).read_text())
    assert stored["machine"]["measured_as"] == "avx2"
    found = stored["benchmarks"]["langevin"]
    for key in NUMBERS:
        assert math.isfinite(found[key]) and found[key] > 0, key
    assert found["project_bfloat16"] is None
    assert (found["pytorch_float32"] is not None) == HAS_PYTORCH
    ratio, time = "langevin.float32_over_plain_onednn_float32", "langevin.batch"
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    names = [row[0] for row in rows]
    assert names.index(ratio) < names.index(time), "ratios come first"

    stored["benchmarks"]["langevin"]["batch"] = 4
    rows = {
        row[0]: row[1:]
        for row in map(str.split, all_benchmarks.lines(found_as(2), stored))
    }
    assert rows["langevin.batch"] == ["2", "4", "-50.0%"]
    assert rows["before"][0] == "on", "the machines differ"


def found_as(batch: int) -> dict:
    return {"machine": {}, "benchmarks": {"langevin": {"batch": batch, "cpu": "avx2"}}}


@pytest.mark.parametrize("content", [None, "no json"])
def test_an_earlier_file_that_cannot_be_read_is_told_at_once(
    content, tmp_path, monkeypatch, capsys
):
    path = tmp_path / "before.json"
    if content:
        path.write_text(content)
    monkeypatch.setattr(sys, "argv", ["all.py", "--against", str(path)])
    assert all_benchmarks.main() == 2
    assert str(path) in capsys.readouterr().err


@pytest.mark.slow
def test_watches_the_memory_of_measuring():
    sizes = "--num_images 20 130 --image_size 4 --num_reference 30 --num_steps 3"
    done = run("fid", f"{sizes} --chains 2 --width 4 --dimensions 6 --rounds 1 --json")
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    by_images, by_steps = results["by_num_images"], results["by_num_steps"]
    assert [row["num_images"] for row in by_images] == [20, 130]
    assert [row["num_steps"] for row in by_steps] == [3]
    for row in by_images + by_steps:
        assert 0 < row["peak_bytes_before"] <= row["peak_bytes"] < 2**40
        assert 0 < row["seconds"] < math.inf
    assert 0 < results["frechet_seconds"] < math.inf
    assert 0 < results["frechet_rank_deficient_seconds"] < math.inf


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not count it")
def test_peak_memory_is_that_of_the_process_alone():
    """A process that a large one began does not start at the peak of that one."""
    large = np.ones(2**26)  # half a gibibyte
    program = "from benchmarks.workers import peak_bytes; print(peak_bytes())"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert 2**20 < int(done.stdout) < large.nbytes


@pytest.mark.parametrize(
    ("arguments", "named"),
    [("no_such.py", "no_such.py"), ("--batch 8 --bank_size 4", "bank_size=4")],
)
def test_names_what_cannot_be_measured(arguments, named):
    done = run("learning_step", arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert named in done.stderr and not done.stdout


def test_workers_take_turns_and_pass_on_mistakes():
    with Worker("tests.benchmarks.counting", 3) as three:
        with Worker("tests.benchmarks.counting", 5, {"PARTS": "2"}) as five:
            answers = in_turns({"sum": three, "half": five}, rounds=3)
            assert answers == {"sum": [6, 9, 12], "half": [5.0, 7.5, 10.0]}
            assert medians(answers) == {"sum": 9, "half": 7.5}
            with pytest.raises(ConfigError, match="Expected less"):
                five.ask("mistake")
        with pytest.raises(RuntimeError, match="process for bug failed"):
            three.ask("bug")


@pytest.mark.parametrize("image_size", [8, 32, 64])
def test_plain_energy_is_the_energy(image_size):
    model = build(Network(width=3), image_size, 3, "float32")
    plain = plain_energy(image_size, 3)
    plain.set_weights(model.get_weights())
    images = tf.random.stateless_normal([2, image_size, image_size, 3], [1, 2])
    np.testing.assert_allclose(plain(images), model(images), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("image_size", [8, 32, 64])
def test_pytorch_energy_is_the_energy(image_size):
    torch = pytest.importorskip("torch")
    from benchmarks.langevin_pytorch import SnganEnergy

    model = build(Network(width=3), image_size, 3, "float32")
    layout = ENERGY_LAYOUTS[image_size]
    rival = SnganEnergy(3, layout.multiples, layout.num_pools)
    for parameter, weight in zip(rival.parameters(), model.get_weights(), strict=True):
        # Both frameworks order the same axes, each in its way.
        axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[weight.ndim]
        parameter.data = torch.tensor(weight.transpose(axes))
    images = np.random.default_rng(0).normal(size=[2, image_size, image_size, 3])
    energies = rival(torch.tensor(images.transpose(0, 3, 1, 2), dtype=torch.float32))
    np.testing.assert_allclose(
        energies.detach(), model(images.astype(np.float32)), rtol=1e-4, atol=1e-6
    )


def test_counts_multiplications():
    model = build(Network(width=3), 8, 3, "float32")
    pooled = 4 * 4 * 3 * 3
    flat = 8 * 8 * 9 * 3 * 3 + pooled + 16 * (9 * 3 * 6 + 3 * 9 * 6 * 6 + 3 * 6) + 6
    assert multiplications(model) == (flat + 16 * pooled, flat + 9 * pooled)


class Event(NamedTuple):
    """An event of TensorFlow's profiler, of which only these are read."""

    metadata_id: int
    offset_ps: int
    duration_ps: int


def test_operations_have_the_time_that_is_their_own():
    names = {1: "a:AddV2", 2: "b:_MklNativeConv2D", 3: "c:While", 4: "no operation"}
    events = [
        *(Event(4, 0, 100), Event(3, 0, 90)),  # around all, and no work of their own
        *(Event(1, 10, 50), Event(2, 20, 30)),  # the second inside the first
        Event(1, 70, 5),
    ]
    assert own_times(events, names) == {"AddV2": 25, "_MklNativeConv2D": 30}
    assert is_product("_MklNativeConv2D") and not is_product("AddV2")


@pytest.mark.slow
def test_operations_of_a_langevin_step_are_shown():
    done = run("operations", "langevin --rounds 1 --json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert 0.5 < found["product_share"]["langevin"] < 1
    assert min(found["milliseconds"]["langevin"].values()) >= 0
