"""Experiments as validated, immutable values; importable without TensorFlow."""
