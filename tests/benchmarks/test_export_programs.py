"""What JAX gets to time: XLA's own programs, that can be run again and again."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.compiler.xla.service import hlo_pb2

from benchmarks import export_programs
from ebm_tf.models.ebm import build_energy
from tests.runs import DIGITS, ROOT, tiny


def parsed(program: bytes) -> Any:
    proto: Any = hlo_pb2  # made at run time
    return proto.HloModuleProto.FromString(program)


def num_parameters(module: Any) -> int:
    return len(module.host_program_shape.parameters)


def test_variables_follow_the_arguments_and_come_back():
    variable = tf.Variable(np.ones([3], np.float32))

    def step(images):
        variable.assign_add(images)
        return tf.reduce_sum(variable)

    module = parsed(export_programs.program_of(step, tf.zeros([3])))
    assert num_parameters(module) == 2
    results = module.host_program_shape.result.tuple_shapes
    assert [list(shape.dimensions) for shape in results] == [[], [3]]
    assert not module.HasField("input_output_alias")
    opcodes = {i.opcode for c in module.computations for i in c.instructions}
    assert "add" in opcodes and "copy" not in opcodes
    np.testing.assert_array_equal(variable, 1.0)


@pytest.mark.slow
def test_a_learning_step_has_its_weights_as_parameters(tmp_path):
    """In a process of its own, which has one device."""
    script = ROOT / "benchmarks" / "export_programs.py"
    words = [script, tmp_path, "--configs", DIGITS, "--set", "data.split=train[:100]"]
    subprocess.run([sys.executable, *map(str, words)], check=True, capture_output=True)
    module = parsed((tmp_path / "digits_nonconv.pb").read_bytes())
    energy = build_energy(tiny().energy, 8, 1, "float32")
    # The weights, their averages and two moments of each.
    assert num_parameters(module) > 4 * len(energy.weights)
