"""Completion of pictures end to end: region, search, one fill of the candidates, blend; folders of them.

Loads torch only when a name is asked for that needs it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
