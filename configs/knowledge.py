"""What classifiers know, beside each other and over seeds: accuracy to energies.

python3 ebm_tf/compare.py configs/knowledge.py --set "runs=('RUN', 'RUN')"

Each RUN is the folder that a finished run of analyze.py left, or a sweep of such runs.
Expected: seconds.
"""

from ebm_tf.config.comparison import KnowledgeComparison

config = KnowledgeComparison(name="knowledge")
