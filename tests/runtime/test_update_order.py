"""A forward pass must not see the update that it leads to."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.eager import context

from ebm_tf.learning.ebm import contrastive_update
from ebm_tf.models.blocks import pooled_energy
from ebm_tf.runtime.distribution import Replicas, make_replicas, replicated
from tests.learning.small_networks import SEED, descending

BATCH = tf.random.stateless_normal([4, 8, 8, 1], SEED)


def pooled() -> keras.Model:
    """An energy that ends as this project's do."""
    images = keras.Input((8, 8, 1))
    features = keras.layers.Conv2D(4, 3)(images)
    return keras.Model(images, pooled_energy(features))


def graphs(strategy: tf.distribute.Strategy) -> list[tuple]:
    """The step's graphs, before and after TensorFlow optimised them.

    No gradient needs what the last layer returns, so only edges that carry no data
    keep that layer's forward passes before its update.
    """
    with strategy.scope():
        network = descending(pooled)

    def step(state, batch, seed):
        samples = batch + tf.random.stateless_normal(batch.shape, seed)
        return state, contrastive_update(network, batch, samples, 1.0), samples

    compiled = replicated(Replicas(strategy, jit=False), step)
    collector: Any = context.context()
    collector.enable_graph_collection()
    try:
        compiled(tf.zeros([]), BATCH, SEED)
        collected = collector.export_run_metadata().function_graphs
    finally:
        collector.disable_graph_collection()
    return [(g.pre_optimization_graph, g.post_optimization_graph) for g in collected]


def reads_before_writes(graph) -> set[tuple[str, str]]:
    """(reading, update) of one weight where the update waits for the reading."""
    nodes = {node.name: node for node in graph.node}

    def sources(name: str) -> list[str]:
        return [text.lstrip("^").split(":")[0] for text in nodes[name].input]

    def all_before(name: str) -> set[str]:
        known, ahead = set(), [name]
        while ahead:
            new = set(sources(ahead.pop())) & nodes.keys() - known
            known |= new
            ahead += new
        return known

    pairs = set()
    for write in nodes.values():
        if not write.op.startswith("Assign"):
            continue
        pairs |= {
            (name, write.name)
            for name in all_before(write.name)
            if nodes[name].op == "ReadVariableOp"
            and nodes[name].input[0] == write.input[0]
        }
    return pairs


def test_every_update_waits_for_the_readings_before_it(one_replica):
    make_replicas("cpu")  # has told TensorFlow to leave the order alone
    traced, optimised = max(graphs(one_replica), key=lambda pair: len(pair[0].node))
    passes = [pair for pair in reads_before_writes(traced) if "/energy_" in pair[0]]
    assert len(passes) == 2, passes  # of the data, and of the samples
    assert reads_before_writes(traced) <= reads_before_writes(optimised)
