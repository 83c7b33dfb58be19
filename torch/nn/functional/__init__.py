"""The functions behind the modules: everything that has no parameters of its own."""

from types import FunctionType

import torch

from .. import _reduction as _Reduction
from . import activation, attention, distance, grouped, loss, normalization, padding, pooling, regularization, scaled, sparse, vision
from .activation import *  # noqa: F403
from .attention import _canonical_mask, _in_projection_packed, _mha_shape_check, _none_or_dtype, multi_head_attention_forward, scaled_dot_product_attention
from .distance import cosine_similarity, pairwise_distance, pdist
from .grouped import grouped_mm
from .loss import *  # noqa: F403
from .normalization import batch_norm, group_norm, instance_norm, layer_norm, local_response_norm, normalize, rms_norm
from .padding import pad
from .pooling import *  # noqa: F403
from .regularization import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout
from .scaled import ScalingType, SwizzleType, scaled_grouped_mm, scaled_mm
from .sparse import embedding, embedding_bag, one_hot
from .vision import *  # noqa: F403

linear = torch._C._nn.linear
bilinear = torch.bilinear
conv1d, conv2d, conv3d, conv_tbc = torch.conv1d, torch.conv2d, torch.conv3d, torch.conv_tbc
conv_transpose1d, conv_transpose2d, conv_transpose3d = (
    torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)

# The functions are the public place's, whichever file defines them: pickles and __torch_function__ know them by it.
for _module in (activation, attention, distance, grouped, loss, normalization, padding, pooling, regularization, scaled, sparse, vision):
    for _name, _function in list(vars(_module).items()):
        if getattr(_function, "__module__", "") == _module.__name__:
            _function.__module__ = __name__
            if isinstance(_function, FunctionType) and not _name.startswith("_"):
                _function = torch._C._overridable(_function)
                setattr(_module, _name, _function)
                globals()[_name] = _function
del _module, _name, _function
