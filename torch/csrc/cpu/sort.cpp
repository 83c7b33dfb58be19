// Sorting and selection along one dimension: radix sort of (key, position), selection with a running threshold.
#include <numeric>

#include "indexing.h"
#include "kernels.h"
#include "keys.h"

namespace kindling {

using namespace indexing;
using namespace keys;

namespace keys {

namespace {

// Least significant digit first; a digit that all keys share costs its histogram only.
template <class Item, int Bits>
Item* radix_sort(Item* items, Item* spare, int64_t n) {
  constexpr int kDigits = 1 << Bits, kKeyBits = 8 * int(sizeof(items->key())), kPasses = (kKeyBits + Bits - 1) / Bits;
  Scratch<uint32_t> counts(int64_t(kPasses) * kDigits);
  std::fill_n(counts.get(), int64_t(kPasses) * kDigits, 0u);
  for (int64_t i = 0; i < n; i++)
    for (int p = 0; p < kPasses; p++) counts[p * kDigits + (items[i].key() >> (p * Bits) & (kDigits - 1))]++;
  for (int p = 0; p < kPasses; p++) {
    uint32_t* count = counts.get() + p * kDigits;
    const int shift = p * Bits;
    if (count[items[0].key() >> shift & (kDigits - 1)] == uint32_t(n)) continue;
    uint32_t at = 0;
    for (int d = 0; d < kDigits; d++) at += std::exchange(count[d], at);
    for (int64_t i = 0; i < n; i++) spare[count[items[i].key() >> shift & (kDigits - 1)]++] = items[i];
    std::swap(items, spare);
  }
  return items;
}

template <class Item>
Item* sort_serial(Item* items, Item* spare, int64_t n) {
  if (n < 200) {
    std::sort(items, items + n);
    return items;
  }
  return n < 16384 ? radix_sort<Item, 8>(items, spare, n) : radix_sort<Item, 11>(items, spare, n);
}

// Halves sorted by two threads each, then merged from both ends; equal items are alike, so the result does not depend on the threads.
template <class Item>
Item* sort_parallel(Item* items, Item* spare, int64_t n) {
  KD_CHECK(n < (int64_t(1) << 32), Runtime, "sort: a dimension of ", n, " elements is too long; the limit is 2^32 - 1");
  if (n < (1 << 17) || get_num_threads() == 1 || in_parallel_region()) return sort_serial(items, spare, n);
  const int64_t half = n / 2;
  Item* sorted[2];
  parallel_for(0, 2, 1, [&](int64_t from, int64_t to) {
    for (int64_t p = from; p < to; p++) sorted[p] = sort_serial(items + p * half, spare + p * half, p ? n - half : half);
  });
  for (int p = 0; p < 2; p++)  // both parts beside each other in `items`
    if (sorted[p] != items + p * half) std::copy_n(sorted[p], p ? n - half : half, items + p * half);
  parallel_for(0, 2, 1, [&](int64_t from, int64_t to) {
    for (int64_t p = from; p < to; p++) {
      const Item *a = items, *b = items + half, *a_end = b, *b_end = items + n;
      if (p == 0) {
        for (int64_t i = 0; i < half; i++) spare[i] = b == b_end || (a != a_end && *a < *b) ? *a++ : *b++;
      } else {
        for (int64_t i = n; i-- > half;) spare[i] = b_end == b || (a_end != a && b_end[-1] < a_end[-1]) ? *--a_end : *--b_end;
      }
    }
  });
  return spare;
}

}  // namespace

Narrow* sort_items(Narrow* items, Narrow* spare, int64_t n) { return sort_parallel(items, spare, n); }
Wide* sort_items(Wide* items, Wide* spare, int64_t n) { return sort_parallel(items, spare, n); }
Plain<uint32_t>* sort_items(Plain<uint32_t>* items, Plain<uint32_t>* spare, int64_t n) { return sort_parallel(items, spare, n); }
Plain<uint64_t>* sort_items(Plain<uint64_t>* items, Plain<uint64_t>* spare, int64_t n) { return sort_parallel(items, spare, n); }

}  // namespace keys

namespace {

void check_sortable(const Tensor& t, const char* name) {
  KD_CHECK(!t.is_complex(), Runtime, name, " does not support complex dtypes on CPU");
}

// Rows along `dim`: that dimension last, contiguous.
struct Rows {
  Tensor data;
  int64_t dim, n, count;

