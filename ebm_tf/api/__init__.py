"""What scripts call: NumPy arrays in and out, by the parts that executables compose.

`import ebm_tf` offers all of it (`ebm_tf/__init__.py`).
"""

import logging

# Programs that are compiled anew at each call of a script, because what they are of is
# another function: TensorFlow warns of each, as of a mistake.
_COMPILED = ("over_rows.", "on_each.", "sampler.")


def _is_to_be_told(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    ours = any(f"<function {name}" in text for name in _COMPILED)
    return not (ours and "retracing" in text)


logging.getLogger("tensorflow").addFilter(_is_to_be_told)
