"""Attacks on classifiers: pure functions of tensors."""
