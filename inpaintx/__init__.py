"""inpaintx: repairs damaged pictures with a DCGAN trained on your own collection.

Nothing heavy is imported here: `import inpaintx` loads no torch.
"""

from inpaintx.errors import InpaintxError
from inpaintx.moved import forward

__version__ = "0.1.0"
__all__ = ["InpaintxError", "__version__"]

forward()
