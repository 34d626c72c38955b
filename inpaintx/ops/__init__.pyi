from .face import context_loss as context_loss
from .face import context_weight as context_weight
from .face import gate_ as gate_
from .face import image_down_ as image_down_
from .face import image_up as image_up
from .face import latent_step_ as latent_step_
