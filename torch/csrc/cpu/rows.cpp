// The driver of fused row operators: rows are split over threads, and go through buffers where they are not contiguous rows of
// the compute dtype. Totals over rows are summed in groups of rows whose number depends on the shape alone.
#include <algorithm>
#include <cstring>

#include "convert.h"
#include "copy.h"
#include "dispatch.h"
#include "families.h"
#include "scratch.h"
#include "threads.h"

namespace kindling {
namespace {

constexpr int64_t kLightWork = 16384;  // elements that are worth a thread
constexpr int64_t kStagedElements = 4096, kTransposedRows = 16;
constexpr int64_t kGroups = 64, kGroupRows = 16;
constexpr int kMost = 12;  // operands

struct Rows {
  const RowsInfo& info;
  RowKernel kernel = nullptr;
  DType held = DType::float32;
  int64_t n = 1, rows = 1, inner = 1;  // row r of a Row operand starts at (r / inner) * n * inner + r % inner
  int count = 0;                       // operands that are present
  RowOperand kinds[kMost];
  Tensor tensors[kMost];
  char scalars[16 * 4];
  bool staged = false;
  int64_t batch = 1;  // rows a buffer holds

  bool needs_buffer(int k) const { return kinds[k] == RowOperand::Row && (inner > 1 || tensors[k].dtype() != held); }
  void plan();
  void move(int k, char* buffer, int64_t first, int64_t many, bool in) const;
  void some(int64_t begin, int64_t end, char* const* totals) const;
  void run();
};

void Rows::plan() {
  for (int k = 0; k < count; k++) staged |= needs_buffer(k);
  if (staged) batch = inner > 1 ? std::min(inner, kTransposedRows) : std::max<int64_t>(1, kStagedElements / n);
}

// Rows [first, first + many) between tensor and buffer; with inner > 1 they are neighbours.
void Rows::move(int k, char* buffer, int64_t first, int64_t many, bool in) const {
  const Tensor& t = tensors[k];
  const int64_t item = t.itemsize(), own = itemsize(held);
  char* p = t.raw() + (first / inner * n * inner + first % inner) * item;
  const int64_t across = inner * item, down = inner > 1 ? item : n * item;
  if (in) convert_tile(buffer, held, own, n * own, p, t.dtype(), across, down, n, many);
  else convert_tile(p, t.dtype(), across, down, buffer, held, own, n * own, n, many);
}

void Rows::some(int64_t begin, int64_t end, char* const* totals) const {
  const int64_t own = itemsize(held), room = (batch * n * own + 63) / 64 * 64;
  const Scratch<char> memory(staged ? room * count : 0), scratch((info.scratch * n + 16) * own);
  while (begin < end) {
    const int64_t many = !staged ? end - begin : std::min({batch, end - begin, inner > 1 ? inner - begin % inner : batch});
    char* operands[kMost];
    int64_t strides[kMost];
    for (int k = 0; k < count; k++) {
      switch (kinds[k]) {
        case RowOperand::Row:
          operands[k] = needs_buffer(k) ? memory + k * room : tensors[k].raw() + begin * n * own;
          strides[k] = n * own;
          if (needs_buffer(k) && k >= info.nout) move(k, operands[k], begin, many, true);
          break;
        case RowOperand::Each:
          operands[k] = tensors[k].raw() + begin * own;
          strides[k] = own;
          break;
        case RowOperand::Shared:
          operands[k] = tensors[k].raw();
          strides[k] = 0;
          break;
        case RowOperand::Total:
          operands[k] = totals[k];
          strides[k] = 0;
          break;
      }
    }
    kernel(operands, strides, many, n, scalars, scratch);
    for (int k = 0; k < info.nout; k++)
      if (needs_buffer(k)) move(k, operands[k], begin, many, false);
    begin += many;
  }
}

// Adds the partial totals of the groups pairwise; the sum ends in the first.
template <class T>
void add_groups(T* sums, int64_t groups, int64_t n) {
  for (; groups > 1; groups = (groups + 1) / 2) {
    const int64_t half = (groups + 1) / 2;
    for (int64_t i = 0; i < (groups - half) * n; i++) sums[i] += sums[half * n + i];
  }
}

void Rows::run() {
  plan();
  int totals = 0;
  for (int k = 0; k < info.nout; k++) totals += kinds[k] == RowOperand::Total;
  if (!totals) {
    const int64_t grain = std::max<int64_t>(1, kLightWork / n);
    parallel_for(0, rows, grain, [&](int64_t begin, int64_t end) { some(begin, end, nullptr); });
    return;
  }
  const int64_t size = std::max(kGroupRows, (rows + kGroups - 1) / kGroups), groups = (rows + size - 1) / size;
  const int64_t own = itemsize(held);
  const Scratch<char> sums(totals * groups * n * own);
  std::memset(sums.get(), 0, totals * groups * n * own);
  parallel_for(0, groups, std::max<int64_t>(1, kLightWork / (n * size)), [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; g++) {
      char* into[kMost] = {};
      for (int k = 0, t = 0; k < info.nout; k++)
        if (kinds[k] == RowOperand::Total) into[k] = sums + (t++ * groups + g) * n * own;
      some(g * size, std::min(rows, (g + 1) * size), into);
    }
  });
  for (int k = 0, t = 0; k < info.nout; k++) {
    if (kinds[k] != RowOperand::Total) continue;
    char* p = sums + t++ * groups * n * own;
    if (held == DType::float64) add_groups(reinterpret_cast<double*>(p), groups, n);
    else add_groups(reinterpret_cast<float*>(p), groups, n);
    convert_run(tensors[k].raw(), tensors[k].dtype(), tensors[k].itemsize(), p, held, own, n);
  }
}

// ---- the operator ----

void check_normalized_shape(const Tensor& t, IntList shape) {
  KD_CHECK(!shape.empty(), Runtime,
           "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, "
           "but got normalized_shape = ",
           shape);
  const IntList sizes = t.sizes();
  const bool fits = sizes.size() >= shape.size() && same(sizes.last(shape.size()), shape);
  if (fits) return;
  std::string tail;
  for (int64_t s : shape) tail += concat(", ", s);
  fail(ErrorKind::Runtime, "Given normalized_shape=", shape, ", expected input with shape [*", tail, "], but got input of size",
       sizes);
}

// The dtype of results that follow the input: `half_to_float` and a dtype argument override it.
DType row_dtype(const Op& op, const Value* args, DType given) {
  for (int i = 0; i < op.nargs; i++) {
    if (op.args[i].type == Type::DType && !args[i].is_none()) return args[i].dtype();
    if (op.args[i].type == Type::Bool && !op.args[i].list && args[i].to_bool()) return DType::float32;
  }
  return given;
}

bool wanted(const Op& op, const Value* args, int out) {
  for (int i = 0; i < op.nargs; i++)
    if (op.args[i].type == Type::Bool && op.args[i].list) return args[i].list()[out].to_bool();
  return true;
}

}  // namespace

