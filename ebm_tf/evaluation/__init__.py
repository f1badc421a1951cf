"""Measurements of samples and models."""
