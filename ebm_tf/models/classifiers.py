"""Networks that classify images, by family in the modules that are imported here.

All map images [B,H,W,C] in [-1,1] to float32 logits [B,num_classes]; the input of their
last layer with weights is the mean of the features over space, of a `small_cnn` and an
`sngan` with `pooling` "none" all of them. Batch normalisation has the constants of
PyTorch, is synchronised over replicas and obeys the `training` of the call. With `norm`
"frozen" its statistics stay as they began or were loaded, with "none" there is none;
both compute each image by itself. With `dropout` they need a
`models.dropout.dropout_key` in training mode. With `energy_head` they have one more
output, of which `models.ebm.marginal_energy` makes the energy; see `ClassLogits`. With
`dtype` "bfloat16" the blocks compute in it. `pixel_range` maps the images first; the
usual one, "-1..1", leaves that to what was published. A ConfigError says which
`image_size`, `depth`, `activation`, `pixel_range` or `dtype` is not supported.
"""

from ebm_tf.models.classifier_layers import ClassLogits
from ebm_tf.models.mlp import mlp
from ebm_tf.models.resnets import preact_resnet, resnet
from ebm_tf.models.small_classifiers import small_cnn, sngan
from ebm_tf.models.wide_resnets import dm_wrn, robustbench_wrn, wide_resnet

__all__ = [
    "ClassLogits",
    "dm_wrn",
    "mlp",
    "preact_resnet",
    "resnet",
    "robustbench_wrn",
    "small_cnn",
    "sngan",
    "wide_resnet",
]
