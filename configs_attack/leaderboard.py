"""Ranks classifiers that were attacked, in a table and a figure.

python3 ebm_tf/compare.py configs_attack/leaderboard.py --set "runs=('RUN', 'RUN')"

Each RUN is the folder that a finished run of attack.py on a classifier left, such as
those of configs_attack/digits_classifier.py. Expected: seconds.
"""

from ebm_tf.config.comparison import Leaderboard

config = Leaderboard(name="leaderboard")
