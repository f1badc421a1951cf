"""Weights that come and go: what a source names, releases, conversion."""
