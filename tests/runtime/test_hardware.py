"""What a machine computes fast, by what it says of itself."""

import dataclasses
import json
import os
import subprocess
import sys
from unittest import mock

import pytest
import tensorflow as tf

from configs.digits_nonconv import config
from ebm_tf.config.kinds import to_json
from ebm_tf.runtime import cpu, hardware, resuming
from ebm_tf.runtime.command_line import parse
from tests.runs import DIGITS, ROOT, run_here
from tests.slow import first_fast

AUTO = dataclasses.replace(config, compute_dtype="auto")
HALF = dataclasses.replace(config, compute_dtype="bfloat16")


@pytest.fixture(params=["avx2", "avx512_vnni", "avx512_bf16", "amx_bf16", None])
def best(request, monkeypatch) -> str | None:
    monkeypatch.setattr(cpu, "instructions", lambda: request.param)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    return request.param


def test_cpus_without_instructions_for_bfloat16(best):
    native = best is not None and best.endswith("bf16")
    dtype = "bfloat16" if native else "float32"
    assert hardware.with_dtype(AUTO) == dataclasses.replace(AUTO, compute_dtype=dtype)
    assert hardware.with_dtype(config) is config and hardware.with_dtype(HALF) is HALF
    assert len(list(hardware.warnings(HALF))) == (0 if native else 1)
    assert not list(hardware.warnings(config))


@pytest.mark.parametrize("limit", ["AVX2", "avx512_core", "AVX2_VNNI", "ALL", ""])
def test_limits_of_onednn_count(limit, monkeypatch):
    monkeypatch.setattr(cpu, "instructions", lambda: "avx512_bf16")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert hardware.multiplies_bfloat16(config) == (limit in ("ALL", ""))


@pytest.mark.parametrize(("capability", "native"), [((7, 5), False), ((8, 0), True)])
def test_gpus_since_ampere(capability, native, monkeypatch):
    replicas = mock.Mock()
    replicas.strategy.extended.worker_devices = ("/device:GPU:0",)
    monkeypatch.setattr(hardware, "make_replicas", lambda *_: replicas)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a"])
    details = {"compute_capability": capability}
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda gpu: details
    )
    assert hardware.multiplies_bfloat16(config) == native


@pytest.mark.parametrize(("given", "chosen"), [("auto", "float32"), ("bfloat16", None)])
def test_a_dry_run_warns_and_says_what_is_on(given, chosen, monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    done = run_here(DIGITS, "--dry_run", "--set", f"compute_dtype={given}")
    found = dict(line.split(": ", 1) for line in done.out.splitlines() if ": " in line)
    facts = json.loads(found["hardware"])
    assert facts["onednn"]["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    assert facts["compute_dtype"] == (chosen or given)
    told = found.get("warning", "").startswith("this device has no instructions for")
    assert told == (chosen is None)


def test_a_run_goes_on_with_what_was_chosen(tmp_path):
    path = tmp_path / "auto.py"
    path.write_text(
        DIGITS.read_text().replace(
            "config = EbmTraining(", 'config = EbmTraining(\n    compute_dtype="auto",'
        )
    )
    saved = dataclasses.replace(config, compute_dtype="bfloat16")
    options = parse(["train.py", str(path), "--resume", "run"])
    (resumed,) = resuming.resumed("run", {"": saved}, options).values()
    assert to_json(resumed) == to_json(saved)


@pytest.mark.parametrize("given", first_fast(None, "0"))
def test_onednn_is_on_unless_the_user_says_otherwise(given):
    program = (
        "import os, ebm_tf; print(os.environ.get('TF_ENABLE_ONEDNN_OPTS'));"
        "from tensorflow.python.util import _pywrap_util_port as port;"
        "print(port.IsMklEnabled())"
    )
    env = {} if given is None else {"TF_ENABLE_ONEDNN_OPTS": given}
    rest = {k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=rest | env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == (["0", "False"] if given else ["1", "True"])
