"""Where the gradients of a classifier point, and how far away its errors are."""
