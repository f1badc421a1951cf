"""Measures the short-run EBM of a folder that configs/folder_nonconv.py learns.

python3 ebm_tf/fid.py configs_fid/folder_shortrun.py --set data.path=FOLDER \
    --set weights=RUN

Distances are in pixels; `--set features.name=inception_2015` with its graph, as in
cifar10_shortrun.py, gives an FID.
"""

from configs.folder_nonconv import config as learning
from ebm_tf.config.fid import FeatureExtractor, measurement_of

config = measurement_of(
    learning,
    name="folder_shortrun",
    features=FeatureExtractor(name="pixels"),
    num_samples=1000,
    batch=100,
    num_steps=400,
)
