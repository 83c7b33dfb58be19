#include "loop.h"

#include <cstring>

#include "convert.h"
#include "copy.h"
#include "outputs.h"
#include "scratch.h"

namespace kindling {

// ---- rules for outputs ----

void check_no_internal_overlap(const Tensor& out) {
  KD_CHECK(!overlaps_internally(out), Runtime,
           "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
           "Please clone() the tensor before performing the operation.");
}

void check_writable(const Tensor& out, const Tensor& input) {
  KD_CHECK(overlap(out, input) != Overlap::Partial, Runtime, kSharedWithInput);
}

void resize_output(const Tensor& out, IntList sizes) {
  if (same(out.sizes(), sizes)) return;
  if (out.numel())
    warn(WarningKind::User, "An output with one or more elements was resized since it had shape ", out.sizes(),
         ", which does not match the required output shape ", sizes,
         ". This behavior is deprecated, and in a future PyTorch release outputs will not be resized unless they have zero "
         "elements. You can explicitly reuse an out tensor t by resizing it, inplace, to zero elements with t.resize_(0).");
  resize(out, sizes);
}

// ---- the pass over tiles ----

namespace {

constexpr int64_t kTile = 2048;  // elements of a buffer

enum class Access : uint8_t {
  Direct,   // rows of contiguous elements
  Element,  // one element for each row
  Staged,
};

struct Pass {
  const Walk& w;
  const Slot* slots;
  int nout;
  PointwiseKernel kernel;
  const char* scalars;
  int64_t columns, rows;  // of a tile
  Access access[Walk::kOperands];
  bool whole = true;  // one call of the kernel serves all rows of a tile

