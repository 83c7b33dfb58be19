// gather, scatter and scatter_reduce: an index for every element, along one dimension.
#include "indexing.h"
#include "kernels.h"

namespace kindling {

using namespace indexing;

namespace {

// Positions of `index` seen as [outer, along, inner], and where their lines lie in the tensor that is indexed.
struct Lines {
  Scratch<int64_t> outer, inner;
  int64_t nouter, along, ninner, stride, size, dim;

  Lines(const Tensor& target, const Tensor& index, int64_t d)
      : outer(numel_of(index.sizes().first(d))),
        inner(numel_of(index.sizes().subspan(d + 1))),
        nouter(numel_of(index.sizes().first(d))),
        along(index.sizes()[d]),
        ninner(numel_of(index.sizes().subspan(d + 1))),
        stride(target.strides()[d]),
        size(target.sizes()[d]),
        dim(d) {
    fill_offsets(index.sizes().first(d), target.strides().first(d), outer);
    fill_offsets(index.sizes().subspan(d + 1), target.strides().subspan(d + 1), inner);
  }

  void check(const int64_t* index, int64_t n) const {
    typedef int64_t Vector __attribute__((vector_size(32), aligned(8), may_alias));
    Vector wrong = {};  // negative where some index is, or its distance to the last one
    int64_t done = 0;
    for (; done + 4 <= n; done += 4) {
      const Vector v = *reinterpret_cast<const Vector*>(index + done);
      wrong |= v | (size - 1 - v);
    }
    int64_t any = wrong[0] | wrong[1] | wrong[2] | wrong[3];
    for (; done < n; done++) any |= index[done] | (size - 1 - index[done]);
    if (any >= 0) return;
    for (int64_t i = 0; i < n; i++)
      KD_CHECK(index[i] >= 0 && index[i] < size, Runtime, "index ", index[i], " is out of bounds for dimension ", dim,
               " with size ", size);
  }

