"""A run that attacks a classifier, alone or behind an energy."""
