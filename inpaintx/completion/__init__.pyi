from .completed import Completed as Completed
from .completer import Completer as Completer
from .folder import complete_folder as complete_folder
from .plan import FolderRequest as FolderRequest
from .report import FolderReport as FolderReport
from .report import FolderResult as FolderResult
