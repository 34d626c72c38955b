"""Detection: which pixels of a picture are damaged, as a mask to look at before anything is filled.

Without a model from morphology alone, which loads no torch; with one, what the model can't explain. Loads
what it needs when a name is asked for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
