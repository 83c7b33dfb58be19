"""Gradients of convolutions with respect to input and weight."""

import torch

from ._tuples import tuple_of

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]


def _gradient(spatial, which, grad_output, input, weight, stride, padding, dilation, groups):
    parse = tuple_of(spatial)
    return torch.ops.aten.convolution_backward(
        grad_output, input, weight, None, parse(stride), parse(padding), parse(dilation), False, [0] * spatial, groups,
        [which == 0, which == 1, False])[which]


def _input(spatial):
    def gradient(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
        input = grad_output.new_empty(1).expand(input_size)
        return _gradient(spatial, 0, grad_output, input, weight, stride, padding, dilation, groups)

    gradient.__name__ = f"conv{spatial}d_input"
    gradient.__doc__ = f"Gradient of conv{spatial}d with respect to its input of shape `input_size`."
    return gradient


def _weight(spatial):
    def gradient(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
        weight = grad_output.new_empty(1).expand(weight_size)
        return _gradient(spatial, 1, grad_output, input, weight, stride, padding, dilation, groups)

    gradient.__name__ = f"conv{spatial}d_weight"
    gradient.__doc__ = f"Gradient of conv{spatial}d with respect to its weight of shape `weight_size`."
    return gradient


conv1d_input, conv2d_input, conv3d_input = _input(1), _input(2), _input(3)
conv1d_weight, conv2d_weight, conv3d_weight = _weight(1), _weight(2), _weight(3)
