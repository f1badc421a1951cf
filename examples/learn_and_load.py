"""Learns an energy with a setting changed, and uses what was learned.

python3 examples/learn_and_load.py
"""

import ebm_tf

# Any config by its name or its file, with the settings that --set would change.
run = ebm_tf.run(
    "digits_nonconv",
    settings={"num_updates": 60, "energy.width": 8, "samples.num_samples": 100},
    output="runs",
)
print("Fréchet distance in pixels:", run.results["frechet_pixels"])

model = ebm_tf.load(run.folder)
images = model.generate(16, num_steps=50, seed=1)
print("drawn from", run.folder, images.shape)
