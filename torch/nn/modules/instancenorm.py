"""Instance normalisation modules."""

import warnings

from .. import functional as F
from .batchnorm import _LazyNormMixin, _NormBase

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d",
           "LazyInstanceNorm3d"]


class _InstanceNorm(_NormBase):
    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=False, track_running_stats=False, device=None,
                 dtype=None, *, bias=True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input):
        """Normalise every channel of every sample."""
        self._check_input_dim(input)
        unbatched = self._allowed_dims[0]
        channels = input.dim() - unbatched
        if input.size(channels) != self.num_features:
            message = (f"expected input's size at dim={channels} to match num_features ({self.num_features}), "
                       f"but got: {input.size(channels)}.")
            if self.affine:
                raise ValueError(message)
            warnings.warn(f"input's size at dim={channels} does not match num_features. You can silence this warning by "
                          "not passing in num_features, which is not used because affine=False", stacklevel=2)
        batched = input.unsqueeze(0) if input.dim() == unbatched else input
        result = F.instance_norm(batched, self.running_mean, self.running_var, self.weight, self.bias,
                                 self.training or not self.track_running_stats,
                                 self.momentum if self.momentum is not None else 0.0, self.eps)
        return result.squeeze(0) if input.dim() == unbatched else result


class InstanceNorm1d(_InstanceNorm, dims=(2, 3)):
    """Instance normalisation of (C, L) or (N, C, L); Ulyanov et al. 2016."""


class InstanceNorm2d(_InstanceNorm, dims=(3, 4)):
    """Instance normalisation of (C, H, W) or (N, C, H, W)."""


class InstanceNorm3d(_InstanceNorm, dims=(4, 5)):
    """Instance normalisation of (C, D, H, W) or (N, C, D, H, W)."""


class _LazyInstanceNorm(_LazyNormMixin):
    def initialize_parameters(self, input):
        """Give parameters and statistics their shapes."""
        self._check_input_dim(input)
        super().initialize_parameters(input if input.dim() != self._allowed_dims[0] else input.unsqueeze(0))


class LazyInstanceNorm1d(_LazyInstanceNorm, InstanceNorm1d):
    """An InstanceNorm1d whose `num_features` comes from its first input."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyInstanceNorm, InstanceNorm2d):
    """An InstanceNorm2d whose `num_features` comes from its first input."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyInstanceNorm, InstanceNorm3d):
    """An InstanceNorm3d whose `num_features` comes from its first input."""

    cls_to_become = InstanceNorm3d
