"""Pooling modules."""

from .. import functional as F
from .._tuples import tuple_of
from .module import Module

__all__ = [f"{kind}{n}d" for kind in ("MaxPool", "MaxUnpool", "AvgPool", "LPPool", "AdaptiveMaxPool", "AdaptiveAvgPool")
           for n in (1, 2, 3)] + ["FractionalMaxPool2d", "FractionalMaxPool3d"]


class _Pool(Module):
    """A pooling function of `spatial` dimensions with its arguments."""

    _spatial = 0
    _function = None

    def __init_subclass__(cls, spatial=0, function=None):
        super().__init_subclass__()
        if spatial:
            cls._spatial, cls._function = spatial, staticmethod(function)


class _MaxPoolNd(_Pool):
    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False):
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input):
        """Pool (N, C, *) or (C, *) input; with `return_indices` also where each maximum was."""
        return self._function(input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
                              self.return_indices)

    def extra_repr(self):
        return (f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
                f"dilation={self.dilation}, ceil_mode={self.ceil_mode}")


class MaxPool1d(_MaxPoolNd, spatial=1, function=F.max_pool1d):
    """Maximum over windows of (N, C, L)."""


class MaxPool2d(_MaxPoolNd, spatial=2, function=F.max_pool2d):
    """Maximum over windows of (N, C, H, W)."""


class MaxPool3d(_MaxPoolNd, spatial=3, function=F.max_pool3d):
    """Maximum over windows of (N, C, D, H, W)."""


class _MaxUnpoolNd(_Pool):
    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        parse = tuple_of(self._spatial)
        self.kernel_size, self.padding = parse(kernel_size), parse(padding)
        self.stride = parse(kernel_size if stride is None else stride)

    def forward(self, input, indices, output_size=None):
        """Put each value at its index in zeros of `output_size`."""
        return self._function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd, spatial=1, function=F.max_unpool1d):
    """Partial inverse of MaxPool1d."""


class MaxUnpool2d(_MaxUnpoolNd, spatial=2, function=F.max_unpool2d):
    """Partial inverse of MaxPool2d."""


class MaxUnpool3d(_MaxUnpoolNd, spatial=3, function=F.max_unpool3d):
    """Partial inverse of MaxPool3d."""


class AvgPool1d(_Pool, spatial=1, function=F.avg_pool1d):
    """Mean over windows of (N, C, L)."""

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        super().__init__()
        parse = tuple_of(1)
        self.kernel_size, self.padding = parse(kernel_size), parse(padding)
        self.stride = parse(kernel_size if stride is None else stride)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input):
        """Pool (N, C, L) or (C, L) input."""
        return self._function(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPoolNd(_Pool):
    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, input):
        """Pool (N, C, *) or (C, *) input."""
        return self._function(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
                              self.divisor_override)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPoolNd, spatial=2, function=F.avg_pool2d):
    """Mean over windows of (N, C, H, W)."""


class AvgPool3d(_AvgPoolNd, spatial=3, function=F.avg_pool3d):
    """Mean over windows of (N, C, D, H, W)."""


class _FractionalMaxPoolNd(_Pool):
    def __init__(self, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
        super().__init__()
        parse, name = tuple_of(self._spatial), type(self).__name__
        if (isinstance(kernel_size, int) and kernel_size <= 0) or (
                isinstance(kernel_size, (tuple, list)) and not all(k > 0 for k in kernel_size)):
            raise ValueError(f"kernel_size must greater than zero, but got {kernel_size}")
        self.kernel_size = parse(kernel_size)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else parse(output_size)
        self.output_ratio = None if output_ratio is None else parse(output_ratio)
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError(f"only one of output_size and output_ratio may be specified by {name}")
        if self.output_ratio is not None and not all(0 < ratio < 1 for ratio in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input):
        """Pool over windows at random positions."""
        return self._function(input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
                              _random_samples=self._random_samples)


class FractionalMaxPool2d(_FractionalMaxPoolNd, spatial=2, function=F.fractional_max_pool2d):
    """Maximum over randomly placed windows; Graham 2014. Give `output_size` or `output_ratio`."""


class FractionalMaxPool3d(_FractionalMaxPoolNd, spatial=3, function=F.fractional_max_pool3d):
    """Maximum over randomly placed windows; Graham 2014. Give `output_size` or `output_ratio`."""


class _LPPoolNd(_Pool):
    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False):
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input):
        """Pool (N, C, *) input."""
        return self._function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self):
        return (f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
                f"ceil_mode={self.ceil_mode}")


class LPPool1d(_LPPoolNd, spatial=1, function=F.lp_pool1d):
    """p-norm over windows of (N, C, L)."""


class LPPool2d(_LPPoolNd, spatial=2, function=F.lp_pool2d):
    """p-norm over windows of (N, C, H, W)."""


class LPPool3d(_LPPoolNd, spatial=3, function=F.lp_pool3d):
    """p-norm over windows of (N, C, D, H, W)."""


class _AdaptivePool(_Pool):
    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, input):
        """Pool to `output_size`."""
        return self._function(input, self.output_size)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptivePool, spatial=1, function=F.adaptive_avg_pool1d):
    """Mean over windows chosen to give `output_size`."""


class AdaptiveAvgPool2d(_AdaptivePool, spatial=2, function=F.adaptive_avg_pool2d):
    """Mean over windows chosen to give `output_size`."""


class AdaptiveAvgPool3d(_AdaptivePool, spatial=3, function=F.adaptive_avg_pool3d):
    """Mean over windows chosen to give `output_size`."""


class _AdaptiveMaxPoolNd(_AdaptivePool):
    def __init__(self, output_size, return_indices=False):
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input):
        """Pool to `output_size`; with `return_indices` also where each maximum was."""
        return self._function(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd, spatial=1, function=F.adaptive_max_pool1d):
    """Maximum over windows chosen to give `output_size`."""


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd, spatial=2, function=F.adaptive_max_pool2d):
    """Maximum over windows chosen to give `output_size`."""


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd, spatial=3, function=F.adaptive_max_pool3d):
    """Maximum over windows chosen to give `output_size`."""
