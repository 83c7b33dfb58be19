// The driver of reductions. A reduction is cut into leaves of fixed length whose states the generated kernels fold; the states
// are then merged as a tree. Where the cuts lie depends on sizes and strides alone, so threads do not change a bit.
#include <algorithm>
#include <cstring>
#include <tuple>

#include "convert.h"
#include "copy.h"
#include "dispatch.h"
#include "families.h"
#include "scratch.h"
#include "threads.h"

namespace kindling {
namespace {

constexpr int64_t kLightWork = 32768;                      // elements that are worth a thread
constexpr int64_t kFinish = 1024;                          // results converted at a time
constexpr int64_t kStagedColumns = 256, kStagedRows = 64;  // a tile that stays in cache
constexpr int64_t kWide = 128;                             // columns
constexpr int kOutputs = 2;

// Dimensions with sizes and strides (bytes), slowest first.
struct Grid {
  Dims sizes, strides;

  int64_t count() const {
    int64_t n = 1;
    for (int64_t s : sizes) n *= s;
    return n;
  }
  void add(int64_t size, int64_t stride) {
    if (size == 1) return;
    if (sizes.size() && strides.back() == size * stride) {  // joins the dimension before
      sizes.back() *= size;
      strides.back() = stride;
    } else {
      sizes.push_back(size);
      strides.push_back(stride);
    }
  }
  // Takes the fastest dimension off.
  std::pair<int64_t, int64_t> split(int64_t unit) {
    if (!sizes.size()) return {1, unit};
    const std::pair<int64_t, int64_t> last = {sizes.back(), strides.back()};
    sizes.pop_back();
    strides.pop_back();
    return last;
  }
  int64_t offset(int64_t index) const {
    int64_t at = 0;
    for (int64_t d = sizes.size() - 1; d >= 0; d--) {
      at += index % sizes[d] * strides[d];
      index /= sizes[d];
    }
    return at;
  }
};

// The dtype in which a kernel leaves an output of `kind`.
DType held_as(OperandKind kind, DType compute) {
  return kind == OperandKind::Bool    ? DType::bool_
         : kind == OperandKind::Int64 ? DType::int64
         : kind == OperandKind::Real  ? to_real(compute)
                                      : compute;
}

struct Reduction {
  const ReductionInfo& info;
  const ReductionKernels* kernels = nullptr;
  DType stored, held;
  Compute compute;
  const char* x = nullptr;
  char scalars[16 * 4];
  int64_t state_bytes = 0, outputs = 1, count = 1;
  Grid kept, reduced;                     // but their fastest dimensions, which are:
  int64_t run = 1, run_stride = 0;        // kept
  int64_t length = 1, length_stride = 0;  // reduced
  bool by_columns = false, staged = false;
  int64_t wide = 1;  // rows that are folded as one, their columns side by side
  int64_t chunk = 1, chunks = 1, leaves = 1, segment = 1, segments = 1;

  void arrange(const Tensor& t, const bool* is_reduced);
  void widen(int64_t item);
  void fold(char* states, int64_t capacity, int64_t at, int64_t leaf, int64_t first, int64_t n, char* buffer) const;
  void fold_staged(char* states, int64_t capacity, int64_t at, const char* p, int64_t n, int64_t long_, int64_t index0,
                   char* buffer) const;
  void run_all(const Tensor* outs) const;
  void run_leaves(char* states, int64_t capacity) const;
  void finish(const Tensor* outs, const char* states, int64_t capacity, int64_t at, int64_t first, int64_t n, char* buffer) const;
  int64_t finish_bytes() const { return info.nout * (kFinish + kReducePad) * 16; }
  int64_t stage_bytes() const { return staged ? (by_columns ? kStagedRows * kStagedColumns : kReduceChunk) * itemsize(held) : 0; }
};

void Reduction::arrange(const Tensor& t, const bool* is_reduced) {
  const int64_t item = t.itemsize(), ndim = t.dim();
  SmallVec<int, 8> order;
  for (int d = 0; d < ndim; d++) {
    if (is_reduced[d]) {
      order.push_back(d);
      count *= t.sizes()[d];
    } else {
      kept.add(t.sizes()[d], t.strides()[d] * item);
      outputs *= t.sizes()[d];
    }
  }
  if (!info.indexed) std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return t.strides()[a] > t.strides()[b]; });
  for (int d : order) reduced.add(t.sizes()[d], t.strides()[d] * item);
  x = t.raw();
  std::tie(run, run_stride) = kept.split(item);
  std::tie(length, length_stride) = reduced.split(item);
  const bool rows = length_stride == item && length >= kReducePad, columns = run_stride == item && run > 1;
  if (!count) {  // folds of nothing
    length = 0;
    reduced = Grid();
  }
  by_columns = count && !rows && (columns || length < kReducePad);
  staged = count && (stored != held || (by_columns ? run_stride : length_stride) != item);
  widen(item);
  chunk = !by_columns ? kReduceChunk : staged ? kStagedRows : kReduceRows;
  chunks = std::max<int64_t>(1, (length + chunk - 1) / chunk);
  leaves = reduced.count() * chunks;
  segment = std::min(run, by_columns ? kFinish : std::clamp<int64_t>(4 * kReduceChunk / std::max<int64_t>(length, 1), 1, 256));
  segments = (run + segment - 1) / segment;
}

