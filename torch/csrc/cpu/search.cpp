// Masks, places of nonzero elements, distinct values, binary search and counting.
#include <cmath>
#include <numeric>

#include "indexing.h"
#include "kernels.h"
#include "keys.h"

namespace kindling {

using namespace indexing;
using namespace keys;

namespace {

template <class T>
bool nonzero_value(T x) {
  if constexpr (is_half<T>) return (x.bits & 0x7fff) != 0;
  else return x != T(0);
}

// Runs count(from, to) over parts of [0, n), then write(from, to, start) with the sum of the counts before each part.
template <class Count, class Write, class Alloc>
void two_passes(int64_t n, Count count, Alloc alloc, Write write) {
  constexpr int64_t kPart = 1 << 16;
  const int64_t parts = (n + kPart - 1) / kPart;
  std::vector<int64_t> starts(parts + 1);
  parallel_for(0, parts, 1, [&](int64_t from, int64_t to) {
    for (int64_t p = from; p < to; p++) starts[p + 1] = count(p * kPart, std::min(n, (p + 1) * kPart));
  });
  for (int64_t p = 0; p < parts; p++) starts[p + 1] += starts[p];
  alloc(starts[parts]);
  parallel_for(0, parts, 1, [&](int64_t from, int64_t to) {
    for (int64_t p = from; p < to; p++) write(p * kPart, std::min(n, (p + 1) * kPart), starts[p]);
  });
}

// The places in [from, to) of elements that are not zero, a buffer of them at a time: take(places, count). No branch depends
// on the data, which may be as random as a mask.
template <class T, class Take>
void each_nonzero(const T* p, int64_t from, int64_t to, Take take) {
  constexpr int64_t kBlock = 256;
  int64_t places[kBlock];
  for (int64_t i = from; i < to; i += kBlock) {
    const int64_t end = std::min(to, i + kBlock);
    int64_t n = 0;
    for (int64_t j = i; j < end; j++) {
      places[n] = j;
      n += nonzero_value(p[j]);
    }
    take(places, n);
  }
}

template <class T>
int64_t count_nonzero(const T* p, int64_t from, int64_t to) {
  int64_t n = 0, i = from;
  if constexpr (std::same_as<T, bool>)
    for (; i + 8 <= to; i += 8) {  // eight bytes of 0 or 1, summed by one multiplication
      uint64_t w;
      std::memcpy(&w, p + i, 8);
      n += int64_t(w * 0x0101010101010101ull >> 56);
    }
  for (; i < to; i++) n += nonzero_value(p[i]);
  return n;
}

void coordinates(int64_t linear, IntList sizes, int64_t* out) {
  for (int64_t d = int64_t(sizes.size()) - 1; d >= 0; d--) {
    out[d] = linear % sizes[d];
    linear /= sizes[d];
  }
}

void check_has_data(const Tensor& t, const char* name) {
  KD_CHECK(!t.is_meta(), NotImplemented, name, ": the number of results depends on the data, which a meta tensor does not have");
}

}  // namespace

namespace kernels {

Tensor nonzero(const Tensor& self_) {
  check_has_data(self_, "nonzero");
  const Tensor self = dense(self_);
  const int64_t nd = self.dim();
  Tensor result;
  visit<kAnyT>(self.dtype(), "nonzero", [&]<class T>(Of<T>) {
    const T* p = self.data<T>();
    two_passes(
        self.numel(), [&](int64_t from, int64_t to) { return count_nonzero(p, from, to); },
        [&](int64_t n) { result = empty(Dims{n, nd}, {DType::int64, self.device()}); },
        [&](int64_t from, int64_t to, int64_t at) {
          int64_t* out = result.data<int64_t>() + at * nd;
          each_nonzero(p, from, to, [&](const int64_t* places, int64_t n) {
            if (nd == 1) std::copy_n(places, n, out);
            else
              for (int64_t k = 0; k < n; k++) coordinates(places[k], self.sizes(), out + k * nd);
            out += n * nd;
          });
        });
  });
  return result;
}

Tensor nonzero_static(const Tensor& self, int64_t size, int64_t fill_value) {
  KD_CHECK(size >= 0, Runtime, "nonzero_static: 'size' must be an non-negative integer");
  Tensor result = empty(Dims{size, self.dim()}, {DType::int64, self.device()});
  if (result.is_meta()) return result;
  const Tensor found = nonzero(self);
  const int64_t used = std::min(size, found.sizes()[0]) * self.dim();
  std::copy_n(found.data<int64_t>(), used, result.data<int64_t>());
  std::fill(result.data<int64_t>() + used, result.data<int64_t>() + result.numel(), fill_value);
  return result;
}

Tensor masked_select(const Tensor& self_, const Tensor& mask_) {
  KD_CHECK(mask_.dtype() == DType::bool_ || mask_.dtype() == DType::uint8, Runtime,
           "masked_select: expected BoolTensor for mask, but got ", info(mask_.dtype()).name);
  check_has_data(self_, "masked_select");
  check_has_data(mask_, "masked_select");
  const Dims sizes = broadcast_shapes(self_.sizes(), mask_.sizes());
  const Tensor self = dense(ops::expand(self_, sizes)), mask = dense(ops::expand(cast(mask_, DType::bool_), sizes));
  const bool* m = reinterpret_cast<const bool*>(mask.raw());
  Tensor result;
  visit_width(self.itemsize(), [&]<class T>(Of<T>) {
    two_passes(
        self.numel(), [&](int64_t from, int64_t to) { return count_nonzero(m, from, to); },
        [&](int64_t n) { result = empty(Dims{n}, self.options()); },
        [&](int64_t from, int64_t to, int64_t at) {
          const T* p = self.data<T>();
          T* out = result.data<T>() + at;
          each_nonzero(m, from, to, [&](const int64_t* places, int64_t n) {
            for (int64_t k = 0; k < n; k++) *out++ = p[places[k]];
          });
        });
  });
  return result;
}

Tensor masked_scatter_(const Tensor& self, const Tensor& mask_, const Tensor& source_) {
  KD_CHECK(self.dtype() == source_.dtype(), Runtime, "masked_scatter: expected self and source to have same dtypes but got ",
           legacy_name(self.dtype()), " and ", legacy_name(source_.dtype()));
  KD_CHECK(mask_.dtype() == DType::bool_, Runtime, "masked_scatter_ only supports boolean masks, but got mask with dtype ",
           legacy_name(mask_.dtype()));
  check_target(self);
  if (self.is_meta()) return self;
  const Tensor mask = dense(ops::expand(mask_, self.sizes())), source = apart(dense(source_), self);
  const Tensor target = self.is_contiguous() ? self : ops::contiguous(self);
  int64_t used = 0;
  for (int64_t i = 0; i < mask.numel(); i++) used += mask.data<uint8_t>()[i];
  KD_CHECK(used <= source.numel(), Runtime, "Number of elements of source < number of ones in mask: ", source.numel(), " < ",
           used);
  visit_width(self.itemsize(), [&]<class T>(Of<T>) {
    const T* from = source.data<T>();
    for (int64_t i = 0; i < target.numel(); i++)
      if (mask.data<uint8_t>()[i]) target.data<T>()[i] = *from++;
  });
  return target.is(self) ? self : ops::copy_(self, target);
}
Tensor masked_scatter(const Tensor& self, const Tensor& mask, const Tensor& source) {
  return masked_scatter_(ops::contiguous(ops::clone(ops::expand(resolved(self), broadcast_shapes(self.sizes(), mask.sizes())))),
                         mask, source);
}

Tensor masked_fill__Tensor(const Tensor& self, const Tensor& mask, const Tensor& value) {
  KD_CHECK(value.dim() == 0, Runtime, "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ",
           value.dim(), " dimension(s).");
  return ops::masked_fill__Scalar(self, mask, value.is_meta() ? Scalar(0) : item(value));
}
Tensor masked_fill_Tensor(const Tensor& self, const Tensor& mask, const Tensor& value) {
  KD_CHECK(value.dim() == 0, Runtime, "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ",
           value.dim(), " dimension(s).");
  return ops::masked_fill_Scalar(self, mask, value.is_meta() ? Scalar(0) : item(value));
}

// ---- distinct values ----

// Sorted distinct values and, if wanted, their counts: the keys are all there is to sort.
template <class T>
static std::tuple<Tensor, Tensor, Tensor> distinct_values(const Tensor& self, bool want_counts) {
  using Key = Plain<key_t<T>>;
  const int64_t n = self.numel();
  const T* p = self.data<T>();
  Scratch<Key> keys(2 * n);
  for (int64_t i = 0; i < n; i++) keys[i] = {key(p[i])};
  Key* sorted = n ? sort_items(keys.get(), keys.get() + n, n) : keys.get();
  std::vector<int64_t> starts;
  int64_t found = 0;
  for (int64_t i = 0; i < n; i++) {
    const auto k = sorted[i].key();
    if (i > 0 && k == sorted[i - 1].key() && !is_nan(value_of<T>(k))) continue;
    if (want_counts) starts.push_back(i);
    found++;
  }
  const TensorOptions longs{DType::int64, self.device()};
  Tensor values = empty(Dims{found}, self.options()), counts = empty(Dims{want_counts ? found : 0}, longs);
  for (int64_t i = 0, at = 0; i < n; i++) {
    const auto k = sorted[i].key();
    if (i == 0 || k != sorted[i - 1].key() || is_nan(value_of<T>(k))) values.data<T>()[at++] = value_of<T>(k);
  }
  for (int64_t i = 0; want_counts && i < found; i++) counts.data<int64_t>()[i] = (i + 1 < found ? starts[i + 1] : n) - starts[i];
  return {values, empty(Dims{0}, longs), counts};
}

// Values, inverse and counts of a flat tensor; positions of equal values are given in `order` (sorted, or as they are).
template <class T>
static std::tuple<Tensor, Tensor, Tensor> distinct(const Tensor& self, bool consecutive, bool want_inverse, bool want_counts) {
  const int64_t n = self.numel();
  const T* p = self.data<T>();
  Scratch<item_t<T>> items(2 * n);
  make_items(p, n, false, items.get());
  const item_t<T>* order = consecutive ? items.get() : sort_items(items.get(), items.get() + n, n);
  Tensor inverse = empty(want_inverse ? Dims(self.sizes()) : Dims{0}, {DType::int64, self.device()});
  std::vector<int64_t> starts;
  for (int64_t i = 0; i < n; i++) {
    const bool fresh = i == 0 || order[i].key() != order[i - 1].key() || is_nan(p[order[i].position()]);
    if (fresh) starts.push_back(i);
    if (want_inverse) inverse.data<int64_t>()[order[i].position()] = int64_t(starts.size()) - 1;
  }
  const int64_t found = int64_t(starts.size());
  Tensor values = empty(Dims{found}, self.options()),
         counts = empty(Dims{want_counts ? found : 0}, {DType::int64, self.device()});
  starts.push_back(n);
  for (int64_t i = 0; i < found; i++) {
    values.data<T>()[i] = p[order[starts[i]].position()];
    if (want_counts) counts.data<int64_t>()[i] = starts[i + 1] - starts[i];
  }
  return {values, inverse, counts};
}

static std::tuple<Tensor, Tensor, Tensor> distinct_flat(const Tensor& self_, bool consecutive, bool inverse, bool counts) {
  check_has_data(self_, "unique");
  const Tensor self = dense(self_);
  return visit<kOrderedT>(self.dtype(), "unique", [&]<class T>(Of<T>) {
    return consecutive || inverse ? distinct<T>(self, consecutive, inverse, counts) : distinct_values<T>(self, counts);
  });
}

std::tuple<Tensor, Tensor, Tensor> _unique2(const Tensor& self, bool, bool return_inverse, bool return_counts) {
  return distinct_flat(self, false, return_inverse, return_counts);
}
std::tuple<Tensor, Tensor> _unique(const Tensor& self, bool, bool return_inverse) {
  auto [values, inverse, counts] = distinct_flat(self, false, return_inverse, false);
  return {values, inverse};
}

// Distinct slices along `dim`: rows are compared element by element.
static std::tuple<Tensor, Tensor, Tensor> distinct_slices(const Tensor& self, int64_t dim, bool consecutive, bool want_inverse,
                                                          bool want_counts) {
  check_has_data(self, "unique");
  KD_CHECK(self.dim() > 0, Index, "Dimension specified as ", dim, " but tensor has no dimensions");
  dim = wrap_dim(dim, self.dim());
  const int64_t n = self.sizes()[dim];
  if (self.numel() == 0) {
    int64_t zeros = 0;
    for (int64_t s : self.sizes()) zeros += s == 0;
    KD_CHECK(n == 0 && zeros == 1, Runtime,
             "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied");
    const TensorOptions longs{DType::int64, self.device()};
    return {empty(self.sizes(), self.options()), empty(Dims{0}, longs), empty(Dims{0}, longs)};
  }
  const Tensor moved = dense(ops::movedim_int(self, dim, 0));
  const int64_t width = moved.numel() / n;
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::vector<bool> fresh(n, true);
  visit<kOrderedT>(self.dtype(), "unique_dim", [&]<class T>(Of<T>) {
    const T* p = moved.data<T>();
    auto value = [](T x) { return load(x); };
    if (!consecutive)
      std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        return std::lexicographical_compare(p + a * width, p + (a + 1) * width, p + b * width, p + (b + 1) * width,
                                            [&](T x, T y) { return key(x) < key(y); });
      });
    for (int64_t i = 1; i < n; i++) {
      const T *a = p + order[i] * width, *b = p + order[i - 1] * width;
      fresh[i] = !std::equal(a, a + width, b, [&](T x, T y) { return value(x) == value(y); });
    }
  });
  const TensorOptions longs{DType::int64, self.device()};
  Tensor inverse = empty(Dims{want_inverse ? n : 0}, longs);
  std::vector<int64_t> firsts, sizes;
  for (int64_t i = 0; i < n; i++) {
    if (fresh[i]) {
      firsts.push_back(order[i]);
      sizes.push_back(0);
    }
    sizes.back()++;
    if (want_inverse) inverse.data<int64_t>()[order[i]] = int64_t(firsts.size()) - 1;
  }
  const int64_t found = int64_t(firsts.size());
  Tensor chosen = empty(Dims{found}, longs), counts = empty(Dims{want_counts ? found : 0}, longs);
  std::copy(firsts.begin(), firsts.end(), chosen.data<int64_t>());
  if (want_counts) std::copy(sizes.begin(), sizes.end(), counts.data<int64_t>());
  return {ops::index_select(self, dim, chosen), inverse, counts};
}

