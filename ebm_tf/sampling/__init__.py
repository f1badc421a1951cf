"""Langevin chains: where they start, how they move and where they live."""
