"""Rounding to the numbers that a quantized tensor could hold, in floating point, so that training sees the error (Jacob et al., 2018)."""

from .language import FLOAT8, FLOATING, REALS, WIDE_UNSIGNED, composite, decomposed


@decomposed(
    "fake_quantize_per_tensor_affine_cachemask(Tensor self, float scale, int zero_point, int quant_min, int quant_max) -> (Tensor output, Tensor mask)",
    kinds=REALS, python="", grad={"self": "fake_quantize_per_tensor_affine_cachemask_backward(grad, mask)"}, jvp={"output": "self_t * mask"},
    constant=(1,))
def fake_quantize_per_tensor_affine_cachemask(self, scale, zero_point, quant_min, quant_max):
    """fake_quantize_per_tensor_affine, and which elements were within the range."""
    if quant_min > quant_max:
        raise RuntimeError("`quant_min` should be less than or         equal to `quant_max`.")
    if zero_point < quant_min or zero_point > quant_max:
        raise RuntimeError("`zero_point` must be between `quant_min` and `quant_max`.")
    scales = full([], scale, dtype=torch.float32, device=self.device)
    zeros = full([], zero_point, dtype=torch.int32, device=self.device)
    return _fake_quantize_per_tensor_affine_cachemask_tensor_qparams(self, scales, zeros, ones([1]), quant_min, quant_max)


@composite("fake_quantize_per_tensor_affine_cachemask_backward(Tensor grad, Tensor mask) -> Tensor", kinds="busfc", without=(*WIDE_UNSIGNED, *FLOAT8,), python="")
def fake_quantize_per_tensor_affine_cachemask_backward(grad, mask):
    """The gradient where the elements were within the range."""
    return grad * mask


@composite("fake_quantize_per_tensor_affine(Tensor self, float scale, int zero_point, int quant_min, int quant_max) -> Tensor", kinds=REALS, python="function")
def fake_quantize_per_tensor_affine(self, scale, zero_point, quant_min, quant_max):
    """Elements rounded to multiples of scale: (clamp(round(x / scale) + zero_point, quant_min, quant_max) - zero_point) * scale.

    The gradient passes where the clamp does not act.

    >>> torch.fake_quantize_per_tensor_affine(torch.tensor([0.14, 9.0]), 0.1, 0, 0, 15)
    tensor([0.1000, 1.5000])
    """
    output, _ = fake_quantize_per_tensor_affine_cachemask(self, scale, zero_point, quant_min, quant_max)
    return output


@decomposed(
    "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams(Tensor self, Tensor scale, Tensor zero_point, Tensor fake_quant_enabled, int quant_min, "
    "int quant_max) -> (Tensor output, Tensor mask)",
    python="", grad={"self": "fake_quantize_per_tensor_affine_cachemask_backward(grad, mask)"},
    jvp={"output": "self_t * mask"}, constant=(1,))
def _fake_quantize_per_tensor_affine_cachemask_tensor_qparams(self, scale, zero_point, fake_quant_enabled, quant_min, quant_max):
    """fake_quantize_per_tensor_affine with scale and zero point in tensors, and with a switch."""
    if quant_min > quant_max:
        raise RuntimeError("`quant_min` should be less than or         equal to `quant_max`.")
    if fake_quant_enabled.item() == 0:
        return self.clone(), ones_like(self, dtype=torch.bool)
    code = round(self * (1.0 / scale)) + zero_point
    code = where(isnan(code), quant_min - 1.0, code)    # NaN counts as below the range
    output = (clamp(code, quant_min, quant_max) - zero_point) * scale
    return output.to(self.dtype), logical_and(code >= quant_min, code <= quant_max)


@composite("fake_quantize_per_tensor_affine.tensor_qparams(Tensor self, Tensor scale, Tensor zero_point, int quant_min, int quant_max) -> Tensor",
           kinds=FLOATING, without=FLOAT8, python="function")
def fake_quantize_per_tensor_affine_tensor_qparams(self, scale, zero_point, quant_min, quant_max):
    """fake_quantize_per_tensor_affine with scale and zero point in tensors."""
    enabled = ones([1], dtype=torch.int64, device=self.device)
    output, _ = _fake_quantize_per_tensor_affine_cachemask_tensor_qparams(self, scale, zero_point, enabled, quant_min, quant_max)
    return output


@decomposed(
    "fake_quantize_per_channel_affine_cachemask(Tensor self, Tensor scale, Tensor zero_point, int axis, int quant_min, int quant_max) -> "
    "(Tensor output, Tensor mask)",
    kinds=FLOATING, without=FLOAT8, python="", grad={"self": "fake_quantize_per_channel_affine_cachemask_backward(grad, mask)"},
    jvp={"output": "self_t * mask"}, constant=(1,))
def fake_quantize_per_channel_affine_cachemask(self, scale, zero_point, axis, quant_min, quant_max):
    """fake_quantize_per_channel_affine, and which elements were within the range."""
    if zero_point.dtype != torch.int32 and not zero_point.is_floating_point():
        raise RuntimeError("Zero-point must be Int32, Float or Half, found ", zero_point.dtype)
    if quant_min > quant_max:
        raise RuntimeError("`quant_min` should be less than or         equal to `quant_max`.")
    if scale.dim() != 1 or zero_point.dim() != 1 or scale.size(0) != zero_point.size(0):
        raise RuntimeError("scale and zero-point need to have the same dimensions, and be vectors")
    if scale.size(0) != self.size(axis):
        raise RuntimeError("dimensions of scale and zero-point are not consistent with input tensor")
    if not zero_point.is_floating_point():
        if bool((logical_or(zero_point < quant_min, zero_point > quant_max)).any().item()):
            raise RuntimeError("`zero_point` must be between `quant_min` and `quant_max`.")
    shape = []
    for i in range(self.dim()):
        shape.append(1)
    shape[axis] = self.size(axis)
    return _fake_quantize_per_tensor_affine_cachemask_tensor_qparams(self, scale.view(shape), zero_point.view(shape), ones([1]), quant_min, quant_max)


@composite("fake_quantize_per_channel_affine_cachemask_backward(Tensor grad, Tensor mask) -> Tensor", kinds="busfc", without=(*WIDE_UNSIGNED, *FLOAT8,), python="")
def fake_quantize_per_channel_affine_cachemask_backward(grad, mask):
    """The gradient where the elements were within the range."""
    return grad * mask


@composite("fake_quantize_per_channel_affine(Tensor self, Tensor scale, Tensor zero_point, int axis, int quant_min, int quant_max) -> Tensor",
           kinds=FLOATING, without=FLOAT8, python="function")
def fake_quantize_per_channel_affine(self, scale, zero_point, axis, quant_min, quant_max):
    """fake_quantize_per_tensor_affine with a scale and a zero point for each index of a dimension.

    >>> torch.fake_quantize_per_channel_affine(torch.tensor([[0.1, 1.26]]), torch.tensor([0.5]), torch.tensor([0.]), 0, 0, 255)
    tensor([[0.0000, 1.5000]])
    """
    output, _ = fake_quantize_per_channel_affine_cachemask(self, scale, zero_point, axis, quant_min, quant_max)
    return output
