// Gradients of views and joins.
#include "formulas.h"

#include "../cpu/copy.h"

#include <algorithm>

#include "../dispatch/state.h"
#include "ops.h"

namespace kindling::formulas {

Tensor unsqueeze_to(const Tensor& grad, IntList sizes) {
  Tensor t = grad;
  for (size_t i = 0; i < sizes.size(); i++)
    if (sizes[i] == 1) t = ops::unsqueeze(t, int64_t(i));
  return t;
}

Tensor unsqueeze_to_dims(const Tensor& grad, IntList dims, IntList sizes) {
  std::vector<bool> squeezed(sizes.size());
  for (int64_t d : dims)
    if (!sizes.empty()) squeezed[size_t(kindling::wrap_dim(d, int64_t(sizes.size())))] = true;
  Tensor t = grad;
  for (size_t i = 0; i < sizes.size(); i++)
    if (squeezed[i] && sizes[i] == 1) t = ops::unsqueeze(t, int64_t(i));
  return t;
}

Tensor sum_to_size(const Tensor& t, IntList sizes) { return same(t.sizes(), sizes) && !sizes.empty() ? t : sum_to(t, sizes); }

// A repeated dimension of n elements is r runs of n: seen as (r, n), the gradient is the sum over r.
Tensor repeat_backward(const Tensor& grad, IntList repeats, IntList sizes) {
  for (int64_t r : repeats)
    if (r == 0) return ops::zeros(sizes, grad.dtype(), std::nullopt, grad.device(), std::nullopt);
  size_t lead = repeats.size() - sizes.size();
  Tensor t = grad;
  const int64_t first = 0;
  for (size_t i = 0; i < lead; i++) t = ops::sum_dim_IntList(t, IntList(&first, 1), false, DType::none);
  Dims split, runs;
  for (size_t i = 0; i < sizes.size(); i++) {
    int64_t r = repeats[lead + i];
    if (r != 1) {
      runs.push_back(split.size());
      split.push_back(r);
    }
    split.push_back(sizes[i]);
  }
  return runs.empty() ? t : ops::sum_dim_IntList(ops::reshape(t, split), IntList(runs), false, DType::none);
}

Dims inverse_permutation(IntList dims) {
  Dims inverse(int64_t(dims.size()));
  for (size_t i = 0; i < dims.size(); i++) inverse[kindling::wrap_dim(dims[i], int64_t(dims.size()))] = int64_t(i);
  return inverse;
}

std::vector<Tensor> with_zeros(TensorList grads, IntList sizes, int64_t dim, IntList part_sizes) {
  Tensor like;
  for (const Tensor& g : grads)
    if (g.defined()) like = g;
  dim = kindling::wrap_dim(dim, int64_t(sizes.size()));
  std::vector<Tensor> parts;
  int64_t done = 0;
  for (size_t i = 0; i < grads.size(); i++) {
    Dims shape(sizes);
    if (part_sizes.empty()) shape.erase(dim);
    else shape[dim] = part_sizes.size() == 1 ? std::min(part_sizes[0], sizes[size_t(dim)] - done) : part_sizes[i];
    if (!part_sizes.empty()) done += shape[dim];
    parts.push_back(grads[i].defined() ? grads[i] : ops::zeros(shape, like.dtype(), std::nullopt, like.device(), std::nullopt));
  }
  return parts;
}

int64_t wrap_dim(int64_t dim, int64_t ndim) { return kindling::wrap_dim(dim, ndim); }

int64_t product(IntList sizes) {
  int64_t n = 1;
  for (int64_t s : sizes) n *= s;
  return n;
}

bool viewable(const Tensor& t, IntList shape) {
  Dims strides;
  return compute_view_strides(t.sizes(), t.strides(), infer_size(shape, t.numel()), strides);
}

Dims unflattened(int64_t size, IntList sizes) {
  Dims whole(sizes);
  int64_t known = 1, unknown = -1;
  for (int64_t i = 0; i < whole.size(); i++) {
    KD_CHECK(whole[i] != -1 || unknown < 0, Runtime, "only one dimension can be inferred");
    if (whole[i] == -1) unknown = i;
    else known *= whole[i];
  }
  if (unknown >= 0 && known > 0 && size % known == 0) {
    whole[unknown] = size / known;
    known = size;
  }
  KD_CHECK(known == size, Runtime, "unflatten: Provided sizes ", sizes, " don't multiply up to the size of dim (", size,
           ") in the input tensor");
  return whole;
}

Dims broadcast_sizes(IntList a, IntList b) { return broadcast_shapes(a, b); }

Dims common_shape(TensorList tensors) {
  Dims shape;
  for (const Tensor& t : tensors) shape = broadcast_shapes(shape, t.sizes());
  return shape;
}

Dims moved_dims(int64_t ndim, IntList source, IntList destination) {
  KD_CHECK(source.size() == destination.size(), Runtime, "movedim: Invalid source or destination dims: source (", source,
           " dims) should contain the same number of dims as destination (", destination, " dims)");
  Dims order(ndim, -1);
  std::vector<bool> used(static_cast<size_t>(ndim));
  for (size_t i = 0; i < source.size(); i++) {
    int64_t from = kindling::wrap_dim(source[i], ndim), to = kindling::wrap_dim(destination[i], ndim);
    KD_CHECK(!used[size_t(from)], Runtime, "movedim: repeated dim in `source` (", source, ")");
    KD_CHECK(order[to] < 0, Runtime, "movedim: repeated dim in `destination` (", destination, ")");
    used[size_t(from)] = true;
    order[to] = from;
  }
  int64_t next = 0;
  for (int64_t i = 0; i < ndim; i++) {
    if (order[i] >= 0) continue;
    while (used[size_t(next)]) next++;
    order[i] = next++;
  }
  return order;
}

Dims int_values(const Tensor& t) {
  // reads memory, as no operator should show in a graph for it
  KD_CHECK(t.storage()->data || !t.numel(), NotImplemented,
           "sizes that are elements of a tensor on the meta device are not known");
  Tensor flat = contiguous_of(with_memory(t));
  Dims values;
  for (int64_t i = 0; i < t.numel(); i++) values.push_back(item(alias(flat, {}, {}, flat.offset() + i)).to_int());
  return values;
}

namespace {

// One past the last element that a geometry reaches, from its offset.
int64_t reach(IntList sizes, IntList strides) {
  int64_t last = 0;
  for (size_t i = 0; i < sizes.size(); i++) {
    if (sizes[i] == 0) return 0;
    last += (sizes[i] - 1) * strides[i];
  }
  return last + 1;
}

// Some element may be reached twice. Sorted by stride, each step must leap over all that smaller steps reach.
bool may_overlap(IntList sizes, IntList strides) {
  std::vector<std::pair<int64_t, int64_t>> steps;
  for (size_t i = 0; i < sizes.size(); i++)
    if (sizes[i] > 1) steps.emplace_back(strides[i], sizes[i]);
  std::sort(steps.begin(), steps.end());
  int64_t reached = 0;
  for (auto [stride, size] : steps) {
    if (stride <= reached) return true;
    reached += (size - 1) * stride;
  }
  return false;
}

}  // namespace

Tensor as_strided_backward(const Tensor& grad, IntList self_sizes, IntList self_strides, int64_t self_offset, IntList size,
                           IntList stride, std::optional<int64_t> storage_offset) {
  Tensor g = grad;
  Dims sizes, strides;
  for (int64_t i = int64_t(size.size()) - 1; i >= 0; i--) {  // a dimension that does not move is summed
    if (size[i] == 1) {
      g = ops::squeeze_dim(g, i);
    } else if (stride[i] == 0) {
      g = ops::sum_dim_IntList(g, IntList(&i, 1), false, DType::none);
    } else {
      sizes.insert(0, size[i]);
      strides.insert(0, stride[i]);
    }
  }
  int64_t offset = storage_offset.value_or(self_offset), start = std::min(offset, self_offset);
  int64_t extent = std::max(offset - start + reach(sizes, strides), self_offset - start + reach(self_sizes, self_strides));
  Tensor storage = ops::new_zeros(grad, Dims{extent}, DType::none, std::nullopt, std::nullopt, std::nullopt);
  bool view_overlaps = may_overlap(sizes, strides), self_overlaps = may_overlap(self_sizes, self_strides);
  auto places = [&](IntList n, IntList s, int64_t at) {
    Tensor all = ops::arange_start(Scalar(int64_t(0)), Scalar(extent), DType::int64, std::nullopt, grad.device(), std::nullopt);
    return ops::reshape(ops::as_strided(all, n, s, at), Dims{-1});
  };
  if (view_overlaps) ops::index_add_(storage, 0, places(sizes, strides, offset - start), ops::reshape(g, Dims{-1}), Scalar(1));
  else ops::copy_(ops::as_strided(storage, sizes, strides, offset - start), g, false);
  if (self_overlaps) {  // elements that self shows several times: each gets its share
    Tensor index = places(self_sizes, self_strides, self_offset - start);
    Tensor count = ops::zeros_like(storage, DType::none, std::nullopt, std::nullopt, std::nullopt, std::nullopt);
    Tensor ones = ops::ones(index.sizes(), grad.dtype(), std::nullopt, grad.device(), std::nullopt);
    storage = ops::div_Tensor(storage, ops::index_add(count, 0, index, ones, Scalar(1)));
  }
  return ops::as_strided(storage, self_sizes, self_strides, self_offset - start);
}

bool grad_enabled() { return tls.grad_enabled; }

Tensor tensor_of(IntList values, const Tensor& like) {
  const Dims shape{int64_t(values.size())};
  if (like.is_meta() || (like->has(TensorImpl::PythonDispatch) && !tls.interposed))
    return ops::new_empty(like, shape, DType::none, std::nullopt, std::nullopt, std::nullopt);
  Tensor numbers = empty(shape, {DType::int64, Device{}});
  std::copy(values.begin(), values.end(), numbers.data<int64_t>());
  Tensor t = empty(shape, {like.dtype(), Device{}});
  copy_into(t, numbers);
  return tls.interposed ? ops::lift_fresh(t) : t;  // to a tracer it is a constant
}

DType accumulation_dtype(DType d) {
  return d == DType::float32     ? DType::float64
         : d == DType::complex64 ? DType::complex128
         : is_reduced_float(d)   ? DType::float32
                                 : d;
}

double default_rtol(const Tensor& A) {
  bool wide = A.dtype() == DType::float64 || A.dtype() == DType::complex128;
  return (wide ? std::numeric_limits<double>::epsilon() : double(std::numeric_limits<float>::epsilon())) *
         double(std::max(A.size(-1), A.size(-2)));
}

void require_probabilities(const Tensor& q, std::string_view message) {
  if (q.is_meta() || q->unusual()) return;
  Tensor values = contiguous_of(converted(q, DType::float64));
  const double* p = values.data<double>();
  for (int64_t i = 0; i < values.numel(); i++) KD_CHECK(p[i] >= 0 && p[i] <= 1, Runtime, message);
}

void require_real(const Tensor& diagonal, std::string_view message) {
  if (!is_complex(diagonal.dtype()) || diagonal.is_meta() || diagonal->unusual()) return;
  Tensor values = contiguous_of(converted(diagonal, DType::complex128));
  auto* z = values.data<std::complex<double>>();
  for (int64_t i = 0; i < values.numel(); i++) KD_CHECK(std::abs(z[i].imag()) <= 1e-2, Runtime, message);
}

bool has_format(const Tensor& t, std::optional<MemoryFormat> format) {
  return !format || *format == MemoryFormat::preserve || t.is_contiguous(*format);
}

}  // namespace kindling::formulas
