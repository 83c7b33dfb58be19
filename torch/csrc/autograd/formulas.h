// Functions that gradient formulas and composites call by name: what is clumsy to say in the formula language.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "node.h"

namespace kindling::formulas {

// ---- reductions ----
// Puts the dimensions that a reduction removed back with size 1, so that the gradient broadcasts against the argument.
Tensor restore_dims(const Tensor& grad, int64_t ndim, std::optional<IntList> dim, bool keepdim);
Tensor restore_view(const Tensor& t, IntList sizes, std::optional<IntList> dim, bool keepdim);
// How many elements a reduction over `dim` folds into one.
int64_t reduced_count(IntList sizes, std::optional<IntList> dim);
Tensor prod_backward(const Tensor& grad, const Tensor& self, const Tensor& result, int64_t dim);
Tensor cumprod_backward(const Tensor& grad, const Tensor& self, int64_t dim, const Tensor& result);
Tensor logcumsumexp_backward(const Tensor& grad, const Tensor& self, const Tensor& result, int64_t dim);
Tensor var_backward(const Tensor& grad, const Tensor& self, std::optional<IntList> dim, std::optional<Scalar> correction,
                    bool keepdim);
Tensor std_backward(const Tensor& grad, const Tensor& self, const Tensor& result, std::optional<IntList> dim,
                    std::optional<Scalar> correction, bool keepdim);
Tensor norm_backward(const Tensor& grad, const Tensor& self, const Scalar& ord, const Tensor& norm, std::optional<IntList> dim,
                     bool keepdim);

// ---- views and joins ----
// Of squeeze: puts the dimensions of size one back.
Tensor unsqueeze_to(const Tensor& grad, IntList sizes);
Tensor unsqueeze_to_dims(const Tensor& grad, IntList dims, IntList sizes);
// Of expand and repeat.
Tensor sum_to_size(const Tensor& t, IntList sizes);
Tensor repeat_backward(const Tensor& grad, IntList repeats, IntList sizes);
// Of as_strided: adds what each element of the view got to where it lies in the argument.
Tensor as_strided_backward(const Tensor& grad, IntList self_sizes, IntList self_strides, int64_t self_offset, IntList size,
                           IntList stride, std::optional<int64_t> storage_offset);
// The order of dimensions that undoes permute(dims).
Dims inverse_permutation(IntList dims);
// Of split and unbind: the gradients of the parts, with zeros for parts that got none. One part size stands for all but the
// last; none at all: the parts lack the dimension.
std::vector<Tensor> with_zeros(TensorList grads, IntList sizes, int64_t dim, IntList part_sizes);

// ---- shapes ----
int64_t wrap_dim(int64_t dim, int64_t ndim);
int64_t product(IntList sizes);
// Can `t` be seen with this shape (one size may be -1) without a copy?
bool viewable(const Tensor& t, IntList shape);
// The sizes into which a dimension of `size` is split: one of them may be -1.
Dims unflattened(int64_t size, IntList sizes);
Dims common_shape(TensorList tensors);
Dims broadcast_sizes(IntList a, IntList b);
Dims moved_dims(int64_t ndim, IntList source, IntList destination);
Dims int_values(const Tensor& t);
// A vector of these numbers, in the dtype and on the device of `like`.
Tensor tensor_of(IntList values, const Tensor& like);

// Is the formula itself recorded (create_graph)? Then it must not go through values that carry no gradient.
bool grad_enabled();
// What sums of this dtype are to be kept in where digits matter: the next wider floating type.
DType accumulation_dtype(DType d);
void require_probabilities(const Tensor& q, std::string_view message);
// Below this share of the largest, a singular value counts as zero: eps times the longer side.
double default_rtol(const Tensor& A);
// Of eigenvectors, whose phase is arbitrary: a gradient with an imaginary part along them says that the loss depends on it.
void require_real(const Tensor& diagonal, std::string_view message);

// ---- copies ----
// Is `t` laid out as this format asks? Preserve and no format: always.
bool has_format(const Tensor& t, std::optional<MemoryFormat> format);

// ---- Fourier transforms (cpu/fft_formulas.cpp); norm: "backward", "forward" or "ortho" ----
Tensor fft_line(const Tensor& self, std::optional<int64_t> n, int64_t dim, std::string_view norm, bool forward);
Tensor fft_grid(const Tensor& self, std::optional<IntList> s, std::optional<IntList> dim, std::string_view norm, bool forward);
// Of real numbers, half of the spectrum: rfft, ihfft.
Tensor fft_half_line(const Tensor& self, std::optional<int64_t> n, int64_t dim, std::string_view norm, bool forward);
Tensor fft_half_grid(const Tensor& self, std::optional<IntList> s, std::optional<IntList> dim, std::string_view norm,
                     bool forward);
// Back to real numbers: irfft, hfft.
Tensor fft_real_line(const Tensor& self, std::optional<int64_t> n, int64_t dim, std::string_view norm, bool forward);
Tensor fft_real_grid(const Tensor& self, std::optional<IntList> s, std::optional<IntList> dim, std::string_view norm,
                     bool forward);
Tensor fft_shift(const Tensor& self, std::optional<IntList> dim, bool forward);
Tensor fft_half_backward(const Tensor& grad, IntList dim, int64_t normalization, bool onesided, int64_t last_dim_size);
Tensor fft_real_backward(const Tensor& grad, IntList dim, int64_t normalization);
// stft and istft (cpu/stft.cpp); length < 0: as long as the windows reach.
Tensor short_time_spectra(const Tensor& self, int64_t n_fft, int64_t hop, int64_t win_length, const Tensor& window, bool center,
                          std::string_view pad_mode, bool normalized, bool onesided);
Tensor overlap_add(const Tensor& self, int64_t n_fft, int64_t hop, int64_t win_length, const Tensor& window, bool center,
                   bool normalized, bool onesided, int64_t length, bool return_complex);

}  // namespace kindling::formulas
