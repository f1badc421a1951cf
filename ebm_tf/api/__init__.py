"""What scripts call: NumPy arrays in and out, by the parts that executables compose.

`import ebm_tf` offers all of it (`ebm_tf/__init__.py`).
"""
