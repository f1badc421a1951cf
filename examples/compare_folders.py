"""Measures how alike two folders of images are: Fréchet distance, precision, recall.

python3 examples/compare_folders.py
"""

from sklearn.datasets import load_digits

import ebm_tf

digits, _ = load_digits(return_X_y=True)
images = digits.reshape(-1, 8, 8) / 16
ebm_tf.save_images("folders/half", images[:900], pixel_range="0..1")
ebm_tf.save_images("folders/other_half", images[900:], pixel_range="0..1")
ebm_tf.save_images("folders/dark", images[900:] / 2, pixel_range="0..1")

# FID and KID are made by features="inception_2015", weights="GRAPH"; of images that are
# no photographs, a classifier of their kind says more. Results say which was used.
how = {"features": "classifier", "weights": "release:digits_clean"}
for folder in ("other_half", "dark"):
    found = ebm_tf.evaluate(f"folders/{folder}", "folders/half", **how)
    print(
        f"{folder}: distance {found['frechet_classifier']:.2f}, "
        f"precision {found['precision']:.2f}, recall {found['recall']:.2f}"
    )
