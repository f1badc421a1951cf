r"""A classifier of CIFAR-10 on CIFAR-10-C: accuracy and E(x) by severity.

python3 ebm_tf/analyze.py configs/cifar10_corruptions.py \
    --set weights=RUN --set corruptions.folder=FOLDER

RUN is the folder that one of configs/cifar10_{clean,sat,trades,mart,weat_adv}.py left,
and FOLDER that of the unpacked archive of Hendrycks and Dietterich (2019), a file a
corruption and `labels.npy`; `--set "corruptions={'type': 'Corruptions'}"` measures
images that the program corrupts itself. Expected: 0.95 million images, minutes on one
GPU.
"""

from configs.cifar10_clean import config as learning
from ebm_tf.config.analysis import Analysis
from ebm_tf.config.corruption import CorruptedFolder

config = Analysis(
    name="cifar10_corruptions",
    data=learning.data,
    validation_split=learning.validation_split,
    test_split=learning.test_split,
    classifier=learning.classifier,
    noise=(0.0,),
    distal=None,
    corruptions=CorruptedFolder(folder="CIFAR-10-C"),
    batch=500,
)