std::tuple<Tensor, Tensor, Tensor> unique_dim(const Tensor& self, int64_t dim, bool, bool return_inverse, bool return_counts) {
  return distinct_slices(self, dim, false, return_inverse, return_counts);
}
std::tuple<Tensor, Tensor, Tensor> unique_dim_consecutive(const Tensor& self, int64_t dim, bool return_inverse,
                                                          bool return_counts) {
  return distinct_slices(self, dim, true, return_inverse, return_counts);
}
std::tuple<Tensor, Tensor, Tensor> unique_consecutive(const Tensor& self, bool return_inverse, bool return_counts,
                                                      std::optional<int64_t> dim) {
  return dim ? distinct_slices(self, *dim, true, return_inverse, return_counts)
             : distinct_flat(self, true, return_inverse, return_counts);
}

// ---- binary search ----

static bool search_right(bool right, std::optional<std::string_view> side) {
  if (!side) return right;
  KD_CHECK(*side == "left" || *side == "right", Runtime, "torch.searchsorted(): side can only be 'left' or 'right' but got ",
           *side);
  KD_CHECK(!right || *side == "right", Runtime, "torch.searchsorted(): side and right can't be set to opposites, got side of ",
           *side, " while right was True");
  return *side == "right";
}

Tensor searchsorted_Tensor(const Tensor& sorted_sequence, const Tensor& self, bool out_int32, bool right,
                           std::optional<std::string_view> side, const Tensor& sorter_) {
  right = search_right(right, side);
  const bool vector = sorted_sequence.dim() == 1;
  if (self.dim() == 0)
    KD_CHECK(vector, Runtime,
             "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got ",
             "boundaries tensor dim(", sorted_sequence.dim(), ") and input value's dim(0) numel(1)");
  KD_CHECK(sorted_sequence.dim() > 0, Runtime,
           "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension");
  KD_CHECK(vector || (sorted_sequence.dim() == self.dim() &&
                      same(sorted_sequence.sizes().first(self.dim() - 1), self.sizes().first(self.dim() - 1))),
           Runtime,
           "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and ",
           "input value tensor must match, but we got boundaries tensor ", sorted_sequence.sizes(), " and input value tensor ",
           self.sizes());
  if (sorter_.defined())
    KD_CHECK(same(sorted_sequence.sizes(), sorter_.sizes()), Runtime,
             "torch.searchsorted(): boundary and sorter must have the same size, ", "but got boundary tensor ",
             sorted_sequence.sizes(), "and got sorter tensor ", sorter_.sizes());
  const Device device = sorted_sequence.is_meta() ? sorted_sequence.device() : self.device();
  Tensor result = empty(self.sizes(), {out_int32 ? DType::int32 : DType::int64, device});
  if (result.is_meta() || self.numel() == 0) return result;
  ResultType type;
  type.add(sorted_sequence);
  type.add(self);
  const DType common = type.get();
  const Tensor edges = dense(cast(sorted_sequence, common)), values = dense(cast(self, common));
  const Tensor sorter = sorter_.defined() ? dense(cast(sorter_, DType::int64)) : Tensor();
  const int64_t n = edges.sizes().back(), row = vector ? 0 : values.sizes().back();
  if (sorter.defined())
    for (int64_t i = 0; i < sorter.numel(); i++)
      KD_CHECK(sorter.data<int64_t>()[i] >= 0 && sorter.data<int64_t>()[i] < n, Index,
               "torch.searchsorted(): sorter index out of range");
  visit<kOrderedT>(common, "searchsorted_out_cpu", [&]<class T>(Of<T>) {
    parallel_for(0, values.numel(), 512, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) {
        const int64_t first = row ? i / row * n : 0;
        const T* e = edges.data<T>() + first;
        const int64_t* order = sorter.defined() ? sorter.data<int64_t>() + first : nullptr;
        const auto v = load(values.data<T>()[i]);
        auto before = [&](int64_t k) {  // does element k come before v? NaN comes last
          const auto x = load(e[order ? order[k] : k]);
          return right ? !(x > v) : !(x >= v);
        };
        int64_t low = 0, length = n;  // halved without a branch on the data
        while (length > 1) {
          const int64_t half = length / 2;
          low += half & -int64_t(before(low + half - 1));
          length -= half;
        }
        low += length == 1 && before(low);
        if (out_int32) result.data<int32_t>()[i] = int32_t(low);
        else result.data<int64_t>()[i] = low;
      }
    });
  });
  return result;
}

