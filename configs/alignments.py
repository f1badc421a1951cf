"""Alignments of classifiers beside their least radii, over seeds: a table, figures.

python3 ebm_tf/compare.py configs/alignments.py --set "runs=('RUN', 'RUN')"

Each RUN is the folder that a finished run of align.py left, or a sweep of such runs.
Expected: seconds.
"""

from ebm_tf.config.comparison import AlignmentComparison

config = AlignmentComparison(name="alignments")
