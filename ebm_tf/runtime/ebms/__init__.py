"""A run that learns an energy, and its chains."""
