"""What tells files apart."""

import hashlib


def sha256_of(path: str) -> str:
    """The SHA-256 of a local file, of which a piece is in memory at a time.

    Raises:
      OSError: if it cannot be read.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
