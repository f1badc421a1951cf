"""FID, KID, Inception Score, precision and recall of two folders or npz files.

python3 ebm_tf/measure.py configs_fid/folders.py --set images=IMAGES \
    --set reference=REFERENCE --set weights=GRAPH

or, in short, `measure.py IMAGES REFERENCE --set weights=GRAPH`. GRAPH is
classify_image_graph_def.pb or its archive, by which published distances are made;
without it `--set features=pixels`, or `--set features=classifier --set weights=RUN`.
Results say which was used: only distances by the graph are called fid and kid.
Expected: seconds in pixels.
"""

from ebm_tf.config.sets import SetComparison

config = SetComparison(name="folders")
