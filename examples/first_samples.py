"""Draws handwritten digits from a released energy and looks at their energies.

python3 examples/first_samples.py
"""

import numpy as np

import ebm_tf

model = ebm_tf.load("release:digits_nonconv", pixel_range="0..1")
images = model.generate(100, seed=0)  # float32 [100, 8, 8, 1], by Langevin chains
images = np.clip(images, 0, 1)  # chains may leave the range a little
ebm_tf.save_images("first_samples", images, pixel_range="0..1")

noise = np.random.default_rng(0).uniform(0, 1, images.shape)
print("mean energy of samples:", model.energy(images).mean())
print("mean energy of noise:  ", model.energy(noise).mean())