// Few columns would leave most of a vector empty: a power of two of contiguous rows counts as one row of several leaves.
void Reduction::widen(int64_t item) {
  if (!by_columns || staged || info.indexed || outputs != run || run >= kReducePad || length_stride != run * item) return;
  while (length % 2 == 0 && run * 2 <= kWide) {
    run *= 2;
    outputs *= 2;
    length /= 2;
    length_stride *= 2;
    wide *= 2;
  }
}

// States of outputs [first, first + n) of one run, for one leaf.
void Reduction::fold(char* states, int64_t capacity, int64_t at, int64_t leaf, int64_t first, int64_t n, char* buffer) const {
  const int64_t part = leaf % chunks * chunk, now = std::min(chunk, length - part);
  const char* p = x + kept.offset(first / run) + first % run * run_stride + reduced.offset(leaf / chunks) + part * length_stride;
  if (staged) return fold_staged(states, capacity, at, p, n, now, part, buffer);
  if (by_columns) kernels->columns(states, capacity, at, p, now, n, length_stride, part, scalars);
  else kernels->rows(states, capacity, at, p, n, now, run_stride, part, scalars);
}

// The same through a buffer in the compute dtype: `n` outputs from `p`, `long_` elements each.
void Reduction::fold_staged(char* states, int64_t capacity, int64_t at, const char* p, int64_t n, int64_t long_, int64_t index0,
                            char* buffer) const {
  const int64_t item = itemsize(held);
  const int64_t most = by_columns ? kStagedColumns : std::max<int64_t>(1, kReduceChunk / std::max<int64_t>(long_, 1));
  for (int64_t j = 0; j < n; j += most) {
    const int64_t now = std::min(most, n - j);
    const char* from = p + j * run_stride;
    if (by_columns) {
      convert_tile(buffer, held, item, now * item, from, stored, run_stride, length_stride, now, long_);
      kernels->columns(states, capacity, at + j, buffer, long_, now, now * item, index0, scalars);
    } else {
      convert_tile(buffer, held, item, long_ * item, from, stored, length_stride, run_stride, long_, now);
      kernels->rows(states, capacity, at + j, buffer, now, long_, long_ * item, index0, scalars);
    }
  }
}

// Folds every leaf into its states, those of one leaf side by side.
void Reduction::run_leaves(char* states, int64_t capacity) const {
  const int64_t per_leaf = outputs / run * segments, work = std::max<int64_t>(1, segment * std::min(chunk, length));
  parallel_for(0, leaves * per_leaf, std::max<int64_t>(1, kLightWork / work), [&](int64_t begin, int64_t end) {
    const Scratch<char> buffer(stage_bytes());
    for (int64_t i = begin; i < end; i++) {
      const int64_t leaf = i / per_leaf, part = i % per_leaf % segments * segment;
      const int64_t first = i % per_leaf / segments * run + part;
      fold(states, capacity, leaf * outputs + first, leaf, first, std::min(segment, run - part), buffer);
    }
  });
  const int64_t results = outputs / wide;
  for (int64_t rest = leaves * wide; rest > 1;) {
    const int64_t half = (rest + 1) / 2;
    parallel_for(0, (rest - half) * results, kLightWork, [&](int64_t begin, int64_t end) {
      kernels->merge(states, capacity, begin, half * results + begin, end - begin, scalars);
    });
    rest = half;
  }
}