  Pass(const Walk& walk, const Slot* s, int n, PointwiseKernel k, const char* packed)
      : w(walk), slots(s), nout(n), kernel(k), scalars(packed) {
    plan();
  }
  void plan();
  bool spans_rows(int k) const;
  void run() const;
  void tile(char* const* at, char* const* buffers, int64_t c, int64_t r) const;
  void load(int k, char* buffer, const char* from, int64_t c, int64_t r) const;
  void store(int k, char* to, char* buffer, int64_t c, int64_t r) const;
};

// Is the operand one run over several rows?
bool Pass::spans_rows(int k) const {
  if (access[k] == Access::Staged) return true;
  if (access[k] == Access::Element) return w.stride(k, 1) == 0;
  return columns == w.size(0) && w.stride(k, 1) == columns * w.stride(k, 0);
}

void Pass::plan() {
  bool staged = false, transposed = false;
  for (int k = 0; k < w.count; k++) {
    const Slot& s = slots[k];
    const int64_t across = w.stride(k, 0), down = w.stride(k, 1);
    const bool as_is = s.stored == s.held && !s.conj && !s.neg;
    access[k] = as_is && w.size(0) == 1 && k < nout     ? Access::Direct
                : as_is && across == itemsize(s.stored) ? Access::Direct
                : as_is && across == 0 && k >= nout     ? Access::Element
                                                        : Access::Staged;
    staged |= access[k] == Access::Staged;
    transposed |= across > down && down > 0;
  }
  const int64_t n0 = w.size(0), n1 = w.size(1);
  if (transposed && n0 >= 4 && n1 >= 4) {
    columns = std::min<int64_t>(n0, 256);  // long rows for the operands that have them, one cache line of each column
    rows = std::min<int64_t>(n1, 16);
  } else if (n0 >= 512 || n1 == 1) {
    columns = std::min(n0, staged ? kTile / 2 : kGrain);
    rows = 1;
  } else {
    columns = n0;
    rows = std::min(n1, kTile / n0);
  }
  for (int k = 0; k < w.count; k++) whole &= rows == 1 || spans_rows(k);
  if (whole || columns >= 32) return;
  for (int k = 0; k < w.count; k++)  // rows too short for a call each
    if (!spans_rows(k)) access[k] = Access::Staged;
  whole = true;
}

void Pass::load(int k, char* buffer, const char* from, int64_t c, int64_t r) const {
  const Slot& s = slots[k];
  const int64_t item = itemsize(s.held);
  convert_tile(buffer, s.held, item, c * item, from, s.stored, w.stride(k, 0), w.stride(k, 1), c, r);
  if (s.conj) conjugate_run(buffer, s.held, c * r);
  if (s.neg) negate_run(buffer, s.held, c * r);
}

void Pass::store(int k, char* to, char* buffer, int64_t c, int64_t r) const {
  const Slot& s = slots[k];
  const int64_t item = itemsize(s.held);
  if (s.conj) conjugate_run(buffer, s.held, c * r);
  if (s.neg) negate_run(buffer, s.held, c * r);
  convert_tile(to, s.stored, w.stride(k, 0), w.stride(k, 1), buffer, s.held, item, c * item, c, r);
}

void Pass::tile(char* const* at, char* const* buffers, int64_t c, int64_t r) const {
  char* operands[Walk::kOperands];
  int64_t steps[Walk::kOperands];
  uint32_t broadcast = 0;
  for (int k = 0; k < w.count; k++) {
    const bool staged = access[k] == Access::Staged;
    operands[k] = staged ? buffers[k] : at[k];
    steps[k] = staged ? c * itemsize(slots[k].held) : w.stride(k, 1);
    if (access[k] == Access::Element) broadcast |= 1u << (k - nout);
    if (staged && k >= nout) load(k, buffers[k], at[k], c, r);
  }
  if (whole) {
    kernel(operands, c * r, scalars, broadcast);
  } else {
    for (int64_t j = 0; j < r; j++) {
      kernel(operands, c, scalars, broadcast);
      for (int k = 0; k < w.count; k++) operands[k] += steps[k];
    }
  }
  for (int k = 0; k < nout; k++)
    if (access[k] == Access::Staged) store(k, at[k], buffers[k], c, r);
}

void Pass::run() const {
  int64_t offsets[Walk::kOperands], bytes = 0;
  for (int k = 0; k < w.count; k++) {
    offsets[k] = bytes;
    if (access[k] == Access::Staged) bytes += (columns * rows * itemsize(slots[k].held) + 63) / 64 * 64;
  }
  for_tiles(w, columns, rows, [&](auto&& next) {
    const Scratch<char> memory(bytes);
    char* buffers[Walk::kOperands];
    for (int k = 0; k < w.count; k++) buffers[k] = memory.get() + offsets[k];
    next([&](char* const* at, int64_t c, int64_t r) { tile(at, buffers, c, r); });
  });
}

}  // namespace

void run_pointwise(const Walk& walk, const Slot* slots, int nout, PointwiseKernel kernel, const char* scalars) {
  if (walk.numel) Pass(walk, slots, nout, kernel, scalars).run();
}

// ---- the operator ----

namespace {

constexpr int kOutputs = 4;

const PointwiseInfo& info_of(const Op& op) { return op.inplace || op.out_variant ? *op.functional->pointwise : *op.pointwise; }

// The mixed-radix number of the values that select a kernel.
int variant_of(const PointwiseInfo& info, const Value* args) {
  int variant = 0;
  for (int i = 0; i < info.nstatics; i++) {
    const StaticArg& s = info.statics[i];
    const Value& v = args[s.position];
    int digit = v.tag == Tag::Bool ? int(v.int_) : !v.is_none();
    if (s.values) {
      for (digit = 0; digit < s.count && v.str() != s.values[digit]; digit++) {}
      KD_CHECK(digit < s.count, Runtime, info.name, ": '", v.str(),
               "' is not one of the choices of this argument, the first of which is '", s.values[0], "'");
    }
    variant = variant * s.count + digit;
  }
  return variant;
}

// As the kernels of a compute dtype read a number; integers of any width as 8 bytes.
void pack_number(char* slot, const Value& v, DType compute) {
  if (v.is_none()) {
    std::memset(slot, 0, 16);
    return;
  }
  const Scalar s = v.scalar();
  if (s.is_complex() && !is_complex(compute)) check_representable(s, compute);
  store_scalar(slot, s, compute == DType::int32 ? DType::int64 : compute);
}

void pack_scalars(const PointwiseInfo& info, const Value* args, DType compute, char* slots) {
  for (int i = 0; i < info.nscalars; i++) pack_number(slots + 16 * i, args[info.scalars[i]], compute);
}

// Does a number leave a tensor of dtype `d` its dtype?
bool number_fits(const Value& v, DType d) {
  switch (v.tag) {
    case Tag::Bool: return true;
    case Tag::Int: return d != DType::bool_;
    case Tag::Float: return is_differentiable(d);
    default: return is_complex(d);
  }
}

bool same_sizes(const TensorImpl* a, const TensorImpl* b) {
  if (a->ndim != b->ndim || a->numel != b->numel) return false;
  for (int i = 0; i < a->ndim; i++)
    if (a->dims[i] != b->dims[i]) return false;
  return true;
}

char* address(const TensorImpl* t) { return t->storage->data + t->offset * itemsize(t->dtype); }

// Contiguous operands of one shape and one dtype that the kernels compute in, and numbers: nothing to convert or to walk.
bool fast_path(const Op& op, const PointwiseInfo& info, const Value* args, OwnedValue* rets) {
  constexpr uint16_t relevant = TensorImpl::Contiguous | TensorImpl::WrappedNumber | TensorImpl::Conj | TensorImpl::Neg;
  if (info.nout != 1 || info.nin > 6 || info.nscalars > 4 || op.out_variant) return false;
  char* operands[8];
  int32_t items[8];
  const TensorImpl* first = nullptr;
  uint32_t numbers = 0, broadcast = 0;
  for (int k = 0; k < info.nin; k++) {
    const Value& v = args[info.inputs[k]];
    if (v.is_number()) {
      numbers |= 1u << k;
      continue;
    }
    if (!v.is_tensor() || info.kinds[1 + k] != OperandKind::Compute) return false;
    const TensorImpl* t = v.tensor_;
    if ((t->flags & relevant) != TensorImpl::Contiguous || t->device.type != DeviceType::cpu) return false;
    if (!first) first = t;
    else if (t->dtype != first->dtype) return false;
    else if (!same_sizes(t, first)) {
      if (t->ndim != 0) return false;
      broadcast |= 1u << k;
    }
    operands[1 + k] = address(t);
  }
  if (!first) return false;
  const DType d = first->dtype;
  if (compute_dtype(d) != d || !(info.kinds_allowed >> int(kindling::info(d).kind) & 1)) return false;
  if (info.promotes_ints_to_float && is_integral(d)) return false;
  for (int i = 0; i < info.nscalars; i++)
    if (const Value& v = args[info.scalars[i]]; v.is_number() && op.args[info.scalars[i]].optional && !number_fits(v, d))
      return false;
  const bool to_bool = info.result == ResultDType::Bool;
  if (info.result > ResultDType::Bool || (info.kinds[0] == OperandKind::Bool) != to_bool) return false;
  alignas(16) char constants[6][16];
  for (int k = 0; numbers >> k; k++) {
    if (!(numbers >> k & 1)) continue;
    const Value& v = args[info.inputs[k]];
    if (!number_fits(v, d)) return false;
    store_scalar(constants[k], v.scalar(), d);
    operands[1 + k] = constants[k];
  }
  broadcast |= numbers;
  const int variant = info.nstatics ? variant_of(info, args) : 0;
  const PointwiseKernel kernel = info.kernels[variant][isa][int(compute_of(d))];
  if (!kernel) return false;

  const DType out_dtype = to_bool ? DType::bool_ : d;
  if (op.inplace) {
    const TensorImpl* out = args[0].tensor_;
    if (out->dtype != out_dtype || !same_sizes(out, first) || (out->flags & relevant) != TensorImpl::Contiguous) return false;
    operands[0] = address(out);
    for (int k = 0; k < info.nin; k++) {
      const Value& v = args[info.inputs[k]];
      if (v.is_tensor() && v.tensor_->storage.get() == out->storage.get() && operands[1 + k] != operands[0]) return false;
    }
    rets[0] = OwnedValue(Tensor::share(args[0].tensor_));
  } else {
    Tensor out = empty({first->dims, size_t(first->ndim)}, {out_dtype, first->device});
    operands[0] = out.raw();
    rets[0] = OwnedValue(std::move(out));
  }
  alignas(16) char scalars[4 * 16];
  pack_scalars(info, args, d, scalars);
  const int64_t n = first->numel;
  if (n <= kGrain) {
    if (n) kernel(operands, n, scalars, broadcast);
    return true;
  }
  items[0] = int32_t(itemsize(out_dtype));
  for (int k = 0; k < info.nin; k++) items[1 + k] = broadcast >> k & 1 ? 0 : int32_t(itemsize(d));
  parallel_for(0, n, kGrain, [&](int64_t begin, int64_t end) {
    char* part[8];
    for (int k = 0; k <= info.nin; k++) part[k] = operands[k] + begin * items[k];
    kernel(part, end - begin, scalars, broadcast);
  });
  return true;
}

// What the general path works out, step by step.
struct Call {
  const Op& op;
  const PointwiseInfo& info;
  const Value* args;
  Tensor outs[kOutputs];
  Device device;
  bool has_device = false;
  DType common = DType::none, compute = DType::none;
  Dims shape;