void rows_kernel(const Op& op, const Value* args, OwnedValue* rets) {
  const RowsInfo& info = *static_cast<const RowsInfo*>(op.extra);
  const Tensor first = args[info.inputs[0]].tensor();
  if (!first.is_floating()) fail_dtype(info.name, first.dtype());
  Rows r{info};
  Dims each(first.sizes()), total;
  if (info.by_shape) {
    const IntList shape = args[info.rows].ints();
    check_normalized_shape(first, shape);
    for (int64_t s : shape) {
      r.n *= s;
      total.push_back(s);
    }
    for (int64_t d = first.dim() - int64_t(shape.size()); d < first.dim(); d++) each[d] = 1;
  } else if (first.dim()) {
    const int64_t dim = wrap_dim(args[info.rows].to_int(), first.dim());
    r.n = first.size(dim);
    for (int64_t d = dim + 1; d < first.dim(); d++) r.inner *= first.size(d);
  } else {
    wrap_dim(args[info.rows].to_int(), 0);
  }
  r.rows = r.n ? first.numel() / r.n : 0;

  DType parameters = first.dtype();  // of statistics and of totals: that of weights, where they differ from the rows
  int variant = 0;
  const DType row = row_dtype(op, args, first.dtype());
  r.held = compute_dtype(promote(first.dtype(), row));
  r.count = info.nout;
  for (int i = 0; i < info.nin; i++) {
    const Tensor t = args[info.inputs[i]].tensor();
    const RowOperand kind = info.operands[info.nout + i];
    if (op.args[info.inputs[i]].optional) variant = 2 * variant + t.defined();
    if (!t.defined()) continue;
    if (kind == RowOperand::Shared) {
      const char* title = op.args[info.inputs[i]].name;
      KD_CHECK(same(t.sizes(), total), Runtime, "Expected ", title, " to be of same shape as normalized_shape, but got ", title,
               " of shape ", t.sizes(), " and normalized_shape = ", IntList(total));
      parameters = t.dtype();
    }
    r.kinds[r.count] = kind;
    if (!t.is_meta()) r.tensors[r.count] = kind == RowOperand::Row ? contiguous_of(t) : contiguous_of(converted(t, r.held));
    r.count++;
  }
  for (int o = 0; o < info.nout; o++) {
    r.kinds[o] = info.operands[o];
    const bool is_row = r.kinds[o] == RowOperand::Row, is_each = r.kinds[o] == RowOperand::Each;
    r.tensors[o] = empty(is_row    ? IntList(first.sizes())
                         : is_each ? IntList(each)
                                   : IntList(total),
                         {is_row                        ? row
                          : is_each && !first.is_meta() ? r.held
                                                        : parameters,
                          first.device()});
  }
  if (!first.is_meta() && first.numel()) {
    r.kernel = info.kernels[variant][isa][int(compute_of(r.held))];
    std::memset(r.scalars, 0, sizeof r.scalars);
    for (int i = 0; i < info.nscalars; i++) store_scalar(r.scalars + 16 * i, args[info.scalars[i]].scalar(), r.held);
    r.run();
  } else if (!first.is_meta()) {
    for (int o = 0; o < info.nout; o++) fill_with(r.tensors[o], Scalar(0.0));
  }
  for (int o = 0; o < info.nout; o++) {
    if (!wanted(op, args, o)) rets[o] = OwnedValue();
    else rets[o] = OwnedValue(r.kinds[o] == RowOperand::Each ? converted(r.tensors[o], parameters) : r.tensors[o]);
  }
}

}  // namespace kindling
