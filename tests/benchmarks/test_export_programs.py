"""What JAX gets to time: XLA's own programs, that can be run again and again."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.compiler.xla.service import hlo_pb2

from benchmarks import export_programs
from tests.runs import tiny


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
def test_a_learning_step_is_that_of_one_replica():
    config = tiny(num_updates=3)
    step, arguments = export_programs.learning_step(config)
    module = parsed(export_programs.program_of(step, *arguments))
    leaves = [x for x in tf.nest.flatten(arguments) if np.size(x)]
    # Weights and their averages, and two moments of each, follow.
    assert num_parameters(module) > len(leaves) + 4 * 16
