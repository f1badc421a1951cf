"""Weights of other programs as weights of this one."""
