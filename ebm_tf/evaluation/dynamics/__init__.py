"""Energies of the same images along the learning of classifiers."""
