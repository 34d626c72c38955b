from .completion import Completed as Completed
from .errors import InpaintxError as InpaintxError
from .model import Model as Model
from .model import load as load
from .model import train as train
from .pictures import Picture as Picture

__version__: str
