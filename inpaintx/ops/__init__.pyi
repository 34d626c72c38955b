from .face import context_loss as context_loss
from .face import context_weight as context_weight
from .face import keep_best_ as keep_best_
from .face import latent_step_ as latent_step_
from .layers import gate_ as gate_
from .layers import image_down_ as image_down_
from .layers import image_loss as image_loss
from .layers import image_up as image_up
