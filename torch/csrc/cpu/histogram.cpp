// Histograms of points in one or more dimensions, and reductions of segments.
#include <cmath>
#include <vector>

#include "copy.h"
#include "dispatch.h"
#include "kernels.h"
#include "ops.h"

namespace kindling::kernels {
namespace {

void check_points(const Tensor& self, int64_t dimensions, const Tensor& weight, const char* name) {
  KD_CHECK(self.dim() >= 2, Runtime, name, ": input tensor should have at least 2 dimensions, but got ", self.dim());
  KD_CHECK(self.size(-1) == dimensions, Runtime, name,
           ": The size of bins must be equal to the innermost dimension of the input.");
  if (!weight.defined()) return;
  KD_CHECK(weight.dtype() == self.dtype(), Runtime, name,
           ": if weight tensor is provided, input tensor and weight tensor should have the same dtype");
  const IntList sizes = self.sizes();
  KD_CHECK(same(weight.sizes(), sizes.first(sizes.size() - 1)), Runtime, name,
           ": if weight tensor is provided it should have the same shape as the input tensor excluding its innermost dimension");
}

// Lowest and highest value of each column; a range of no width is widened by a half on both sides.
std::vector<double> limits_of(const Tensor& points, int64_t dimensions, std::span<const double> range, bool given,
                              const char* name) {
  std::vector<double> limits(2 * dimensions);
  const int64_t n = points.numel() / std::max<int64_t>(dimensions, 1);
  if (given) {
    KD_CHECK(int64_t(range.size()) == 2 * dimensions, Runtime, name, ": for a ", dimensions,
             "-dimensional histogram range should have ", 2 * dimensions, " elements, but got ", int64_t(range.size()));
    std::copy(range.begin(), range.end(), limits.begin());
  } else if (!points.is_meta()) {
    visit<kFloatsT>(points.dtype(), name, [&](auto of) {
      using T = typename decltype(of)::type;
      const T* p = points.data<T>();
      for (int64_t d = 0; d < dimensions; d++) {
        double low = n ? p[d] : 0, high = n ? p[d] : 1;
        for (int64_t i = 0; i < n; i++) {
          low = std::min<double>(low, p[i * dimensions + d]);
          high = std::max<double>(high, p[i * dimensions + d]);
        }
        limits[2 * d] = low;
        limits[2 * d + 1] = high;
      }
    });
  }
  for (int64_t d = 0; d < dimensions; d++) {
    double &low = limits[2 * d], &high = limits[2 * d + 1];
    KD_CHECK(std::isfinite(low) && std::isfinite(high), Runtime, name, ": dimension ", d, "'s range [", low, ", ", high,
             "] is not finite");
    KD_CHECK(low <= high, Runtime, name, ": min should not exceed max, but got min ", low, " max ", high, " for dimension ", d);
    if (low == high) {
      low -= 0.5;
      high += 0.5;
    }
  }
  return limits;
}

std::vector<Tensor> equal_edges(const Tensor& self, IntList bins, std::span<const double> range, bool given, const char* name) {
  const int64_t dimensions = int64_t(bins.size());
  const std::vector<double> limits = limits_of(contiguous_of(self), dimensions, range, given, name);
  std::vector<Tensor> edges;
  for (int64_t d = 0; d < dimensions; d++) {
    KD_CHECK(bins[d] > 0, Runtime, name, "(): bins must be > 0, but got ", bins[d], " for dimension ", d);
    edges.push_back(ops::linspace(Scalar(limits[2 * d]), Scalar(limits[2 * d + 1]), bins[d] + 1, self.dtype(), std::nullopt,
                                  self.device(), std::nullopt));
  }
  return edges;
}

// The bin of a value between sorted edges, the last bin holding its upper edge too; -1 outside.
template <class T>
int64_t bin_of(T x, const T* edges, int64_t count) {
  if (!(x >= edges[0] && x <= edges[count - 1])) return -1;
  const int64_t above = std::upper_bound(edges, edges + count, x) - edges;
  return std::min(above, count - 1) - 1;
}

template <class T>
void divide_by_volume(T* hist, const std::vector<Tensor>& edges, int64_t size) {
  T total = 0;
  for (int64_t i = 0; i < size; i++) total += hist[i];
  for (int64_t i = 0; i < size; i++) {
    T volume = total;
    int64_t rest = i;
    for (size_t d = edges.size(); d-- > 0;) {
      const int64_t bins = edges[d].numel() - 1, k = rest % bins;
      rest /= bins;
      volume *= edges[d].data<T>()[k + 1] - edges[d].data<T>()[k];
    }
    hist[i] /= volume;
  }
}

Tensor count(const Tensor& self, TensorList bins, const Tensor& weight, bool density, const char* name) {
  std::vector<Tensor> edges;
  Dims shape;
  for (const Tensor& b : bins) {
    KD_CHECK(b.dtype() == self.dtype(), Runtime, name,
             ": input tensor and bins tensors should have the same dtype, but got input with dtype ", info(self.dtype()).name,
             " and bins with dtype ", info(b.dtype()).name);
    KD_CHECK(b.dim() == 1 && b.numel() > 0, Runtime, name, ": bins tensor should have one dimension, but got ", b.dim(),
             " dimensions in the bins tensor");
    edges.push_back(contiguous_of(b));
    shape.push_back(b.numel() - 1);
  }
  Tensor hist = empty(shape, self.options());
  if (self.is_meta()) return hist;
  fill_with(hist, Scalar(0));
  const Tensor points = contiguous_of(self), weights = weight.defined() ? contiguous_of(weight) : Tensor();
  const int64_t dimensions = int64_t(edges.size()), n = points.numel() / std::max<int64_t>(dimensions, 1);
  visit<kFloatsT>(self.dtype(), name, [&](auto of) {
    using T = typename decltype(of)::type;
    const T* p = points.data<T>();
    T* h = hist.data<T>();
    for (int64_t i = 0; i < n; i++) {
      int64_t at = 0;
      for (int64_t d = 0; d < dimensions && at >= 0; d++) {
        const int64_t k = bin_of(p[i * dimensions + d], edges[d].data<T>(), edges[d].numel());
        at = k < 0 ? -1 : at * shape[d] + k;
      }
      if (at >= 0) h[at] += weights.defined() ? weights.data<T>()[i] : T(1);
    }
    if (density) divide_by_volume(h, edges, hist.numel());
  });
  return hist;
}

Tensor as_points(const Tensor& self) { return ops::reshape(self, Dims{self.numel(), 1}); }
Tensor as_weights(const Tensor& weight) { return weight.defined() ? ops::reshape(weight, Dims{weight.numel()}) : weight; }

using Range = std::optional<std::span<const double>>;
std::span<const double> values(const Range& r) { return r ? *r : std::span<const double>(); }

}  // namespace

std::vector<Tensor> _histogramdd_bin_edges(const Tensor& self, IntList bins, Range range, const Tensor& weight, bool) {
  check_points(self, int64_t(bins.size()), weight, "histogramdd");
  return equal_edges(self, bins, values(range), range.has_value(), "histogramdd");
}

Tensor _histogramdd_from_bin_cts(const Tensor& self, IntList bins, Range range, const Tensor& weight, bool density) {
  check_points(self, int64_t(bins.size()), weight, "histogramdd");
  return count(self, equal_edges(self, bins, values(range), range.has_value(), "histogramdd"), weight, density, "histogramdd");
}

Tensor _histogramdd_from_bin_tensors(const Tensor& self, TensorList bins, const Tensor& weight, bool density) {
  check_points(self, int64_t(bins.size()), weight, "histogramdd");
  return count(self, bins, weight, density, "histogramdd");
}

std::tuple<Tensor, Tensor> histogram_bin_ct(const Tensor& self, int64_t bins, Range range, const Tensor& weight, bool density) {
  const Tensor points = as_points(self);
  const std::vector<Tensor> edges = equal_edges(points, Dims{bins}, values(range), range.has_value(), "histogram");
  return {count(points, edges, as_weights(weight), density, "histogram"), edges[0]};
}

std::tuple<Tensor, Tensor> histogram_bins_tensor(const Tensor& self, const Tensor& bins, const Tensor& weight, bool density) {
  return {count(as_points(self), TensorList(&bins, 1), as_weights(weight), density, "histogram"), clone_of(bins)};
}

}  // namespace kindling::kernels
