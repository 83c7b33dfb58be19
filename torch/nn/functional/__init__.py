"""The functions behind the modules: everything that has no parameters of its own."""

import torch

from . import activation, attention, distance, loss, normalization, pooling, regularization, sparse, vision
from .activation import *  # noqa: F403
from .attention import multi_head_attention_forward, scaled_dot_product_attention
from .distance import cosine_similarity, pairwise_distance, pdist
from .loss import *  # noqa: F403
from .normalization import batch_norm, group_norm, instance_norm, layer_norm, local_response_norm, normalize, rms_norm
from .padding import pad
from .pooling import *  # noqa: F403
from .regularization import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout
from .sparse import embedding, embedding_bag, one_hot
from .vision import *  # noqa: F403

linear = torch._C._nn.linear
bilinear = torch.bilinear
conv1d, conv2d, conv3d, conv_tbc = torch.conv1d, torch.conv2d, torch.conv3d, torch.conv_tbc
conv_transpose1d, conv_transpose2d, conv_transpose3d = (
    torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)

# Pickles name functions by module: they are the public place's, whichever file defines them.
for _module in (activation, attention, loss, normalization, pooling, regularization, sparse, vision):
    for _function in vars(_module).values():
        if getattr(_function, "__module__", "") == _module.__name__:
            _function.__module__ = __name__
pad.__module__ = __name__
del _module, _function
