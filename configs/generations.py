"""Images drawn from classifiers, beside each other and over seeds: distances, classes.

python3 ebm_tf/compare.py configs/generations.py --set "runs=('RUN', 'RUN')"

Each RUN is the folder that a finished run of generate.py left, or a sweep of such runs.
Expected: seconds.
"""

from ebm_tf.config.comparison import GenerationComparison

config = GenerationComparison(name="generations")
