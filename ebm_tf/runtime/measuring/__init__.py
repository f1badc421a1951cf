"""A run that samples a learned energy and measures the samples."""
