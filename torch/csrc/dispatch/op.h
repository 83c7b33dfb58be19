// An operator overload: its schema and what runs at each layer. The tables are generated from torch/_opdefs.
#pragma once
#include "../core/value.h"

namespace kindling {

enum class Type : uint8_t {
  Tensor,
  Scalar,
  Int,
  Float,
  Bool,
  Str,
  DType,
  Device,
  Layout,
  MemoryFormat,
  Generator,
  Storage,
  Object,
};

// What an integer argument counts: a hidden first dimension moves the numbers of dimensions, and joins sizes.
enum class ArgRole : uint8_t { Other, Dim, Size };

struct ArgSchema {
  const char* name;
  Type type;
  bool optional;          // T?
  bool list;              // T[]
  bool optional_element;  // Tensor?[]
  bool kwarg_only;
  bool write;  // Tensor(a!)
  bool out;    // an out= argument
  bool has_default;
  bool number_ok;  // a Tensor argument that also takes a Python number (binary operators)
  int16_t size;    // int[2]: a single number stands for this many; 0 otherwise
  char alias;      // 'a' of Tensor(a!), '*' of Tensor(a -> *), 0 if none
  ArgRole role;
  Value default_value;
};

// What autocast does to the floating-point arguments of an operator (torch/_opdefs/autocast.py).
enum class CastPolicy : uint8_t { AsGiven, Lower, Float32, Widest };

enum class Family : uint8_t { Kernel, Pointwise, Reduction, View, Composite, PyComposite };

struct Op;
using Kernel = void (*)(const Op&, const Value* args, OwnedValue* rets);

struct BackwardContext;  // autograd/node.h
struct ForwardContext;   // autograd/forward.h
struct VmapCall;         // vmap/rules.h
struct PointwiseInfo;    // cpu/kernel_table.h
struct ReductionInfo;

// Which values a derivative needs, and how: as they are, or only their shape and dtype.
struct SaveSlot {
  enum Source : uint8_t { Arg, Result } source;
  bool meta_only;  // sizes, dtype and device only; the tensor itself is not kept alive
  uint8_t index;
  uint32_t needed_by = ~0u;  // bit i: by the gradient of differentiable input i; kept only if one of these is wanted
};

// What a formula uses besides tensors, as `_saved_<name>` of a node shows it.
struct SavedAttribute {
  const char* name;  // "dim", "self_sym_sizes", "self_sym_argsize_0"
  enum Kind : uint8_t { Argument, Sizes, Strides, Numel, Dim, Size } kind;
  uint8_t index;  // of the argument, or of the save slot whose shape is asked for
  int8_t dim;     // of Size
};

struct Derivative {
  const char* node_name;  // "MulBackward0"
  const uint8_t* inputs;  // differentiable argument positions: one edge each (lists: one per element)
  uint8_t ninputs;
  const SaveSlot* saves;
  uint8_t nsaves;
  uint32_t differentiable_results;  // bit i: result i
  void (*backward)(BackwardContext&);
  void (*jvp)(ForwardContext&);  // null: not differentiable in forward mode
  const SavedAttribute* attributes = nullptr;
  uint8_t nattributes = 0;
};

struct Op {
  const char* name;      // "add"
  const char* overload;  // "Tensor", "" for default
  const char* schema;    // "aten::add.Tensor(Tensor self, ...) -> Tensor"
  const ArgSchema* args;
  const ArgSchema* rets;
  uint8_t nargs, nrets;
  Family family;
  bool inplace, out_variant;  // add_, add.out
  bool is_view;
  Kernel kernel;                 // below autograd; for composites, the body, run above autograd
  const Derivative* derivative;  // null: results do not require grad (composites: through their parts)
  void (*vmap)(VmapCall&);       // what the call means for a whole batch; null: each example by itself
  union {
    const PointwiseInfo* pointwise;
    const ReductionInfo* reduction;
    const Op* functional;  // in-place and out= forms made from another op: that op
    const char* python;    // PyComposite: "module:function"
    const void* extra;
  };
  const char* doc;
  CastPolicy cast = CastPolicy::AsGiven;
  void* pyobj = nullptr;  // torch.ops.aten.add.Tensor, made on first need
};

// The public callables torch.add, Tensor.add, torch._C._nn.gelu, ...: overloads in the order they are tried.
struct FunctionEntry {
  const char* name;
  const Op* const* overloads;
  uint8_t noverloads;
  const char* doc;
};

extern const Op* const kOps[];
extern const int kNumOps;
const Op* find_op(std::string_view name, std::string_view overload);

// ---- calling ----
// Runs `op` through every layer: autocast | composite | autograd | vmap | python dispatch | kernel.
void call(const Op& op, const Value* args, OwnedValue* rets);
// The rest of the way from below one layer.
void call_below_autograd(const Op& op, const Value* args, OwnedValue* rets);
void call_kernel(const Op& op, const Value* args, OwnedValue* rets);
void call_batched(const Op& op, const Value* args, OwnedValue* rets);  // vmap/layer.cpp
bool takes_batches(const Op& op, const Value* args);

}  // namespace kindling
