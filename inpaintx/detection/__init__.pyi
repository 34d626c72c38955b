from .morphology import find_damage as find_damage
from .options import DetectOptions as DetectOptions
from .residual import ModelDetector as ModelDetector
