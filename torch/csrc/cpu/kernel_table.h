// The interface between the loop driver and the kernels that torch/_codegen emits, and the tables that name them.
#pragma once
#include "../dispatch/op.h"

namespace kindling {

// Kernels compute in these dtypes only; the driver converts other dtypes block by block.
enum class Compute : uint8_t { i32, i64, u64, f32, f64, c64, c128, count };
constexpr int kComputes = int(Compute::count);

// Element-wise: operands[0..nout) are written, the rest read; all contiguous, except that bit k of `broadcast` marks
// input k as one element. Optional tensors that are absent have no operand. An output may be an input. `scalars` holds the
// operator's number arguments, each 16 bytes: {value, imaginary} as the compute dtype's C type (complex: re, im; else the
// first 8 bytes: int64, uint64, float or double of the compute kind).
using PointwiseKernel = void (*)(char* const* operands, int64_t n, const char* scalars, uint32_t broadcast);

// Conversion dst[i] = src[i * stride] (stride in bytes; 0 fills); dst contiguous.
using LoadKernel = void (*)(char* dst, const char* src, int64_t src_stride, int64_t n);
// And back: dst[i * stride] = src[i]; src contiguous.
using StoreKernel = void (*)(char* dst, const char* src, int64_t dst_stride, int64_t n);

// Reductions. A fold keeps a state of a few components per output; `states` holds `capacity` states component by component:
// component c of state j is at states + capacity * (bytes of the components before c) + j * bytes[c].
//   rows:    state[at + j] <- fold over i < n of x[j * stride + i], for j < outer; n <= kReduceChunk
//   columns: state[at + i] <- fold over j < outer of x[j * stride + i], for i < n; outer <= kReduceRows
// Elements are of the compute dtype, `stride` in bytes. `index0` is the index of the first element within its reduction.
using ReduceKernel = void (*)(char* states, int64_t capacity, int64_t at, const char* x, int64_t outer, int64_t n, int64_t stride,
                              int64_t index0, const char* scalars);
// state[into + j] <- combine(state[into + j], state[from + j]) for j < n.
using ReduceMerge = void (*)(char* states, int64_t capacity, int64_t into, int64_t from, int64_t n, const char* scalars);
// outputs[o][j] <- what state[at + j] says after `count` elements; writes and reads whole groups of kReducePad states.
using ReduceFinish = void (*)(char* const* outputs, const char* states, int64_t capacity, int64_t at, int64_t n, int64_t count,
                              const char* scalars);
constexpr int64_t kReduceChunk = 4096, kReduceRows = 256, kReducePad = 16;

// Rows of a fused operator (softmax, layer_norm ...): `rows` rows of `n` contiguous elements of the compute dtype, strides[k] bytes
// apart for operand k (0: all rows share it, or add to it). `scratch` has room for RowsInfo::scratch rows.
using RowKernel = void (*)(char* const* operands, const int64_t* strides, int64_t rows, int64_t n, const char* scalars,
                           char* scratch);
// Scans: for every column i < columns and j = 0, 1 ... < length, state[i] <- combine(state[i], x[j, i]) and outputs[o][j, i] <- what
// it says. Columns are contiguous; rows are `x_stride` and out_strides[o] bytes apart. `first` sets the states, laid out as in
// reductions; they carry over to the next call. `index0` is the index of the first row.
using ScanKernel = void (*)(char* const* outputs, const char* x, int64_t length, int64_t columns, int64_t x_stride,
                            const int64_t* out_strides, char* states, int64_t capacity, int64_t index0, bool first);

// Instruction sets: a kernel is emitted once for each and chosen when the library is loaded.
#if defined(__x86_64__)
enum Isa { kScalar, kAvx2, kAvx512, kIsas };
#else
enum Isa { kScalar, kNeon, kIsas };
#endif
extern Isa isa;  // KINDLING_ISA=scalar|avx2|avx512|neon lowers it

template <class F>
using PerIsa = F[kIsas];

enum class ResultDType : uint8_t { Same, Float, Bool, Real, Int64, UInt64, Complex };
enum class OperandKind : uint8_t { Compute, Bool, Int64, Real };  // stored as compute dtype | bool byte | int64 | real of complex

// An argument that selects a variant of the kernel: a string (one of `values`), or an optional one (0 absent, 1 given).
struct StaticArg {
  uint8_t position, count;
  const char* const* values;
};

struct PointwiseInfo {
  uint8_t nout, nin, nscalars;
  const uint8_t* inputs;     // argument positions of tensor inputs (a number there is a wrapped number)
  const uint8_t* scalars;    // argument positions of Scalar arguments
  const OperandKind* kinds;  // outs then ins
  ResultDType result;
  bool promotes_ints_to_float;  // int inputs compute in the default float dtype
  bool promotes;                // false: inputs must share a dtype
  uint32_t kinds_allowed;       // bit Kind: bool, unsigned, signed, float, complex
  const char* name;             // for errors: "bitwise_and_cpu"-like wording is made from it
  uint8_t nstatics;
  const StaticArg* statics;                            // the variant is their mixed-radix number, first one most significant
  const PointwiseKernel (*kernels)[kIsas][kComputes];  // by variant; null: not defined for this compute dtype
};

struct ReductionKernels {
  ReduceKernel rows, columns;
  ReduceMerge merge;
  ReduceFinish finish;
};

struct ReductionInfo {
  uint8_t nout;
  uint8_t dim, keepdim, dtype;  // argument positions, 255: there is none
  uint8_t nscalars;
  const uint8_t* scalars;    // argument positions of number arguments
  const OperandKind* kinds;  // of the outputs
  const ResultDType* results;
  bool promotes_ints_to_float;
  bool widens_ints;         // integers fold, and come out, as int64
  bool identity;            // defined for no elements
  bool indexed;             // the elements' order matters: the lowest index wins
  uint32_t kinds_allowed;   // bit Kind
  const char* kinds_error;  // message for other dtypes, which is appended; null: the usual one
  const char* empty_error;  // message for no elements; null: the usual one
  const char* name;
  uint8_t choice;  // argument position of a number that selects the variant, 255: one variant
  uint8_t nchoices;
  const double* choices;  // variant i is for choices[i], the one after the last for any other value
  uint8_t ncomponents[kComputes];
  uint8_t bytes[kComputes][6];                          // of the state's components
  const ReductionKernels (*kernels)[kIsas][kComputes];  // by variant
};

enum class RowOperand : uint8_t {
  Row,     // one element for each of the row
  Each,    // one value a row
  Shared,  // one row for all
  Total,   // a result summed over all rows
};

struct RowsInfo {
  const char* name;
  uint8_t nout, nin, nscalars;
  const uint8_t* inputs;  // argument positions; the first is always given and a Row
  const uint8_t* scalars;
  const RowOperand* operands;  // outs then ins
  uint8_t rows;                // position of the argument that says what a row is:
  bool by_shape;               // the trailing dimensions of this shape; else along this dimension
  uint8_t scratch;
  const RowKernel (*kernels)[kIsas][kComputes];  // by which optional inputs are given, the first one most significant
};

struct ScanInfo {
  const char* name;
  uint8_t nout, dim, dtype;  // argument positions, 255: there is none
  const OperandKind* kinds;
  const ResultDType* results;
  bool widens_ints;
  uint32_t kinds_allowed;
  uint8_t state_bytes[kComputes];
  const ScanKernel (*kernels)[kComputes];  // by instruction set
};

extern const LoadKernel kLoad[kIsas][kDTypes][kComputes];
extern const StoreKernel kStore[kIsas][kComputes][kDTypes];

}  // namespace kindling
