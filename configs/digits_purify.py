"""Washes attacks and noise out of images of handwritten digits (8x8) by an energy.

python3 ebm_tf/purify.py configs/digits_purify.py --set images=FOLDER

The energy is the released one of configs/digits_medconv.py; `--set weights=SOURCE`
takes any other run or release with an energy, whatever its images. The purified images
come under their names into the folder `png` of the run. Expected: 360 digits in 10
seconds on two cores.
"""

from ebm_tf.config.folders import ImagePurification

config = ImagePurification(
    name="digits_purify", weights="release:digits_medconv", num_steps=100
)