  // fn(offset in the target, position in the index): lines along `dim` are walked in order by one thread each.
  template <class F>
  void each(const int64_t* index, F fn) const {
    const bool split_outer = nouter >= 2 * get_num_threads() || ninner < 64;
    const int64_t parts = split_outer ? nouter : ninner, other = std::max<int64_t>(1, along * (split_outer ? ninner : nouter));
    parallel_for(0, parts, std::max<int64_t>(split_outer ? 1 : 16, kWork / other), [&](int64_t from, int64_t to) {
      const int64_t o0 = split_outer ? from : 0, o1 = split_outer ? to : nouter;
      const int64_t a0 = split_outer ? 0 : from, a1 = split_outer ? ninner : to;
      for (int64_t o = o0; o < o1; o++) {
        const int64_t first = o * along * ninner, base = outer[o];
        if (ninner == 1) {
          check(index + first, along);
          for (int64_t m = 0; m < along; m++) fn(base + index[first + m] * stride, first + m);
          continue;
        }
        for (int64_t m = 0; m < along; m++) {
          const int64_t row = first + m * ninner;
          check(index + row + a0, a1 - a0);
          for (int64_t a = a0; a < a1; a++) fn(base + inner[a] + index[row + a] * stride, row + a);
        }
      }
    });
  }
};

Tensor checked_index(const Tensor& index, const char* name) {
  KD_CHECK(index.dtype() == DType::int64 || index.dtype() == DType::int32 || index.numel() == 0, Runtime, name,
           "(): Expected dtype int32/int64 for index, but got ", info(index.dtype()).name);
  return dense(cast(at_least_1d(index), DType::int64));
}

void check_scatter(const Tensor& self, int64_t dim, const Tensor& index, const Tensor* src) {
  if (index.numel() == 0) return;
  KD_CHECK(index.dim() == self.dim() && (!src || src->dim() == self.dim()), Runtime,
           "Index tensor must have the same number of dimensions as ", index.dim() == self.dim() ? "src" : "self", " tensor");
  for (int64_t d = 0; d < self.dim(); d++) {
    const bool fits = (d == dim || index.sizes()[d] <= self.sizes()[d]) && (!src || index.sizes()[d] <= src->sizes()[d]);
    if (!fits && src)
      fail(ErrorKind::Runtime, "Expected index ", index.sizes(), " to be no larger than self ", self.sizes(),
           " apart from dimension ", dim, " and to be no larger size than src ", src->sizes());
    KD_CHECK(fits, Runtime, "Expected index ", index.sizes(), " to be no larger than self ", self.sizes(),
             " apart from dimension ", dim);
  }
}

// The part of `src` that the index covers, contiguous.
Tensor covered(const Tensor& src, const Tensor& index) { return dense(alias(src, index.sizes(), src.strides(), src.offset())); }

template <class T, class F>
void combine_lines(const Tensor& self, int64_t dim, const Tensor& index, const T* values, bool single, F combine) {
  T* p = self.data<T>();
  const Lines lines(self, index, dim);
  if (single) lines.each(index.data<int64_t>(), [&](int64_t to, int64_t) { combine(p[to], *values); });
  else lines.each(index.data<int64_t>(), [&](int64_t to, int64_t i) { combine(p[to], values[i]); });
}

enum class How { Assign, Sum, Prod, Mean, Max, Min };

How old_reduction(std::string_view name) {
  KD_CHECK(name == "add" || name == "multiply", Runtime, "reduce argument must be either add or multiply.");
  return name == "add" ? How::Sum : How::Prod;
}
How reduction(std::string_view name) {
  KD_CHECK(name == "sum" || name == "prod" || name == "mean" || name == "amax" || name == "amin", Runtime,
           "reduce argument must be either sum, prod, mean, amax or amin, got ", name);
  return name == "sum"    ? How::Sum
         : name == "prod" ? How::Prod
         : name == "mean" ? How::Mean
         : name == "amax" ? How::Max
                          : How::Min;
}

template <class T>
void scatter_typed(const Tensor& self, int64_t dim, const Tensor& index, const T* values, bool single, How how, bool from_start) {
  if (from_start) {
    const T start = how == How::Prod  ? reduction_start<T>("prod")
                    : how == How::Max ? reduction_start<T>("amax")
                    : how == How::Min ? reduction_start<T>("amin")
                                      : T{};
    combine_lines(self, dim, index, &start, true, Assign());
  }
  switch (how) {
    case How::Assign: return combine_lines(self, dim, index, values, single, Assign());
    case How::Sum:
    case How::Mean: return combine_lines(self, dim, index, values, single, Add());
    case How::Prod: return combine_lines(self, dim, index, values, single, Multiply());
    case How::Max:
      if constexpr (!is_complex_type<T>) return combine_lines(self, dim, index, values, single, Largest());
      else break;
    case How::Min:
      if constexpr (!is_complex_type<T>) return combine_lines(self, dim, index, values, single, Smallest());
      else break;
  }
  fail_dtype("scatter_reduce", self.dtype());
}

// self is written; `src` undefined: one value for all.
Tensor scatter_into(const Tensor& whole, int64_t dim, const Tensor& index_, const Tensor& src_, const Scalar& value, How how,
                    bool include_self = true) {
  dim = wrap_dim(dim, whole.dim());
  const Tensor self = at_least_1d(whole), index = checked_index(index_, "scatter");
  const bool single = !src_.defined();
  const Tensor src = single ? Tensor() : at_least_1d(src_);
  if (!single)
    KD_CHECK(src.dtype() == self.dtype(), Runtime, "scatter(): Expected self.dtype to be equal to src.dtype, but got ",
             info(self.dtype()).name, " and ", info(src.dtype()).name);
  check_scatter(self, dim, index, single ? nullptr : &src);
  check_target(self);
  if (self.is_meta() || index.numel() == 0) return whole;
  const Tensor values = single ? scalar_tensor(value, self.dtype()) : apart(covered(src, index), self);
  const Tensor places = apart(index, self);
  if (how == How::Assign)
    visit_width(self.itemsize(), [&]<class T>(Of<T>) { combine_lines(self, dim, places, values.data<T>(), single, Assign()); });
  else
    visit<kAnyT>(self.dtype(), "scatter",
                 [&]<class T>(Of<T>) { scatter_typed(self, dim, places, values.data<T>(), single, how, !include_self); });
  if (how == How::Mean) {
    Tensor counts = include_self ? ops::ones_like(self) : ops::zeros_like(self);
    scatter_into(counts, dim, places, Tensor(), 1, How::Sum);
    counts = ops::masked_fill_Scalar(counts, ops::eq_Scalar(counts, 0), 1);
    if (is_differentiable(self.dtype())) ops::div__Tensor(self, counts);
    else ops::div__Tensor_mode(self, counts, "floor");
  }
  return whole;
}

Tensor copy_of(const Tensor& self) { return ops::clone(resolved(self)); }

}  // namespace

namespace kernels {

Tensor gather(const Tensor& whole, int64_t dim, const Tensor& index_, bool) {
  dim = wrap_dim(dim, whole.dim());
  const Tensor self = at_least_1d(resolved(whole)), index = checked_index(index_, "gather");
  Tensor result = empty(index_.sizes(), self.options());
  if (index.numel() == 0) return result;
  KD_CHECK(index.dim() == self.dim(), Runtime, "Index tensor must have the same number of dimensions as input tensor");
  for (int64_t d = 0; d < self.dim(); d++)
    KD_CHECK(d == dim || index.sizes()[d] <= self.sizes()[d], Runtime, "Size does not match at dimension ", d, " expected index ",
             index.sizes(), " to be no larger than self ", self.sizes(), " apart from dimension ", dim);
  if (result.is_meta()) return result;
  const Lines lines(self, index, dim);
  visit_width(self.itemsize(), [&]<class T>(Of<T>) {
    const T* p = self.data<T>();
    T* out = result.data<T>();
    lines.each(index.data<int64_t>(), [&](int64_t from, int64_t i) { out[i] = p[from]; });
  });
  return result;
}

Tensor scatter__src(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  return scatter_into(self, dim, index, src, 0, How::Assign);
}
Tensor scatter__value(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value) {
  return scatter_into(self, dim, index, Tensor(), value, How::Assign);
}
Tensor scatter__reduce(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src, std::string_view reduce) {
  return scatter_into(self, dim, index, src, 0, old_reduction(reduce));
}
Tensor scatter__value_reduce(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value, std::string_view reduce) {
  return scatter_into(self, dim, index, Tensor(), value, old_reduction(reduce));
}
Tensor scatter_add_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  return scatter_into(self, dim, index, src, 0, How::Sum);
}
Tensor scatter_reduce__two(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src, std::string_view reduce,
                           bool include_self) {
  return scatter_into(self, dim, index, src, 0, reduction(reduce), include_self);
}

Tensor scatter_src(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  return scatter__src(copy_of(self), dim, index, src);
}
Tensor scatter_value(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value) {
  return scatter__value(copy_of(self), dim, index, value);
}
Tensor scatter_reduce(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src, std::string_view reduce) {
  return scatter__reduce(copy_of(self), dim, index, src, reduce);
}
Tensor scatter_value_reduce(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value, std::string_view reduce) {
  return scatter__value_reduce(copy_of(self), dim, index, value, reduce);
}
Tensor scatter_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  return scatter_add_(copy_of(self), dim, index, src);
}
Tensor scatter_reduce_two(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src, std::string_view reduce,
                          bool include_self) {
  return scatter_reduce__two(copy_of(self), dim, index, src, reduce, include_self);
}

}  // namespace kernels
}  // namespace kindling