Tensor searchsorted_Scalar(const Tensor& sorted_sequence, const Scalar& self, bool out_int32, bool right,
                           std::optional<std::string_view> side, const Tensor& sorter) {
  return searchsorted_Tensor(sorted_sequence, wrap_number(self), out_int32, right, side, sorter);
}

Tensor bucketize_Tensor(const Tensor& self, const Tensor& boundaries, bool out_int32, bool right) {
  KD_CHECK(boundaries.dim() == 1, Runtime, "boundaries tensor must be 1 dimension, but got dim(", boundaries.dim(), ")");
  return searchsorted_Tensor(boundaries, self, out_int32, right, std::nullopt, Tensor());
}
Tensor bucketize_Scalar(const Scalar& self, const Tensor& boundaries, bool out_int32, bool right) {
  return bucketize_Tensor(wrap_number(self), boundaries, out_int32, right);
}

// ---- counting ----

Tensor bincount(const Tensor& self_, const Tensor& weights, int64_t minlength) {
  check_has_data(self_, "bincount");
  KD_CHECK(minlength >= 0, Runtime, "minlength should be >= 0");
  if (!is_integral(self_.dtype(), false)) fail_dtype("bincount_cpu", self_.dtype());
  KD_CHECK(self_.dim() == 1, Runtime, "bincount only supports 1-d non-negative integral inputs.");
  KD_CHECK(!weights.defined() || (weights.dim() == 1 && weights.numel() == self_.numel()), Runtime,
           "weights should be 1-d and have the same length as input");
  const Tensor self = dense(cast(self_, DType::int64));
  const int64_t n = self.numel();
  int64_t most = -1;
  for (int64_t i = 0; i < n; i++) {
    const int64_t v = self.data<int64_t>()[i];
    KD_CHECK(v >= 0, Runtime, "bincount only supports 1-d non-negative integral inputs.");
    most = std::max(most, v);
  }
  const DType d = !weights.defined() || n == 0        ? DType::int64
                  : weights.dtype() == DType::float32 ? DType::float32
                                                      : DType::float64;
  Tensor result = ops::zeros(Dims{std::max(minlength, most + 1)}, d, std::nullopt, self.device(), std::nullopt);
  const Tensor w = weights.defined() ? dense(cast(weights, d)) : Tensor();
  auto count = [&]<class T>(Of<T>) {
    for (int64_t i = 0; i < n; i++) result.data<T>()[self.data<int64_t>()[i]] += w.defined() ? w.data<T>()[i] : T(1);
  };
  if (d == DType::int64) count(Of<int64_t>());
  else if (d == DType::float32) count(Of<float>());
  else count(Of<double>());
  return result;
}

