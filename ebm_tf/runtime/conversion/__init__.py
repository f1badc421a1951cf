"""Weight files from elsewhere, read and written as ours."""
