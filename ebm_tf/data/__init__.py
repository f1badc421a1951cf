"""Images for learning and for measurements."""