Tensor histc(const Tensor& self_, int64_t bins, const Scalar& min, const Scalar& max) {
  KD_CHECK(bins > 0, Runtime, "torch.histogram(): bins must be > 0, but got ", bins, " for dimension 0");
  if (!is_floating(self_.dtype()) || is_float8(self_.dtype())) fail_dtype("histogram_cpu", self_.dtype());
  if (self_.is_meta()) return empty(Dims{bins}, self_.options());
  double low = min.to_double(), high = max.to_double();
  const Tensor self = dense(self_);
  if (low == high && self.numel() > 0) {
    low = item(ops::min(self)).to_double();
    high = item(ops::max(self)).to_double();
  }
  KD_CHECK(std::isfinite(low) && std::isfinite(high), Runtime, "torch.histc: range of [", low, ", ", high, "] is not finite");
  if (low == high) {
    low -= 1;
    high += 1;
  }
  KD_CHECK(low < high, Runtime, "torch.histc: max must be larger than min");
  Tensor result = ops::zeros(Dims{bins}, self.dtype(), std::nullopt, self.device(), std::nullopt);
  visit<kFloatsT | kHalvesT>(self.dtype(), "histogram_cpu", [&]<class T>(Of<T>) {
    using C = compute_t<T>;
    std::vector<int64_t> counts(bins);
    const C first = C(low), last = C(high);
    for (int64_t i = 0; i < self.numel(); i++) {
      const C x = load(self.data<T>()[i]);
      if (!(x >= first && x <= last)) continue;
      counts[std::min(bins - 1, int64_t((x - first) * bins / (last - first)))]++;
    }
    for (int64_t b = 0; b < bins; b++) result.data<T>()[b] = store_as<T>(C(counts[b]));
  });
  return result;
}

}  // namespace kernels
}  // namespace kindling
