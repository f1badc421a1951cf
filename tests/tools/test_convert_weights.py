"""The command line of tools/convert_weights.py."""

import pathlib

import pytest

from ebm_tf.models import sngan
from tests.store.conversion import published
from tests.store.small_weights import weights_into
from tests.tools.here import run_here

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "convert_weights.py"


def test_a_checkpoint_becomes_weights(tmp_path):
    arrays = published.filled(published.sngan_energy(32, 2), seed=0)
    published.write_graph(str(tmp_path / "ebm.ckpt"), arrays)
    words = ["life_cycle_sngan_energy", "ebm.ckpt", "out", "--image_size=32"]
    done = run_here(TOOL, *words, "--set", "width=2", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    model = sngan.energy(32, 3, width=2)
    assert done.stdout.splitlines() == [
        "Converting ebm.ckpt",
        f"Wrote {model.count_params()} parameters: out/weights/energy.weights.h5",
        "To use them: --set energy.weights=out --set energy.width=2",
    ]
    weights_into(str(tmp_path / "out"), model, "energy")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mimicry_sngan", "a"], "expected python3 tools/convert_weights.py KIND"),
        (["sngan", "a", "out"], "Unknown kind 'sngan'"),
        (["mimicry_sngan", "a", "out", "--image_size=32"], "No weights at a: expected"),
        (["mimicry_sngan", "text", "out", "--image_size=32"], "text is none of npz"),
    ],
)
def test_mistakes_end_in_one_line_and_code_2(tmp_path, arguments, message):
    (tmp_path / "text").write_text("no weights")
    done = run_here(TOOL, *arguments, folder=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ") and message in line
    assert not (tmp_path / "out").exists()
