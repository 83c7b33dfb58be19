// Functions that gradient formulas call by name: shapes of gradients that are clumsy to say in the formula language.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "node.h"

namespace kindling::formulas {

// Gradient of a reduction, made to broadcast against its argument again: puts the reduced dimensions back as 1.
Tensor unsqueeze_reduced(const Tensor& grad, std::optional<IntList> dim, bool keepdim, int64_t ndim);
Tensor sum_backward(const Tensor& grad, IntList sizes, std::optional<IntList> dim, bool keepdim);
// Number of elements that a reduction over `dim` folds into one.
int64_t reduced_numel(IntList sizes, std::optional<IntList> dim);
// Of squeeze: puts the dimensions of size one back.
Tensor unsqueeze_to(const Tensor& grad, IntList sizes);
Tensor unsqueeze_to_dim(const Tensor& grad, int64_t dim, IntList sizes);
Tensor unsqueeze_to_dims(const Tensor& grad, IntList dims, IntList sizes);
// Of repeat: sums over the copies.
Tensor repeat_backward(const Tensor& grad, IntList repeats, IntList sizes);
// Of cat: the part of the gradient that belongs to each of the tensors.
std::vector<Tensor> cat_backward(const Tensor& grad, TensorList tensors, int64_t dim);
// Of split and unbind: the gradients of the parts, zeros where none arrived.
Tensor split_backward(TensorList grads, IntList part_sizes, int64_t dim, IntList sizes, DType dtype);
Tensor unbind_backward(TensorList grads, int64_t dim);
// Of as_strided: adds what each element of the view got to where it lies in the argument.
Tensor as_strided_backward(const Tensor& grad, IntList self_sizes, IntList self_strides, int64_t self_offset, IntList size, IntList stride, std::optional<int64_t> storage_offset);
// Order of dimensions that undoes permute(dims).
Dims inverse_permutation(IntList dims);
Tensor sum_to_size(const Tensor& t, IntList sizes);

}  // namespace kindling::formulas
