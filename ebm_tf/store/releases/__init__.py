"""Learned models as archives: packed, checked, listed, downloaded, installed."""
