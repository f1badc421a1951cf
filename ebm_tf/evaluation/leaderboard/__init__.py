"""Robust classifiers beside each other: a summary of each, a table, a figure."""
