"""inpaintx: repairs damaged pictures with a DCGAN trained on your own collection.

    import inpaintx

    model = inpaintx.load("chars")
    completed = model.complete("letter.png", mask="random-patch")
    completed.save("completed.png")

Nothing heavy is imported here: ``import inpaintx`` loads no torch.
"""

import lazy_loader

from inpaintx.moved import forward

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]

forward()
