from .completer import Completed as Completed
from .completer import Completer as Completer