  Rows(const Tensor& self, int64_t d) : dim(wrap_dim(d, self.dim())) {
    const Tensor t = at_least_1d(resolved(self));
    data = dense(dim == t.dim() - 1 ? t : ops::movedim_int(t, dim, -1));
    n = data.sizes().back();
    count = n ? data.numel() / n : 0;
  }
};

// A tensor of rows (dimension `dim` last) in the caller's order of dimensions, contiguous.
Tensor unrows(const Tensor& rows, int64_t dim, const Tensor& self) {
  if (self.dim() == 0) return alias(rows, Dims{}, Dims{}, rows.offset());
  return dim == rows.dim() - 1 ? rows : ops::contiguous(ops::movedim_int(rows, -1, dim));
}

Dims with_last(const Tensor& rows, int64_t n) {
  Dims sizes(rows.sizes());
  sizes.back() = n;
  return sizes;
}

Tensor like(const Tensor& self, IntList sizes, DType d) { return empty(sizes, {d, self.device()}); }

// f(row, first item, spare items) for each row of items, in parallel over rows. Long keys that lie close together are
// sorted as short ones.
template <class T, class F>
void each_row(const Rows& rows, bool descending, F f) {
  using Item = item_t<T>;
  const int64_t n = rows.n;
  parallel_for(0, rows.count, std::max<int64_t>(1, 4096 / std::max<int64_t>(n, 1)), [&](int64_t from, int64_t to) {
    Scratch<Item> items(2 * n);
    for (int64_t r = from; r < to; r++) {
      const T* row = rows.data.data<T>() + r * n;
      if constexpr (!narrow<T> && std::integral<T>) {
        const auto [least, most] = std::minmax_element(row, row + n);
        const uint64_t low = key(*least), high = key(*most);
        if (high - low <= UINT32_MAX) {
          Narrow* words = reinterpret_cast<Narrow*>(items.get());
          for (int64_t i = 0; i < n; i++) words[i] = Narrow(uint32_t(descending ? high - key(row[i]) : key(row[i]) - low), i);
          f(r, words, words + n);
          continue;
        }
      }
      make_items(row, n, descending, items.get());
      f(r, items.get(), items.get() + n);
    }
  });
}

std::tuple<Tensor, Tensor> sort_along(const Tensor& self, int64_t dim, bool descending) {
  check_sortable(self, " Sort");
  dim = wrap_dim(dim, self.dim());
  if (self.is_meta() || self.numel() == 0)
    return {like(self, self.sizes(), self.dtype()), like(self, self.sizes(), DType::int64)};
  const Rows rows(self, dim);
  Tensor values = empty(rows.data.sizes(), rows.data.options()), indices = like(self, rows.data.sizes(), DType::int64);
  visit<kOrderedT>(self.dtype(), "sort", [&]<class T>(Of<T>) {
    each_row<T>(rows, descending, [&]<class Item>(int64_t r, Item* items, Item* spare) {
      const int64_t n = rows.n;
      const Item* sorted = sort_items(items, spare, n);
      const T* row = rows.data.data<T>() + r * n;
      T* out = values.data<T>() + r * n;
      int64_t* places = indices.data<int64_t>() + r * n;
      for (int64_t i = 0; i < n; i++) {
        places[i] = sorted[i].position();
        out[i] = row[places[i]];
      }
    });
  });
  return {unrows(values, rows.dim, self), unrows(indices, rows.dim, self)};
}

// The k least items of a row to the front, in order. Items not below the k-th seen so far are dropped as they are made.
template <class T>
void least(const T* row, int64_t n, bool descending, int64_t k, item_t<T>* buffer, int64_t capacity) {
  using Item = item_t<T>;
  const key_t<T> flip = descending ? ~key_t<T>(0) : 0;
  key_t<T> limit = ~key_t<T>(0);
  int64_t size = 0;
  for (int64_t i = 0; i < n; i++) {
    const key_t<T> x = key(row[i]) ^ flip;
    if (x > limit) continue;
    buffer[size++] = Item(x, i);
    if (size == capacity) {
      std::nth_element(buffer, buffer + k - 1, buffer + size);
      limit = buffer[k - 1].key();
      size = k;
    }
  }
  if (k < size) std::nth_element(buffer, buffer + k - 1, buffer + size);
  std::sort(buffer, buffer + k);
}

// One value a row with its position: `pick(row, n)` gives the position.
template <class Pick>
std::tuple<Tensor, Tensor> pick_along(const Tensor& self, int64_t dim, bool keepdim, const char* name, Pick pick) {
  dim = wrap_dim(dim, self.dim());
  KD_CHECK(self.dim() == 0 || self.sizes()[dim] > 0, Index, name, "(): Expected reduction dim ", dim, " to have non-zero size.");
  Dims sizes(self.sizes());
  if (self.dim() > 0) {
    if (keepdim) sizes[dim] = 1;
    else sizes.erase(dim);
  }
  Tensor values = like(self, sizes, self.dtype()), indices = like(self, sizes, DType::int64);
  if (self.is_meta() || self.numel() == 0) return {values, indices};
  const Rows rows(self, dim);
  visit<kOrderedT>(self.dtype(), name, [&]<class T>(Of<T> tag) {
    parallel_for(0, rows.count, std::max<int64_t>(1, 4096 / rows.n), [&](int64_t from, int64_t to) {
      Scratch<item_t<T>> items(2 * rows.n);
      for (int64_t r = from; r < to; r++) {
        const T* row = rows.data.data<T>() + r * rows.n;
        const int64_t at = pick(row, rows.n, items.get(), tag);
        values.data<T>()[r] = row[at];
        indices.data<int64_t>()[r] = at;
      }
    });
  });
  return {values, indices};
}

template <class T>
int64_t kth(const T* row, int64_t n, int64_t k, item_t<T>* items) {
  make_items(row, n, false, items);
  std::nth_element(items, items + k, items + n);
  return items[k].position();
}

// Position of the lower median; a NaN wins unless they are left out.
template <class T>
int64_t median_place(const T* row, int64_t n, bool ignore_nan, item_t<T>* items) {
  int64_t nans = 0;
  if constexpr (is_float_type<T>) {
    for (int64_t i = 0; i < n; i++) {
      if (!is_nan(row[i])) continue;
      if (!ignore_nan) return i;
      nans++;
    }
  }
  return kth(row, n, nans == n ? 0 : (n - nans - 1) / 2, items);
}

// The most frequent value, the least of those, at its last place.
template <class T>
int64_t mode_place(const T* row, int64_t n, item_t<T>* items) {
  make_items(row, n, false, items);
  const item_t<T>* sorted = sort_items(items, items + n, n);
  int64_t best = 0, place = 0, run = 0;
  for (int64_t i = 0; i < n; i++) {
    const bool same_run = i > 0 && sorted[i].key() == sorted[i - 1].key() && !is_nan(row[sorted[i].position()]);
    run = same_run ? run + 1 : 1;
    if (run > best) {
      best = run;
      place = i;
    }
  }
  return sorted[place].position();
}

void check_orderable(const Tensor& self, const char* name) {
  if (self.is_complex()) fail_dtype(name, self.dtype());
}

}  // namespace

namespace kernels {

std::tuple<Tensor, Tensor> sort(const Tensor& self, int64_t dim, bool descending) { return sort_along(self, dim, descending); }
std::tuple<Tensor, Tensor> sort_stable(const Tensor& self, std::optional<bool>, int64_t dim, bool descending) {
  return sort_along(self, dim, descending);
}

std::tuple<Tensor, Tensor> topk(const Tensor& self, int64_t k, int64_t dim, bool largest, bool) {
  KD_CHECK(!self.is_complex(), Runtime, "topk does not support complex dtypes on CPU");
  dim = wrap_dim(dim, self.dim());
  const int64_t n = self.dim() ? self.sizes()[dim] : 1;
  KD_CHECK(k >= 0 && k <= n, Runtime, "selected index k out of range: k is ", k, " but dimension ", dim, " has size ", n);
  Dims sizes(self.sizes());
  if (self.dim()) sizes[dim] = k;
  if (self.is_meta() || numel_of(sizes) == 0) return {like(self, sizes, self.dtype()), like(self, sizes, DType::int64)};
  const Rows rows(self, dim);
  const Dims row_sizes = with_last(rows.data, k);
  Tensor values = empty(row_sizes, rows.data.options()), indices = like(self, row_sizes, DType::int64);
  visit<kOrderedT>(self.dtype(), "topk", [&]<class T>(Of<T>) {
    const int64_t capacity = std::min(n, std::max<int64_t>(4 * k, 128)) + 1;
    parallel_for(0, rows.count, std::max<int64_t>(1, 4096 / n), [&](int64_t from, int64_t to) {
      Scratch<item_t<T>> buffer(capacity);
      for (int64_t r = from; r < to; r++) {
        const T* row = rows.data.data<T>() + r * n;
        least(row, n, largest, k, buffer.get(), capacity);
        for (int64_t i = 0; i < k; i++) {
          const int64_t at = buffer[i].position();
          indices.data<int64_t>()[r * k + i] = at;
          values.data<T>()[r * k + i] = row[at];
        }
      }
    });
  });
  return {unrows(values, rows.dim, self), unrows(indices, rows.dim, self)};
}

std::tuple<Tensor, Tensor> kthvalue(const Tensor& self, int64_t k, int64_t dim, bool keepdim) {
  check_orderable(self, "kthvalue_cpu");
  const int64_t d = wrap_dim(dim, self.dim()), n = self.dim() ? self.sizes()[d] : 1;
  KD_CHECK(n > 0, Index, "kthvalue(): Expected reduction dim ", d, " to have non-zero size.");
  KD_CHECK(k >= 1 && k <= n, Runtime, "kthvalue(): selected number k out of range for dimension ", d);
  return pick_along(self, dim, keepdim, "kthvalue",
                    [=]<class T>(const T* row, int64_t count, item_t<T>* items, Of<T>) { return kth(row, count, k - 1, items); });
}

static std::tuple<Tensor, Tensor> median_along(const Tensor& self, int64_t dim, bool keepdim, bool ignore_nan) {
  check_orderable(self, "median_cpu");
  return pick_along(
      self, dim, keepdim, ignore_nan ? "nanmedian" : "median",
      [=]<class T>(const T* row, int64_t n, item_t<T>* items, Of<T>) { return median_place(row, n, ignore_nan, items); });
}
static Tensor median_of_all(const Tensor& self, bool ignore_nan) {
  check_orderable(self, "median_cpu");
  Tensor result = like(self, Dims{}, self.dtype());
  if (self.is_meta()) return result;
  if (self.numel() == 0)
    return ops::fill__Scalar(result, is_floating(self.dtype()) ? Scalar(std::numeric_limits<double>::quiet_NaN())
                                                               : Scalar(std::numeric_limits<int64_t>::min()));
  return std::get<0>(median_along(ops::reshape(self, Dims{-1}), 0, false, ignore_nan));
}
Tensor median(const Tensor& self) { return median_of_all(self, false); }
Tensor nanmedian(const Tensor& self) { return median_of_all(self, true); }
std::tuple<Tensor, Tensor> median_dim(const Tensor& self, int64_t dim, bool keepdim) {
  return median_along(self, dim, keepdim, false);
}
std::tuple<Tensor, Tensor> nanmedian_dim(const Tensor& self, int64_t dim, bool keepdim) {
  return median_along(self, dim, keepdim, true);
}

std::tuple<Tensor, Tensor> mode(const Tensor& self, int64_t dim, bool keepdim) {
  check_orderable(self, "mode");
  return pick_along(self, dim, keepdim, "mode",
                    []<class T>(const T* row, int64_t n, item_t<T>* items, Of<T>) { return mode_place(row, n, items); });
}

}  // namespace kernels
}  // namespace kindling
