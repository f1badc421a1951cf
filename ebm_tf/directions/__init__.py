"""From an image to the nearest one of another class, and how gradients go with it."""
