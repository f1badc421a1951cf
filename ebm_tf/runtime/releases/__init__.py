"""Learned models as files: packed with a card, fetched, checked, found by name."""
