"""Sources of weights: runs, files, releases, conversion."""
