"""What corruptions do to a classifier and to its energies."""
