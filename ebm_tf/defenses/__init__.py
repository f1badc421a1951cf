"""Defences of classifiers: what is done to images before they are classified."""
