"""Sweeps over all saved weights of the EBM that configs/mnist_nonconv.py learns.

python3 ebm_tf/fid.py configs_fid/mnist_sweep.py --data_dir DIR --set weights=RUN
"""

import dataclasses

from configs_fid.mnist_shortrun import config as single
from ebm_tf.config.fid import Sweep

config = dataclasses.replace(single, name="mnist_sweep", sweep=Sweep())
