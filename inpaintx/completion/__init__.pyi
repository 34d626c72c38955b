from .completed import Completed as Completed
from .completer import Completer as Completer
from .folder import FolderReport as FolderReport
from .folder import FolderResult as FolderResult
from .folder import complete_folder as complete_folder
from .plan import FolderRequest as FolderRequest
