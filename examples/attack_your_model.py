"""Attacks a Keras model of your own: PGD first, then AutoAttack.

python3 examples/attack_your_model.py
"""

import keras
from sklearn.datasets import load_digits

import ebm_tf

digits, labels = load_digits(return_X_y=True)
images = digits.reshape(-1, 8, 8, 1) / 16  # in [0, 1], as the model takes them

keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        keras.layers.Conv2D(16, 3, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(images[:1437], labels[:1437], epochs=15, verbose=0)

# Lengths are in units of the images: 0.1 of a range that is 1 wide.
how = {"epsilon": 0.1, "pixel_range": "0..1", "outputs": "probabilities", "seed": 0}
few = slice(1437, 1537)
result = ebm_tf.pgd(model, images[few], labels[few], **how)
print("accuracy:          ", result.metrics["natural_accuracy"])
print("accuracy after PGD:", result.metrics["pgd_accuracy"])

budget = ebm_tf.AutoAttack(num_steps=20, num_queries=200)  # the published one if None
result = ebm_tf.auto_attack(model, images[few], labels[few], settings=budget, **how)
print("after AutoAttack:  ", result.metrics["robust_accuracy"])
for warning in result.metrics["warnings"]:
    print("not to be believed:", warning)
