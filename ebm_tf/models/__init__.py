"""Keras networks: energies and generators."""
