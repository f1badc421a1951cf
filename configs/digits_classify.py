"""Gives the class, the probabilities and the energy of images of digits (8x8).

python3 ebm_tf/classify.py configs/digits_classify.py --set images=FOLDER

The classifier is the released one of configs/digits_weat_adv.py; `--set weights=SOURCE`
takes any other run or release, whatever its images; of an energy there are no classes.
The table comes into `classes.csv` of the run. Expected: seconds.
"""

from ebm_tf.config.folders import ImageClassification

config = ImageClassification(name="digits_classify", weights="release:digits_weat_adv")
