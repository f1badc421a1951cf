"""Gives classes of images, and finds those that are like nothing that was learned.

python3 examples/classify_images.py
"""

import numpy as np
from sklearn.datasets import load_digits

import ebm_tf

digits, labels = load_digits(return_X_y=True)
images, labels = digits[1437:].reshape(-1, 8, 8, 1) / 16, labels[1437:]  # held out
turned = images[:, :, ::-1]  # mirrored: no digits

model = ebm_tf.load("release:digits_jem", pixel_range="0..1")
probabilities = model.classify(images)  # p(y|x), float32 [n, 10]
print("accuracy:", (probabilities.argmax(1) == labels).mean())

# The same network has an energy E(x), which is low where images are likely.
usual, unusual = model.energy(images), model.energy(turned)
print("mean energy of digits and of mirrored ones:", usual.mean(), unusual.mean())
found = (unusual[:, None] > usual).mean()
print(f"a mirrored digit has the higher energy in {found:.0%} of pairs")
print("the least usual digits:", np.argsort(usual)[-3:])
