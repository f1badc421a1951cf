"""Short-run EBM of one's own images at 32x32, from a folder, a zip or a tar.

python3 ebm_tf/train.py configs/folder_nonconv.py --set data.path=FOLDER

Expected: 0.7 seconds an update on two cores. It shows colours and coarse shapes; for
more use a GPU and the published values of cifar10_nonconv or celeb_a_nonconv with
`--set data.name=folder --set data.path=FOLDER`.
"""

import dataclasses

from configs.mnist_nonconv import config as mnist
from ebm_tf.config.parts import Data

config = dataclasses.replace(
    mnist, name="folder_nonconv", data=Data(name="folder", image_size=32, flip=True)
)
