// p-norm distances between the rows of two batches of matrices, and their gradient.
#include <cmath>

#include "copy.h"
#include "dispatch.h"
#include "kernels.h"
#include "threads.h"

namespace kindling {
namespace {

// What each norm adds for one difference, how it ends, and the share of the gradient that a difference gets.
template <class T>
struct Norm {
  double p;

  T add(T sum, T d) const {
    T size = std::abs(d);
    if (p == 0) return sum + (d != 0);
    if (p == 1) return sum + size;
    if (p == 2) return sum + d * d;
    if (std::isinf(p)) return size > sum || size != size ? size : sum;
    return sum + std::pow(size, T(p));
  }
  T finish(T sum) const {
    if (p == 2) return std::sqrt(sum);
    return p == 0 || p == 1 || std::isinf(p) ? sum : std::pow(sum, T(1 / p));
  }
  T share(T d, T grad, T dist) const {
    T sign = d > 0 ? T(1) : d < 0 ? T(-1) : T(0), size = std::abs(d);
    if (p == 0) return 0;
    if (p == 1) return grad * sign;
    if (std::isinf(p)) return grad * sign * (size == dist);
    if (dist == 0) return 0;
    if (p == 2) return grad * d / dist;
    if (p < 1 && d == 0) return 0;
    return sign * std::pow(size, T(p - 1)) * grad / std::pow(dist, T(p - 1));
  }
};

Dims batch_of(const Tensor& a, const Tensor& b) {
  return broadcast_shapes(a.sizes().first(size_t(a.dim() - 2)), b.sizes().first(size_t(b.dim() - 2)));
}
Dims with_last(Dims batch, int64_t rows, int64_t columns) {
  batch.push_back(rows);
  batch.push_back(columns);
  return batch;
}
Tensor dense(const Tensor& t, IntList sizes) { return contiguous_of(ops::expand(t, sizes)); }

template <class F>
void visit_distance(DType d, const char* name, F&& fn) {
  visit<kFloatsT>(d, name, fn);
}

}  // namespace

namespace kernels {

Tensor _cdist_forward(const Tensor& x1, const Tensor& x2, double p, std::optional<int64_t>) {
  KD_CHECK(x1.dim() >= 2 && x2.dim() >= 2, Runtime, "cdist only supports at least 2D tensors, X1 got: ", x1.dim(),
           "D, X2 got: ", x2.dim(), 'D');
  KD_CHECK(x1.dtype() == x2.dtype(), Runtime, "cdist: X1 and X2 must have the same dtype, but got ", legacy_name(x1.dtype()),
           " and ", legacy_name(x2.dtype()));
  Dims batch = batch_of(x1, x2);
  int64_t r1 = x1.size(-2), r2 = x2.size(-2), m = x1.size(-1);
  Tensor out = empty(with_last(batch, r1, r2), x1.options());
  if (out.is_meta() || out.numel() == 0) return out;
  Tensor a = dense(x1, with_last(batch, r1, m)), b = dense(x2, with_last(batch, r2, m));
  visit_distance(x1.dtype(), "cdist", [&](auto tag) {
    using T = typename decltype(tag)::type;
    Norm<T> norm{p};
    parallel_for(0, out.numel() / r2, std::max<int64_t>(1, 16384 / (r2 * m + 1)), [&](int64_t from, int64_t to) {
      for (int64_t row = from; row < to; row++) {
        const T *left = a.data<T>() + row * m, *right = b.data<T>() + row / r1 * r2 * m;
        for (int64_t j = 0; j < r2; j++, right += m) {
          T sum = 0;
          for (int64_t k = 0; k < m; k++) sum = norm.add(sum, left[k] - right[k]);
          out.data<T>()[row * r2 + j] = norm.finish(sum);
        }
      }
    });
  });
  return out;
}

Tensor _cdist_backward(const Tensor& grad, const Tensor& x1, const Tensor& x2, double p, const Tensor& cdist) {
  Dims batch = batch_of(x1, x2);
  int64_t r1 = x1.size(-2), r2 = x2.size(-2), m = x1.size(-1);
  Dims sizes = with_last(batch, r1, m);
  Tensor out = empty(sizes, x1.options());
  if (out.is_meta() || out.numel() == 0) return out;
  Tensor a = dense(x1, sizes), b = dense(x2, with_last(batch, r2, m)), g = dense(grad, with_last(batch, r1, r2)),
         d = dense(cdist, with_last(batch, r1, r2));
  visit_distance(x1.dtype(), "cdist_backward", [&](auto tag) {
    using T = typename decltype(tag)::type;
    Norm<T> norm{p};
    parallel_for(0, out.numel() / m, std::max<int64_t>(1, 16384 / (r2 * m + 1)), [&](int64_t from, int64_t to) {
      for (int64_t row = from; row < to; row++) {
        const T *left = a.data<T>() + row * m, *right = b.data<T>() + row / r1 * r2 * m;
        T* sum = out.data<T>() + row * m;
        std::fill_n(sum, m, T(0));
        for (int64_t j = 0; j < r2; j++, right += m) {
          T share = g.data<T>()[row * r2 + j], dist = d.data<T>()[row * r2 + j];
          for (int64_t k = 0; k < m; k++) sum[k] += norm.share(left[k] - right[k], share, dist);
        }
      }
    });
  });
  return out;
}

}  // namespace kernels
}  // namespace kindling
