"""Sweeps over all saved weights of the EBM that configs/digits_nonconv.py learns.

python3 ebm_tf/fid.py configs_fid/digits_sweep.py --set weights=RUN
"""

import dataclasses

from configs_fid.digits_shortrun import config as single
from ebm_tf.config.fid import Sweep

config = dataclasses.replace(single, name="digits_sweep", sweep=Sweep())
