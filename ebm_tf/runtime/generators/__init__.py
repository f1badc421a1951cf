"""A run that learns a generator."""
