// Rows of a table by index, their gradient, and bags of rows.
#include <cmath>

#include "indexing.h"
#include "kernels.h"

namespace kindling {

using namespace indexing;

namespace {

Tensor checked_indices(const Tensor& indices, const char* name) {
  KD_CHECK(indices.dtype() == DType::int64 || indices.dtype() == DType::int32, Runtime,
           "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got ",
           legacy_name(indices.dtype()), " instead (while checking arguments for ", name, ")");
  return indices.is_meta() ? indices : dense(cast(indices, DType::int64));
}

void check_row(int64_t v, int64_t rows, int64_t position, const char* name) {
  KD_CHECK(v >= 0 && v < rows, Index, "index out of range in self: ", name, " found ", v, " at position ", position,
           " of its indices, but weight has ", rows, " rows (valid: 0 to ", rows - 1, ")");
}

enum Mode : int64_t { kSumBag, kMeanBag, kMaxBag };

// Bags of indices: the bag of each, and how many count (padding left out).
struct Bags {
  Tensor indices, offsets;
  int64_t count = 0;

  Bags(const Tensor& given, const Tensor& starts, bool include_last)
      : indices(checked_indices(given, "embedding_bag")), offsets(dense(cast(starts, DType::int64))) {
    count = offsets.numel() - (include_last ? 1 : 0);
    const int64_t n = indices.numel();
    for (int64_t b = 0; b < offsets.numel() && !offsets.is_meta(); b++) {
      const int64_t v = offsets.data<int64_t>()[b];
      KD_CHECK(b > 0 || v == 0, Runtime,
               "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got ",
               v);
      KD_CHECK(v <= n, Runtime, "offsets[-1] can not be greater than input's length(", n, "), but got offsets[-1] of ", v);
    }
  }
  int64_t begin(int64_t b) const { return offsets.data<int64_t>()[b]; }
  int64_t end(int64_t b) const { return b + 1 < offsets.numel() ? offsets.data<int64_t>()[b + 1] : indices.numel(); }
};

}  // namespace

namespace kernels {

Tensor embedding(const Tensor& weight, const Tensor& indices_, int64_t, bool, bool) {
  KD_CHECK(weight.dim() == 2, Runtime, "'weight' must be 2-D");
  const Tensor indices = checked_indices(indices_, "embedding");
  Dims sizes(indices.sizes());
  sizes.push_back(weight.sizes()[1]);
  Tensor result = empty(sizes, weight.options());
  if (result.is_meta()) return result;
  const int64_t rows = weight.sizes()[0];
  const Selection s = select_along(weight, 0, indices.data<int64_t>(), indices.numel(), [&](int64_t v, int64_t i) {
    check_row(v, rows, i, "embedding()");
    return v;
  });
  visit_width(weight.itemsize(), [&]<class T>(Of<T>) { take_rows(weight.data<T>(), result.data<T>(), s); });
  return result;
}

Tensor embedding_dense_backward(const Tensor& grad_output, const Tensor& indices_, int64_t num_weights, int64_t padding_idx,
                                bool scale_grad_by_freq) {
  const Tensor indices = checked_indices(indices_, "embedding_backward");
  const int64_t width = grad_output.sizes().back(), n = indices.numel();
  Tensor result = ops::zeros(Dims{num_weights, width}, grad_output.dtype(), std::nullopt, grad_output.device(), std::nullopt);
  if (result.is_meta() || n == 0) return result;
  const Tensor grad = dense(grad_output);
  std::vector<int64_t> count(scale_grad_by_freq ? num_weights : 0);
  const int64_t* index = indices.data<int64_t>();
  for (int64_t i = 0; i < n; i++)
    if (index[i] != padding_idx) check_row(index[i], num_weights, i, "embedding_dense_backward()");
  if (scale_grad_by_freq)
    for (int64_t i = 0; i < n; i++) count[index[i]]++;
  visit<kAnyT>(grad.dtype(), "embedding_backward", [&]<class T>(Of<T>) {
    using C = compute_t<T>;
    const T* g = grad.data<T>();
    T* out = result.data<T>();
    // Threads share the columns, so each row is summed in the order of the indices.
    parallel_for(0, width, std::max<int64_t>(16, kWork / std::max<int64_t>(n, 1)), [&](int64_t from, int64_t to) {
      for (int64_t i = 0; i < n; i++) {
        const int64_t v = index[i];
        if (v == padding_idx) continue;
        T* row = out + v * width;
        const T* add = g + i * width;
        if (scale_grad_by_freq) {
          const C scale = C(1) / C(count[v]);
          for (int64_t j = from; j < to; j++) row[j] = store_as<T>(load(row[j]) + load(add[j]) * scale);
        } else {
          combine_row(row + from, add + from, to - from, Add());
        }
      }
    });
  });
  return result;
}

Tensor embedding_renorm_(const Tensor& self, const Tensor& indices_, double max_norm, double norm_type) {
  const Tensor indices = checked_indices(indices_, "embedding_renorm_");
  if (self.is_meta()) return self;
  std::vector<int64_t> rows(indices.data<int64_t>(), indices.data<int64_t>() + indices.numel());
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  for (int64_t v : rows) {
    check_row(v, self.sizes()[0], 0, "embedding_renorm_()");
    const Tensor row = alias(self, Dims{self.sizes()[1]}, Dims{self.strides()[1]}, self.offset() + v * self.strides()[0]);
    const double norm = item(ops::linalg_vector_norm(row, Scalar(norm_type), std::nullopt, false, DType::none)).to_double();
    if (norm > max_norm) ops::mul__Scalar(row, max_norm / (norm + 1e-7));
  }
  return self;
}

// Results: the bags, offset2bag, bag_size, and for max the index that won each column.
std::tuple<Tensor, Tensor, Tensor, Tensor> _embedding_bag(const Tensor& weight_, const Tensor& indices, const Tensor& offsets,
                                                          bool, int64_t mode, bool, const Tensor& per_sample_weights,
                                                          bool include_last_offset, int64_t padding_idx) {
  KD_CHECK(weight_.dim() == 2, Runtime, "'weight' must be 2-D");
  KD_CHECK(!per_sample_weights.defined() || mode == kSumBag, Runtime,
           "embedding_bag: per_sample_weights only supported with mode='sum'");
  const Bags bags(indices, offsets, include_last_offset);
  const Tensor weight = dense(weight_), scale = per_sample_weights.defined() ? dense(per_sample_weights) : Tensor();
  const int64_t rows = weight.sizes()[0], width = weight.sizes()[1], n = bags.indices.numel();
  const TensorOptions longs{DType::int64, weight.device()};
  Tensor result = ops::zeros(Dims{bags.count, width}, weight.dtype(), std::nullopt, weight.device(), std::nullopt);
  Tensor bag_of = empty(Dims{n}, longs), sizes = empty(Dims{bags.count}, longs);
  Tensor winners = ops::zeros(mode == kMaxBag ? Dims{bags.count, width} : Dims{bags.count}, DType::int64, std::nullopt,
                              weight.device(), std::nullopt);
  if (result.is_meta()) return {result, bag_of, sizes, winners};
  const int64_t* index = bags.indices.data<int64_t>();
  for (int64_t i = 0; i < n; i++) check_row(index[i], rows, i, "embedding_bag()");
  visit<kFloatsT | kHalvesT>(weight.dtype(), "embedding_bag", [&]<class T>(Of<T>) {
    using C = compute_t<T>;
    parallel_for(0, bags.count, std::max<int64_t>(1, kWork / std::max<int64_t>(width, 1)), [&](int64_t from, int64_t to) {
      std::vector<C> sum(width);
      for (int64_t b = from; b < to; b++) {
        std::fill(sum.begin(), sum.end(), C(0));
        int64_t used = 0;
        for (int64_t i = bags.begin(b); i < bags.end(b); i++) {
          bag_of.data<int64_t>()[i] = b;
          if (index[i] == padding_idx) continue;
          const T* row = weight.data<T>() + index[i] * width;
          const C w = scale.defined() ? load(scale.data<T>()[i]) : C(1);
          for (int64_t j = 0; j < width; j++) {
            if (mode != kMaxBag) sum[j] += load(row[j]) * w;
            else if (used == 0 || load(row[j]) > sum[j]) {
              sum[j] = load(row[j]);
              winners.data<int64_t>()[b * width + j] = index[i];
            }
          }
          used++;
        }
        sizes.data<int64_t>()[b] = used;
        for (int64_t j = 0; j < width; j++)
          result.data<T>()[b * width + j] = store_as<T>(mode == kMeanBag && used ? sum[j] / C(used) : sum[j]);
      }
    });
  });
  return {result, bag_of, sizes, winners};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> _embedding_bag_forward_only(const Tensor& weight, const Tensor& indices,
                                                                       const Tensor& offsets, bool scale_grad_by_freq,
                                                                       int64_t mode, bool sparse,
                                                                       const Tensor& per_sample_weights, bool include_last_offset,
                                                                       int64_t padding_idx) {
  return _embedding_bag(weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset,
                        padding_idx);
}

Tensor _embedding_bag_dense_backward(const Tensor& grad_, const Tensor& indices_, const Tensor& offset2bag_,
                                     const Tensor& bag_size_, const Tensor& maximum_indices_, int64_t num_weights,
                                     bool scale_grad_by_freq, int64_t mode, const Tensor& per_sample_weights,
                                     int64_t padding_idx) {
  const Tensor grad = dense(grad_), indices = checked_indices(indices_, "embedding_bag");
  auto given = [](const Tensor& t) { return t.defined() ? dense(t) : t; };
  const Tensor offset2bag = given(offset2bag_), bag_size = given(bag_size_), maximum_indices = given(maximum_indices_);
  const Tensor scale = per_sample_weights.defined() ? dense(per_sample_weights) : Tensor();
  const int64_t width = grad.sizes()[1], n = indices.numel(), bags = grad.sizes()[0];
  Tensor result = ops::zeros(Dims{num_weights, width}, grad.dtype(), std::nullopt, grad.device(), std::nullopt);
  if (result.is_meta()) return result;
  const Tensor bag_of = dense(offset2bag), count_of = dense(bag_size), winners = dense(maximum_indices);
  const int64_t *index = indices.data<int64_t>(), *bag = bag_of.data<int64_t>(), *sizes = count_of.data<int64_t>();
  std::vector<int64_t> count(num_weights);
  for (int64_t i = 0; i < n; i++) {
    check_row(index[i], num_weights, i, "embedding_bag()");
    count[index[i]]++;
  }
  visit<kFloatsT | kHalvesT>(grad.dtype(), "embedding_bag_backward", [&]<class T>(Of<T>) {
    using C = compute_t<T>;
    auto add = [&](int64_t row, int64_t b, int64_t j, C w) {
      T& x = result.data<T>()[row * width + j];
      x = store_as<T>(load(x) + load(grad.data<T>()[b * width + j]) * w);
    };
    if (mode == kMaxBag) {
      for (int64_t b = 0; b < bags; b++)
        for (int64_t j = 0; j < width && sizes[b] > 0; j++) add(winners.data<int64_t>()[b * width + j], b, j, C(1));
      return;
    }
    for (int64_t i = 0; i < n; i++) {
      if (index[i] == padding_idx) continue;
      C w = scale.defined() ? load(scale.data<T>()[i]) : C(1);
      if (mode == kMeanBag) w /= C(sizes[bag[i]]);
      if (scale_grad_by_freq) w /= C(count[index[i]]);
      for (int64_t j = 0; j < width; j++) add(index[i], bag[i], j, w);
    }
  });
  return result;
}

Tensor _embedding_bag_per_sample_weights_backward(const Tensor& grad_, const Tensor& weight_, const Tensor& indices_,
                                                  const Tensor&, const Tensor& offset2bag_, int64_t, int64_t padding_idx) {
  const Tensor grad = dense(grad_), weight = dense(weight_), indices = checked_indices(indices_, "embedding_bag");
  const Tensor offset2bag = dense(offset2bag_);
  const int64_t width = grad.sizes()[1];
  Tensor result = empty(Dims{indices.numel()}, grad.options());
  if (result.is_meta()) return result;
  const Tensor bag_of = dense(offset2bag);
  visit<kFloatsT | kHalvesT>(grad.dtype(), "embedding_bag_per_sample_weights_backward", [&]<class T>(Of<T>) {
    for (int64_t i = 0; i < indices.numel(); i++) {
      const int64_t v = indices.data<int64_t>()[i];
      const T *g = grad.data<T>() + bag_of.data<int64_t>()[i] * width, *row = weight.data<T>() + v * width;
      compute_t<T> sum = 0;
      for (int64_t j = 0; j < width && v != padding_idx; j++) sum += load(g[j]) * load(row[j]);
      result.data<T>()[i] = store_as<T>(sum);
    }
  });
  return result;
}

}  // namespace kernels
}  // namespace kindling
