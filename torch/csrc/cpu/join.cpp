// Joining and padding: cat, stack, pads by constant, reflection and replication, repeat_interleave, isin.
#include "indexing.h"
#include "kernels.h"
#include "keys.h"

namespace kindling {

using namespace indexing;

namespace {

// A 1-dim empty tensor joins anything and adds nothing.
bool skipped(const Tensor& t) { return t.dim() == 1 && t.numel() == 0; }

DType joined_dtype(TensorList tensors) {
  ResultType type;
  bool alike = true;
  for (const Tensor& t : tensors) alike = alike && t.dtype() == tensors[0].dtype();
  if (alike) return tensors[0].dtype();
  for (const Tensor& t : tensors) type.add(t);
  return type.get();
}

// Copies `t` into the slices [at, at + t.size(dim)) of the contiguous `result`; shapes agree elsewhere.
void copy_part(const Tensor& result, const Tensor& t, int64_t dim, int64_t at) {
  const int64_t inner = numel_of(result.sizes().subspan(dim + 1)), item = result.itemsize();
  if (t.dtype() != result.dtype() || !t.is_contiguous() || t.is_conj() || t.is_neg()) {
    Dims sizes(result.sizes());
    sizes[dim] = t.sizes()[dim];
    ops::copy_(alias(result, sizes, result.strides(), result.offset() + at * inner), t);
    return;
  }
  const int64_t outer = numel_of(result.sizes().first(dim)), chunk = t.sizes()[dim] * inner * item;
  const int64_t stride = result.sizes()[dim] * inner * item;
  char* to = result.raw() + at * inner * item;
  const char* from = t.raw();
  if (outer == 1 && chunk > (1 << 20)) {
    parallel_for(0, chunk, 1 << 18, [&](int64_t b, int64_t e) { std::memcpy(to + b, from + b, size_t(e - b)); });
    return;
  }
  parallel_for(0, outer, std::max<int64_t>(1, (1 << 18) / std::max<int64_t>(chunk, 1)), [&](int64_t b, int64_t e) {
    for (int64_t o = b; o < e; o++) std::memcpy(to + o * stride, from + o * chunk, size_t(chunk));
  });
}

// Where element i of a padded dimension comes from.
using Place = int64_t (*)(int64_t i, int64_t size);
int64_t reflected(int64_t i, int64_t size) { return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i; }
int64_t replicated(int64_t i, int64_t size) { return std::clamp<int64_t>(i, 0, size - 1); }

// The last `n` dimensions of a tensor padded by `pad` (last dimension first), the others being planes.
struct Padded {
  Dims sizes;  // of the result
  int64_t planes = 1, in[3] = {1, 1, 1}, out[3] = {1, 1, 1};
  std::vector<int64_t> map[3];
  int64_t first, middle;  // of the last dimension: elements before the ones copied as they are, and how many these are

  Padded(const Tensor& self, IntList pad, int64_t n, Place place, const char* name, bool reflect) : sizes(self.sizes()) {
    const int64_t nd = self.dim();
    KD_CHECK(int64_t(pad.size()) == 2 * n, Runtime, "padding size is expected to be ", 2 * n, ", but got: ", pad.size());
    KD_CHECK(nd == n + 1 || nd == n + 2, Runtime, name, ": expected ", n + 1, "D or ", n + 2,
             "D input, but got a tensor of shape ", self.sizes());
    for (int64_t d = 0; d < nd - n; d++) planes *= self.sizes()[d];
    for (int64_t j = 0; j < n; j++) {
      const int64_t d = nd - 1 - j, left = pad[2 * j], right = pad[2 * j + 1], size = self.sizes()[d], k = 2 - j;
      KD_CHECK(!reflect || (left < size && right < size), Runtime, "Argument #", 2 * n + 2 - 2 * j,
               ": Padding size should be less than the corresponding input dimension, but got: padding (", left, ", ", right,
               ") at dimension ", d, " of input ", self.sizes());
      sizes[d] = size + left + right;
      KD_CHECK(sizes[d] >= 1 && size >= 1, Runtime, "input (size ", size, " in dimension ", d,
               ") is too small. Calculated output size: ", sizes[d]);
      in[k] = size;
      out[k] = sizes[d];
      for (int64_t i = 0; i < out[k]; i++) map[k].push_back(place(i - left, size));
    }
    for (auto& m : map)
      if (m.empty()) m.push_back(0);
    first = std::clamp<int64_t>(pad[0], 0, out[2]);
    middle = std::max<int64_t>(0, std::min(in[2] - map[2][std::min(first, out[2] - 1)], out[2] - first));
  }

