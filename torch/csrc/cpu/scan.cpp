// The driver of scans. Kernels run down columns, many side by side; along the last dimension, tiles are turned through a buffer.
#include <algorithm>

#include "convert.h"
#include "copy.h"
#include "dispatch.h"
#include "families.h"
#include "scratch.h"
#include "threads.h"

namespace kindling {
namespace {

constexpr int64_t kColumns = 64, kLength = 256, kLightWork = 16384;
constexpr int kOutputs = 2;

// The input as `blocks` of `columns` columns, `length` long; strides in elements, the same for input and outputs.
struct Scan {
  const ScanInfo& info;
  ScanKernel kernel;
  DType held;
  Tensor x, outs[kOutputs];
  DType out_held[kOutputs];
  int64_t length = 1, columns = 1, blocks = 1;
  int64_t column_step = 1, row_step = 1, block_step = 0, state_bytes = 0;

  bool direct() const {
    bool same = x.dtype() == held && (column_step == 1 || columns == 1);
    for (int o = 0; o < info.nout; o++) same &= outs[o].dtype() == out_held[o];
    return same;
  }
  void direct_part(int64_t at, int64_t n, char* states) const;
  void staged_part(int64_t at, int64_t n, char* states, char* buffer) const;
  void run() const;
};

void Scan::direct_part(int64_t at, int64_t n, char* states) const {
  char* results[kOutputs];
  int64_t steps[kOutputs];
  for (int o = 0; o < info.nout; o++) {
    results[o] = outs[o].raw() + at * outs[o].itemsize();
    steps[o] = row_step * outs[o].itemsize();
  }
  kernel(results, x.raw() + at * x.itemsize(), length, n, row_step * x.itemsize(), steps, states, kColumns, 0, true);
}

void Scan::staged_part(int64_t at, int64_t n, char* states, char* buffer) const {
  const int64_t own = itemsize(held), item = x.itemsize(), room = kLength * kColumns * 16;
  char* results[kOutputs];
  int64_t steps[kOutputs];
  for (int o = 0; o < info.nout; o++) {
    results[o] = buffer + (o + 1) * room;
    steps[o] = n * itemsize(out_held[o]);
  }
  for (int64_t j = 0; j < length; j += kLength) {
    const int64_t now = std::min(kLength, length - j), first = at + j * row_step;
    convert_tile(buffer, held, own, n * own, x.raw() + first * item, x.dtype(), column_step * item, row_step * item, n, now);
    kernel(results, buffer, now, n, n * own, steps, states, kColumns, j, j == 0);
    for (int o = 0; o < info.nout; o++) {
      const int64_t size = outs[o].itemsize(), width = itemsize(out_held[o]);
      convert_tile(outs[o].raw() + first * size, outs[o].dtype(), column_step * size, row_step * size, results[o], out_held[o],
                   width, n * width, n, now);
    }
  }
}

void Scan::run() const {
  const bool as_is = direct();
  const int64_t parts = (columns + kColumns - 1) / kColumns;
  const int64_t work = std::max<int64_t>(1, length * std::min(columns, kColumns));
  parallel_for(0, blocks * parts, std::max<int64_t>(1, kLightWork / work), [&](int64_t begin, int64_t end) {
    const Scratch<char> states(kColumns * state_bytes + 64), buffer(as_is ? 0 : (kOutputs + 1) * kLength * kColumns * 16);
    for (int64_t i = begin; i < end; i++) {
      const int64_t part = i % parts * kColumns, at = i / parts * block_step + part * column_step,
                    n = std::min(kColumns, columns - part);
      if (as_is) direct_part(at, n, states);
      else staged_part(at, n, states, buffer);
    }
  });
}

DType folding_dtype(const ScanInfo& info, const Value* args, DType given) {
  const DType wanted = info.dtype == 255 ? DType::none : args[info.dtype].dtype();
  const DType d = wanted == DType::none ? given : wanted;
  if (!(info.kinds_allowed & 1u << int(kindling::info(d).kind))) fail_dtype(info.name, d);
  return is_integral(d) && info.widens_ints && wanted == DType::none ? DType::int64 : d;
}

}  // namespace

void scan_kernel(const Op& op, const Value* args, OwnedValue* rets) {
  const ScanInfo& info = *static_cast<const ScanInfo*>(op.extra);
  const Tensor self = args[0].tensor();
  const int64_t dim = wrap_dim(args[info.dim].to_int(), self.dim());
  const DType folded = folding_dtype(info, args, self.dtype());
  const bool widened = info.widens_ints && is_integral(folded);
  Scan s{info};
  s.held = widened ? DType::int64 : compute_dtype(folded);
  for (int o = 0; o < info.nout; o++) {
    const bool index = info.kinds[o] == OperandKind::Int64;
    s.out_held[o] = index ? DType::int64 : s.held;
    s.outs[o] = empty(self.sizes(), {index ? DType::int64 : folded, self.device()});
    rets[o] = OwnedValue(s.outs[o]);
  }
  if (self.is_meta() || !self.numel()) return;
  s.kernel = info.kernels[isa][int(compute_of(s.held))];
  if (!s.kernel) fail_dtype(info.name, folded);
  s.state_bytes = info.state_bytes[int(compute_of(s.held))];
  s.x = contiguous_of(self);
  int64_t inner = 1;
  if (self.dim()) s.length = self.size(dim);
  for (int64_t d = dim + 1; d < self.dim(); d++) inner *= self.size(d);
  const int64_t outer = self.numel() / (s.length * inner);
  if (inner == 1) {
    s.columns = outer;
    s.column_step = s.length;
  } else {
    s.columns = inner;
    s.row_step = inner;
    s.blocks = outer;
    s.block_step = s.length * inner;
  }
  s.run();
}

}  // namespace kindling