  Call(const Op& o, const Value* a) : op(o), info(info_of(o)), args(a) {}
  const Value& input(int k) const { return args[info.inputs[k]]; }
  OperandKind kind(int operand) const { return info.kinds[operand]; }
  DType held(int operand) const;
  DType result_dtype(int out) const;
  void find_outputs();
  void find_dtype();
  void find_shape_and_device();
  void check_outputs();
  bool common_strides(Dims& strides) const;
  void make_outputs(const Walk& inputs);
  void run(OwnedValue* rets);
};

void Call::find_outputs() {
  if (op.inplace) outs[0] = args[0].tensor();
  if (op.out_variant)
    for (int i = 0; i < info.nout; i++) outs[i] = args[op.nargs - info.nout + i].tensor();
}

void Call::find_dtype() {
  ResultType type;
  const Value* seen = nullptr;
  for (int k = 0; k < info.nin; k++) {
    const Value& v = input(k);
    if (kind(info.nout + k) == OperandKind::Bool || kind(info.nout + k) == OperandKind::Int64) continue;
    if (v.is_number()) type.add(v.scalar());
    if (!v.is_tensor()) continue;
    type.add(v.tensor());
    KD_CHECK(info.promotes || !seen || seen->tensor_->dtype == v.tensor_->dtype, Runtime, info.name, ": expected dtype ",
             kindling::info(seen->tensor_->dtype).alias, " for `", op.args[info.inputs[k]].name, "` but got dtype ",
             kindling::info(v.tensor_->dtype).alias);
    seen = &v;
  }
  for (int i = 0; i < info.nscalars; i++) {  // optional numbers, the bounds of clamp, are operands to promotion
    const Value& v = args[info.scalars[i]];
    if (v.is_number() && op.args[info.scalars[i]].optional) type.add(v.scalar());
  }
  common = type.get();
  if (info.promotes_ints_to_float && is_integral(common)) common = default_dtype();
  if (!(info.kinds_allowed >> int(kindling::info(common).kind) & 1))
    fail(ErrorKind::NotImplemented, '"', info.name, "_cpu\" not implemented for '", legacy_name(common), "'");
  compute = compute_dtype(info.result == ResultDType::Complex ? to_complex(common) : common);
}

void Call::find_shape_and_device() {
  bool first = true;
  for (int k = 0; k < info.nin; k++) {
    const Value& v = input(k);
    if (!v.is_tensor()) continue;
    const TensorImpl* t = v.tensor_;
    const IntList sizes{t->dims, size_t(t->ndim)};
    if (first) shape = Dims(sizes);
    else if (!same(shape, sizes)) shape = broadcast_shapes(shape, sizes);
    first = false;
    if (!has_device || (t->device != device && t->ndim > 0 && device.type == DeviceType::cpu)) device = t->device;
    has_device = true;
  }
  for (int k = 0; k < info.nin; k++) {
    const Value& v = input(k);
    if (v.is_tensor() && v.tensor_->device.type != device.type && v.tensor_->ndim > 0)
      fail(ErrorKind::Runtime, "Tensor on device ", to_string(v.tensor_->device), " is not on the expected device ",
           to_string(device), "!");
  }
}

DType Call::result_dtype(int out) const {
  switch (kind(out)) {
    case OperandKind::Bool: return DType::bool_;
    case OperandKind::Int64: return DType::int64;
    case OperandKind::Real: return to_real(common);
    default: return info.result == ResultDType::Complex ? to_complex(common) : common;
  }
}

DType Call::held(int operand) const {
  switch (kind(operand)) {
    case OperandKind::Bool: return DType::bool_;
    case OperandKind::Int64: return DType::int64;
    case OperandKind::Real: return to_real(compute);
    default: return compute;
  }
}

// Given outputs: the result must fit in, and may share memory with an input only element by element.
void Call::check_outputs() {
  for (int i = 0; i < info.nout; i++) {
    const Tensor& out = outs[i];
    if (!out.defined()) continue;
    const DType result = result_dtype(i);
    KD_CHECK(result == DType::bool_ || can_cast(result, out.dtype()), Runtime, "result type ", legacy_name(result),
             " can't be cast to the desired output type ", legacy_name(out.dtype()));
    if (op.inplace)
      KD_CHECK(same(out.sizes(), shape), Runtime, "output with shape ", out.sizes(), " doesn't match the broadcast shape ",
               IntList(shape));
    else resize_output(out, shape);
    check_no_internal_overlap(out);
    for (int k = 0; k < info.nin; k++)
      if (input(k).is_tensor()) check_writable(out, input(k).tensor());
  }
}

// Inputs that all lie alike, without holes, hand their strides on as they are.
bool Call::common_strides(Dims& strides) const {
  const TensorImpl* first = nullptr;
  for (int k = 0; k < info.nin; k++) {
    const Value& v = input(k);
    if (!v.is_tensor()) continue;
    const TensorImpl* t = v.tensor_;
    if (!same({t->dims, size_t(t->ndim)}, shape)) return false;
    if (first && !std::equal(t->dims + t->ndim, t->dims + 2 * t->ndim, first->dims + t->ndim)) return false;
    if (!first && (t->numel == 0 || !v.tensor().is_non_overlapping_and_dense())) return false;
    first = t;
  }
  if (first) strides = Dims(IntList(first->dims + first->ndim, size_t(first->ndim)));
  return first;
}

void Call::make_outputs(const Walk& inputs) {
  Dims strides;
  bool known = false;
  for (int i = 0; i < info.nout; i++) {
    if (outs[i].defined()) continue;
    if (!known && !common_strides(strides)) strides = inputs.output_strides();
    known = true;
    outs[i] = empty_strided(shape, strides, {result_dtype(i), device});
  }
}

void Call::run(OwnedValue* rets) {
  find_outputs();
  find_dtype();
  find_shape_and_device();
  check_outputs();
  Slot slots[Walk::kOperands];
  alignas(16) char constants[Walk::kOperands][16], scalars[Walk::kOperands * 16];
  Walk layout(shape);  // of the inputs alone: decides how a fresh output lies
  for (int k = 0; k < info.nin; k++)
    if (input(k).is_tensor()) layout.add(input(k).tensor());
  make_outputs(layout);
  for (int i = 0; i < info.nout; i++) rets[i] = OwnedValue(outs[i]);
  if (device.type == DeviceType::meta || outs[0].is_meta()) return;

  const int variant = info.nstatics ? variant_of(info, args) : 0;
  PointwiseKernel kernel = info.kernels[variant][isa][int(compute_of(compute))];
  if (!kernel && compute == DType::int32) {  // defined for 64-bit integers only: those hold the others
    compute = DType::int64;
    kernel = info.kernels[variant][isa][int(Compute::i64)];
  }
  if (!kernel) fail(ErrorKind::NotImplemented, '"', info.name, "_cpu\" not implemented for '", legacy_name(common), "'");

  Walk walk(shape);
  for (int i = 0; i < info.nout; i++) {
    slots[walk.count] = {outs[i].dtype(), held(i), outs[i].is_conj(), outs[i].is_neg()};
    walk.add(outs[i]);
  }
  for (int k = 0; k < info.nin; k++) {
    const Value& v = input(k);
    if (v.is_none()) continue;  // an absent operand is not passed: the variant knows
    const DType as = held(info.nout + k);
    if (v.is_tensor() && v.tensor_->numel != 1) {
      const Tensor t = v.tensor();
      slots[walk.count] = {t.dtype(), as, t.is_conj(), t.is_neg()};
      walk.add(t);
      continue;
    }
    // A comparison sees the number in the operands' dtype; arithmetic takes it in the compute dtype.
    char* constant = constants[walk.count];
    Scalar s = v.scalar();
    if (info.result == ResultDType::Bool && as == compute && common != compute) {
      store_scalar(constant, s, common);
      s = load_scalar(constant, common);
    }
    store_scalar(constant, s, as);
    slots[walk.count] = {as, as};
    walk.add_element(constant);
  }
  pack_scalars(info, args, compute, scalars);
  walk.arrange();
  run_pointwise(walk, slots, info.nout, kernel, scalars);
}

}  // namespace

void pointwise_kernel(const Op& op, const Value* args, OwnedValue* rets) {
  if (!fast_path(op, info_of(op), args, rets)) Call(op, args).run(rets);
}

}  // namespace kindling