  // fn(start of a row in the input, start of the row in the result)
  template <class F>
  void each_row(F fn) const {
    const int64_t before = in[0] * in[1] * in[2], after = out[0] * out[1] * out[2];
    parallel_for(0, planes, std::max<int64_t>(1, kWork / std::max<int64_t>(after, 1)), [&](int64_t from, int64_t to) {
      for (int64_t p = from; p < to; p++)
        for (int64_t i = 0; i < out[0]; i++)
          for (int64_t j = 0; j < out[1]; j++) {
            fn(p * before + (map[0][i] * in[1] + map[1][j]) * in[2], p * after + (i * out[1] + j) * out[2]);
          }
    });
  }
};

Tensor pad_by(const Tensor& self_, IntList pad, int64_t n, Place place, const char* name, bool reflect) {
  const Padded padded(self_, pad, n, place, name, reflect);
  Tensor result = empty(padded.sizes, self_.options());
  if (result.is_meta() || result.numel() == 0) return result;
  const Tensor self = dense(self_);
  visit_width(self.itemsize(), [&]<class T>(Of<T>) {
    padded.each_row([&, in = self.data<T>(), out = result.data<T>()](int64_t i, int64_t o) {
      for (int64_t k = 0; k < padded.first; k++) out[o + k] = in[i + padded.map[2][k]];
      std::memcpy(static_cast<void*>(out + o + padded.first), in + i + padded.map[2][padded.first],
                  size_t(padded.middle) * sizeof(T));
      for (int64_t k = padded.first + padded.middle; k < padded.out[2]; k++) out[o + k] = in[i + padded.map[2][k]];
    });
  });
  return result;
}

Tensor pad_backward_by(const Tensor& grad_, const Tensor& self, IntList pad, int64_t n, Place place, const char* name,
                       bool reflect) {
  const Padded padded(self, pad, n, place, name, reflect);
  KD_CHECK(same(padded.sizes, grad_.sizes()), Runtime, name, "_backward: the gradient has shape ", grad_.sizes(),
           ", the result had ", IntList(padded.sizes));
  Tensor result = ops::zeros(self.sizes(), self.dtype(), std::nullopt, self.device(), std::nullopt);
  if (result.is_meta() || grad_.numel() == 0) return result;
  const Tensor grad = dense(grad_);
  visit<kFloatsT | kHalvesT | kComplexT>(self.dtype(), name, [&]<class T>(Of<T>) {
    padded.each_row([&, g = grad.data<T>(), out = result.data<T>()](int64_t i, int64_t o) {
      for (int64_t k = 0; k < padded.out[2]; k++) Add()(out[i + padded.map[2][k]], g[o + k]);
    });
  });
  return result;
}

}  // namespace

namespace kernels {

Tensor cat(TensorList tensors, int64_t dim) {
  KD_CHECK(!tensors.empty(), Value, "torch.cat(): expected a non-empty list of Tensors");
  const Tensor* model = nullptr;
  for (size_t i = 0; i < tensors.size(); i++) {
    KD_CHECK(tensors[i].dim() > 0, Runtime, "zero-dimensional tensor (at position ", i, ") cannot be concatenated");
    if (!model && !skipped(tensors[i])) model = &tensors[i];
  }
  const DType dtype = joined_dtype(tensors);
  if (!model) return empty(Dims{0}, {dtype, tensors[0].device()});
  dim = wrap_dim(dim, model->dim());
  Dims sizes(model->sizes());
  sizes[dim] = 0;
  for (size_t i = 0; i < tensors.size(); i++) {
    const Tensor& t = tensors[i];
    if (skipped(t)) continue;
    KD_CHECK(t.dim() == model->dim(), Runtime, "Tensors must have same number of dimensions: got ", model->dim(), " and ",
             t.dim());
    for (int64_t d = 0; d < t.dim(); d++)
      KD_CHECK(d == dim || t.sizes()[d] == sizes[d], Runtime, "Sizes of tensors must match except in dimension ", dim,
               ". Expected size ", sizes[d], " but got size ", t.sizes()[d], " for tensor number ", i, " in the list.");
    sizes[dim] += t.sizes()[dim];
  }
  Tensor result = empty(sizes, {dtype, model->device()});
  if (result.is_meta()) return result;
  int64_t at = 0;
  for (const Tensor& t : tensors) {
    if (skipped(t) || t.numel() == 0) continue;
    copy_part(result, t, dim, at);
    at += t.sizes()[dim];
  }
  return result;
}

Tensor stack(TensorList tensors, int64_t dim) {
  KD_CHECK(!tensors.empty(), Runtime, "stack expects a non-empty TensorList");
  const IntList sizes = tensors[0].sizes();
  dim = wrap_dim(dim, tensors[0].dim() + 1);
  Dims result_sizes(sizes);
  result_sizes.insert(dim, int64_t(tensors.size()));
  for (size_t i = 1; i < tensors.size(); i++)
    KD_CHECK(same(tensors[i].sizes(), sizes), Runtime, "stack expects each tensor to be equal size, but got ", sizes,
             " at entry 0 and ", tensors[i].sizes(), " at entry ", i);
  Tensor result = empty(result_sizes, {joined_dtype(tensors), tensors[0].device()});
  if (result.is_meta()) return result;
  for (size_t i = 0; i < tensors.size(); i++) {
    Dims one(sizes), strides(tensors[i].strides());
    one.insert(dim, 1);
    strides.insert(dim, 1);
    copy_part(result, alias(tensors[i], one, strides, tensors[i].offset()), dim, int64_t(i));
  }
  return result;
}

Tensor block_diag(TensorList tensors) {
  int64_t rows = 0, columns = 0;
  for (size_t i = 0; i < tensors.size(); i++) {
    const Tensor& t = tensors[i];
    KD_CHECK(t.dim() <= 2, Runtime, "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input ", i, " has ",
             t.dim(), " dimensions");
    rows += t.dim() == 2 ? t.sizes()[0] : 1;
    columns += t.dim() ? t.sizes().back() : 1;
  }
  if (tensors.empty()) return empty(Dims{1, 0}, {default_dtype(), {}});
  Tensor result = ops::zeros(Dims{rows, columns}, joined_dtype(tensors), std::nullopt, tensors[0].device(), std::nullopt);
  if (result.is_meta()) return result;
  int64_t row = 0, column = 0;
  for (const Tensor& t : tensors) {
    const int64_t h = t.dim() == 2 ? t.sizes()[0] : 1, w = t.dim() ? t.sizes().back() : 1;
    ops::copy_(alias(result, Dims{h, w}, result.strides(), row * columns + column), t);
    row += h;
    column += w;
  }
  return result;
}

Tensor constant_pad_nd(const Tensor& self, IntList pad, const Scalar& value) {
  const int64_t n = int64_t(pad.size()) / 2, nd = self.dim();
  KD_CHECK(pad.size() % 2 == 0, Runtime, "Length of pad must be even but instead it equals ", pad.size());
  KD_CHECK(n <= nd, Runtime, "Length of pad should be no more than twice the number of dimensions of the input. Pad length is ",
           pad.size(), "while the input has ", nd, "dimensions.");
  Dims sizes(self.sizes()), target(self.sizes()), source_sizes;
  int64_t to = 0, from = 0;
  for (int64_t j = 0; j < n; j++) {
    const int64_t d = nd - 1 - j, left = pad[2 * j], right = pad[2 * j + 1];
    sizes[d] += left + right;
    KD_CHECK(sizes[d] >= 0, Runtime, "The input size ", self.sizes()[d], ", plus negative padding ", left, " and ", right,
             " resulted in a negative output size, which is invalid. Check dimension ", d, " of your input.");
    target[d] = std::max<int64_t>(0, self.sizes()[d] + std::min<int64_t>(left, 0) + std::min<int64_t>(right, 0));
  }
  Tensor result = empty(sizes, self.options(), suggest_memory_format(self));
  if (result.is_meta()) return result;
  ops::fill__Scalar(result, value);
  for (int64_t j = 0; j < n; j++) {
    const int64_t d = nd - 1 - j, left = pad[2 * j];
    to += std::max<int64_t>(left, 0) * result.strides()[d];
    from += std::max<int64_t>(-left, 0) * self.strides()[d];
  }
  if (numel_of(target) > 0)
    ops::copy_(alias(result, target, result.strides(), to), alias(self, target, self.strides(), self.offset() + from));
  return result;
}

#define KD_PAD(n)                                                                                         \
  Tensor reflection_pad##n##d(const Tensor& self, IntList padding) {                                      \
    return pad_by(self, padding, n, reflected, "reflection_pad" #n "d", true);                            \
  }                                                                                                       \
  Tensor reflection_pad##n##d_backward(const Tensor& grad_output, const Tensor& self, IntList padding) {  \
    return pad_backward_by(grad_output, self, padding, n, reflected, "reflection_pad" #n "d", true);      \
  }                                                                                                       \
  Tensor replication_pad##n##d(const Tensor& self, IntList padding) {                                     \
    return pad_by(self, padding, n, replicated, "replication_pad" #n "d", false);                         \
  }                                                                                                       \
  Tensor replication_pad##n##d_backward(const Tensor& grad_output, const Tensor& self, IntList padding) { \
    return pad_backward_by(grad_output, self, padding, n, replicated, "replication_pad" #n "d", false);   \
  }
KD_PAD(1)
KD_PAD(2)
KD_PAD(3)
#undef KD_PAD

Tensor repeat_interleave_Tensor(const Tensor& repeats_, std::optional<int64_t> output_size) {
  KD_CHECK(repeats_.dim() == 1, Runtime, "repeat_interleave only accept 1D vector as repeat");
  if (repeats_.dtype() != DType::int64 && repeats_.dtype() != DType::int32) fail_dtype("repeat_interleave_cpu", repeats_.dtype());
  if (repeats_.is_meta()) {
    KD_CHECK(output_size, NotImplemented,
             "repeat_interleave: the shape of the result depends on elements, which a tensor on the meta "
             "device does not have: give output_size");
    return empty(Dims{*output_size}, repeats_.options());
  }
  const Tensor repeats = dense(cast(repeats_, DType::int64));
  const int64_t* r = repeats.data<int64_t>();
  int64_t total = 0;
  for (int64_t i = 0; i < repeats.numel(); i++) {
    KD_CHECK(r[i] >= 0, Runtime, "repeats can not be negative, but element ", i, " is ", r[i]);
    total += r[i];
  }
  KD_CHECK(!output_size || *output_size == total, Runtime, "allocated size does not match required size: output_size is ",
           output_size.value_or(0), " but the repeats add up to ", total);
  Tensor result = empty(Dims{total}, {DType::int64, repeats_.device()});
  int64_t* out = result.data<int64_t>();
  for (int64_t i = 0; i < repeats.numel(); i++) out = std::fill_n(out, r[i], i);
  return repeats_.dtype() == DType::int64 ? result : cast(result, repeats_.dtype());
}

// ---- membership ----

Tensor isin_Tensor_Tensor(const Tensor& elements, const Tensor& test_elements, bool, bool invert) {
  Tensor result = empty(elements.sizes(), {DType::bool_, test_elements.is_meta() ? test_elements.device() : elements.device()});
  if (result.is_meta()) return result;
  ResultType type;
  type.add(elements);
  type.add(test_elements);
  const Tensor values = dense(cast(elements, type.get())), tests = dense(cast(test_elements, type.get()));
  visit<kOrderedT>(values.dtype(), "isin_default_kernel_cpu", [&]<class T>(Of<T>) {
    std::vector<keys::key_t<T>> sorted;
    for (int64_t i = 0; i < tests.numel(); i++)
      if (!is_nan(tests.data<T>()[i])) sorted.push_back(keys::key(tests.data<T>()[i]));
    std::sort(sorted.begin(), sorted.end());
    parallel_for(0, values.numel(), 1024, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) {
        const T x = values.data<T>()[i];
        result.data<bool>()[i] = (!is_nan(x) && std::binary_search(sorted.begin(), sorted.end(), keys::key(x))) != invert;
      }
    });
  });
  return result;
}
Tensor isin_Tensor_Scalar(const Tensor& elements, const Scalar& test_element, bool assume_unique, bool invert) {
  return isin_Tensor_Tensor(elements, wrap_number(test_element), assume_unique, invert);
}
Tensor isin_Scalar_Tensor(const Scalar& element, const Tensor& test_elements, bool assume_unique, bool invert) {
  return isin_Tensor_Tensor(wrap_number(element), test_elements, assume_unique, invert);
}

}  // namespace kernels
}  // namespace kindling
