"""The ops in plain PyTorch: signatures and results of the native ones, on any device and floating dtype.

A file an op, as in ``csrc/ops``. ``inpaintx.ops`` documents them and takes these where no native code serves;
tests hold the two together. 16-bit types are computed in float32, as the CUDA kernels do.
"""

from inpaintx.ops.reference.checks import code
from inpaintx.ops.reference.context_loss import NORMS, check_context_loss, context_loss
from inpaintx.ops.reference.context_weight import BORDERS, context_weight
from inpaintx.ops.reference.image_loss import check_image_loss, image_loss
from inpaintx.ops.reference.keep_best import check_keep_best, keep_best_
from inpaintx.ops.reference.latent_step import CLIPS, OPTIMIZERS, check_latent_step, clipped, latent_step_
from inpaintx.ops.reference.layers import (
    check_gate,
    check_image_down,
    check_image_layer,
    gate_,
    image_down_,
    image_up,
)
from inpaintx.ops.reference.philox import philox, random_words, symmetric_uniform

__all__ = [
    "BORDERS",
    "CLIPS",
    "NORMS",
    "OPTIMIZERS",
    "check_context_loss",
    "check_gate",
    "check_image_down",
    "check_image_layer",
    "check_image_loss",
    "check_keep_best",
    "check_latent_step",
    "clipped",
    "code",
    "context_loss",
    "context_weight",
    "gate_",
    "image_down_",
    "image_loss",
    "image_up",
    "keep_best_",
    "latent_step_",
    "philox",
    "random_words",
    "symmetric_uniform",
]
