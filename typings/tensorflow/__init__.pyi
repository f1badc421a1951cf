# Pyright's own stubs of TensorFlow are years behind and reject correct programs, so
# everything in it is Any.
from typing import Any

def __getattr__(name: str) -> Any: ...
