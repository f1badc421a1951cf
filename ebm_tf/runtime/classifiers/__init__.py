"""A run that learns a classifier."""
