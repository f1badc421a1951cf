"""Devices, files, folders, progress, plots, the loop and the command line."""
