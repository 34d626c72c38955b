"""Training: a folder of pictures becomes networks."""

from inpaintx.training.run import LOG_NAME, Report, is_log, train
from inpaintx.training.trainer import Trainer

__all__ = ["LOG_NAME", "Report", "Trainer", "is_log", "train"]