// Results [first, first + n) from the states at `at`.
void Reduction::finish(const Tensor* outs, const char* states, int64_t capacity, int64_t at, int64_t first, int64_t n,
                       char* buffer) const {
  char* results[kOutputs];
  for (int o = 0; o < info.nout; o++) results[o] = buffer + o * (kFinish + kReducePad) * 16;
  for (int64_t j = 0; j < n; j += kFinish) {
    const int64_t now = std::min(kFinish, n - j);
    kernels->finish(results, states, capacity, at + j, now, count, scalars);
    for (int o = 0; o < info.nout; o++) {
      const DType from = held_as(info.kinds[o], held);
      const int64_t item = outs[o].itemsize();
      convert_run(outs[o].raw() + (first + j) * item, outs[o].dtype(), item, results[o], from, itemsize(from), now);
    }
  }
}

void Reduction::run_all(const Tensor* outs) const {
  if (leaves * wide > 1) {
    const int64_t capacity = leaves * outputs + kReducePad;
    const Scratch<char> states((capacity + kReducePad) * state_bytes);
    run_leaves(states, capacity);
    parallel_for(0, outputs / wide, kLightWork, [&](int64_t begin, int64_t end) {
      const Scratch<char> buffer(finish_bytes());
      finish(outs, states, capacity, begin, begin, end - begin, buffer);
    });
    return;
  }
  // one leaf: states live no longer than a segment
  const int64_t work = std::max<int64_t>(1, segment * length), capacity = segment + kReducePad;
  parallel_for(0, outputs / run * segments, std::max<int64_t>(1, kLightWork / work), [&](int64_t begin, int64_t end) {
    const Scratch<char> memory(stage_bytes() + (capacity + kReducePad) * state_bytes + finish_bytes());
    char *states = memory + stage_bytes(), *buffer = states + (capacity + kReducePad) * state_bytes;
    for (int64_t i = begin; i < end; i++) {
      const int64_t part = i % segments * segment, first = i / segments * run + part, n = std::min(segment, run - part);
      fold(states, capacity, 0, 0, first, n, memory);
      finish(outs, states, capacity, 0, first, n, buffer);
    }
  });
}

// ---- the operator ----

bool argument_given(const ReductionInfo& info, const Value* args) {
  return info.dim != 255 && !args[info.dim].is_none() && (args[info.dim].tag != Tag::Ints || args[info.dim].len);
}

void mark_dims(const ReductionInfo& info, const Value* args, int64_t ndim, bool* is_reduced) {
  std::fill(is_reduced, is_reduced + ndim, !argument_given(info, args));
  if (!argument_given(info, args)) return;
  auto mark = [&](int64_t d) {
    const int64_t wrapped = wrap_dim(d, ndim);
    if (!ndim) return;
    KD_CHECK(!is_reduced[wrapped], Runtime, "dim ", wrapped, " appears multiple times in the list of dims");
    is_reduced[wrapped] = true;
  };
  const Value& dim = args[info.dim];
  if (dim.tag == Tag::Ints)
    for (int64_t d : dim.ints()) mark(d);
  else mark(dim.to_int());
}

uint32_t kind_bit(DType d) { return 1u << int(kindling::info(d).kind); }

// The dtype that elements are folded in, before it becomes a compute dtype.
DType folding_dtype(const ReductionInfo& info, const Value* args, DType given) {
  const DType wanted = info.dtype == 255 ? DType::none : args[info.dtype].dtype();
  DType d = wanted == DType::none ? given : wanted;
  if (!(info.kinds_allowed & kind_bit(d))) {
    if (!info.kinds_error) fail_dtype(info.name, d);
    const std::string_view message = info.kinds_error;
    fail(ErrorKind::Runtime, message, message.ends_with(' ') ? legacy_name(d) : "");
  }
  if (is_integral(d)) {
    if (info.promotes_ints_to_float) d = default_dtype();
    else if (info.widens_ints && wanted == DType::none) d = DType::int64;
  }
  return d;
}

