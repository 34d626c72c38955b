"""The ops of the search: native code, and a reference in plain PyTorch beside it.

Loads torch only when an op is asked for, since :mod:`inpaintx.ops.solvers` does without.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
