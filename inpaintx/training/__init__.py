"""Training: a folder of pictures becomes networks."""

from inpaintx.training.logs import LOG_NAME, Report, is_log
from inpaintx.training.request import TrainRequest, begin
from inpaintx.training.run import train
from inpaintx.training.team import Team, joining
from inpaintx.training.trainer import Trainer

__all__ = ["LOG_NAME", "Report", "Team", "TrainRequest", "Trainer", "begin", "is_log", "joining", "train"]