DType result_dtype(ResultDType rule, DType folded, DType given) {
  switch (rule) {
    case ResultDType::Bool: return given == DType::uint8 ? DType::uint8 : DType::bool_;  // any and all keep uint8
    case ResultDType::Int64: return DType::int64;
    case ResultDType::UInt64: return DType::uint64;
    case ResultDType::Real: return to_real(folded);
    default: return folded;
  }
}

Dims result_sizes(const Tensor& t, const bool* is_reduced, bool keepdim) {
  Dims sizes;
  for (int64_t d = 0; d < t.dim(); d++)
    if (!is_reduced[d]) sizes.push_back(t.sizes()[d]);
    else if (keepdim) sizes.push_back(1);
  return sizes;
}

int variant_of(const ReductionInfo& info, const Value* args) {
  if (info.choice == 255) return 0;
  const Value& v = args[info.choice];
  int i = 0;
  while (i < info.nchoices && (v.is_none() || v.to_double() != info.choices[i])) i++;
  return i;
}

void check_not_empty(const ReductionInfo& info, const Value* args, const Tensor& t, const bool* is_reduced) {
  if (info.identity) return;
  const bool given = argument_given(info, args);
  for (int64_t d = 0; d < t.dim(); d++) {
    if (!is_reduced[d] || t.sizes()[d]) continue;
    if (info.empty_error && !given) fail(ErrorKind::Runtime, info.empty_error);
    if (given) fail(ErrorKind::Index, info.name, "(): Expected reduction dim ", d, " to have non-zero size.");
    const bool one_dim = info.dim != 255 && args[info.dim].is_none();  // an optional `int dim`, not a list
    fail(one_dim ? ErrorKind::Index : ErrorKind::Runtime, info.name,
         "(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.");
  }
}

// Does the order of the elements that are folded equal that of their indices?
bool one_reduced_dimension(const Tensor& t, const bool* is_reduced) {
  Grid grid;
  for (int64_t d = 0; d < t.dim(); d++)
    if (is_reduced[d]) grid.add(t.sizes()[d], t.strides()[d]);
  return grid.sizes.size() <= 1;
}

}  // namespace

void reduction_kernel(const Op& op, const Value* args, OwnedValue* rets) {
  const ReductionInfo& info = *op.reduction;
  Tensor self = args[0].tensor();
  SmallVec<bool, 16> is_reduced(std::max<int64_t>(self.dim(), 1), false);
  mark_dims(info, args, self.dim(), is_reduced.data());
  const DType folded = folding_dtype(info, args, self.dtype());
  const bool keepdim = info.keepdim != 255 && args[info.keepdim].to_bool();
  const Dims sizes = result_sizes(self, is_reduced.data(), keepdim);
  if (!self.numel()) check_not_empty(info, args, self, is_reduced.data());
  Tensor outs[kOutputs];
  for (int o = 0; o < info.nout; o++) {
    outs[o] = empty(sizes, {result_dtype(info.results[o], folded, self.dtype()), self.device()});
    rets[o] = OwnedValue(outs[o]);
  }
  if (self.is_meta() || !outs[0].numel()) return;

  if (self.is_conj() || self.is_neg() || (info.indexed && !one_reduced_dimension(self, is_reduced.data())))
    self = contiguous_of(self);
  Reduction r{info};
  r.stored = self.dtype();
  r.held = info.widens_ints && is_integral(folded) ? DType::int64 : compute_dtype(folded);
  r.compute = compute_of(r.held);
  r.kernels = &info.kernels[variant_of(info, args)][isa][int(r.compute)];
  if (!r.kernels->rows) fail_dtype(info.name, folded);
  for (int c = 0; c < info.ncomponents[int(r.compute)]; c++) r.state_bytes += info.bytes[int(r.compute)][c];
  std::memset(r.scalars, 0, sizeof r.scalars);
  for (int i = 0; i < info.nscalars; i++) {
    const Value& v = args[info.scalars[i]];
    store_scalar(r.scalars + 16 * i, v.is_none() ? Scalar(1) : v.scalar(), r.held == DType::int32 ? DType::int64 : r.held);
  }
  r.arrange(self, is_reduced.data());
  r.run_all(outs);
}

}  // namespace kindling
