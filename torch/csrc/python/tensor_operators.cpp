// Tensor's operators: a + b, a < b, -a, a += b... The slots go straight to the operators; foreign operands get NotImplemented.
#include <cstring>

#include "function.h"
#include "tensor.h"

namespace kindling::python {

namespace {

const FunctionEntry* find_entry(const FunctionEntry* table, int n, const char* name) {
  for (int i = 0; i < n; i++)
    if (!std::strcmp(table[i].name, name)) return &table[i];
  return nullptr;
}

// One operator of Python: the method behind it and, for two plain tensors, the overload to call at once.
struct Slot {
  const char* method;    // Tensor.<method>
  const char* fallback;  // where the table has no such method
  const FunctionEntry* entry = nullptr;
  PyObject* callable = nullptr;
  const Op* direct = nullptr;       // the overload for (Tensor, Tensor)
  const char* shown = nullptr;      // what __torch_function__ gets to see, where it is not the method
  const char* reflected = nullptr;  // and of number <op> tensor
  const char* swapped = nullptr;    // the function that takes number, tensor (rsub: tensor, number)
  const FunctionEntry* swapped_entry = nullptr;
  PyObject* swapped_callable = nullptr;

  void resolve();
};

// clang-format off
#define KD_SLOTS(X)                                                                                             \
  X(add, "add", nullptr) X(sub, "sub", nullptr) X(mul, "mul", nullptr) X(matmul, "matmul", nullptr)            \
  X(div, "div", nullptr) X(floordiv, "floor_divide", nullptr) X(mod, "remainder", nullptr)                     \
  X(pow, "pow", nullptr) X(lshift, "__lshift__", "bitwise_left_shift")                                         \
  X(rshift, "__rshift__", "bitwise_right_shift") X(and_, "bitwise_and", "__and__")                             \
  X(or_, "bitwise_or", "__or__") X(xor_, "bitwise_xor", "__xor__")                                             \
  X(iadd, "add_", nullptr) X(isub, "sub_", nullptr) X(imul, "mul_", nullptr) X(idiv, "div_", nullptr)          \
  X(ifloordiv, "floor_divide_", nullptr) X(imod, "remainder_", nullptr) X(ipow, "pow_", nullptr)               \
  X(ilshift, "__ilshift__", "bitwise_left_shift_") X(irshift, "__irshift__", "bitwise_right_shift_")           \
  X(iand, "bitwise_and_", "__iand__") X(ior, "bitwise_or_", "__ior__") X(ixor, "bitwise_xor_", "__ixor__")     \
  X(neg, "neg", nullptr) X(pos, "positive", nullptr) X(abs, "abs", nullptr) X(invert, "bitwise_not", nullptr)  \
  X(eq, "eq", nullptr) X(ne, "ne", nullptr) X(lt, "lt", nullptr) X(le, "le", nullptr) X(gt, "gt", nullptr)     \
  X(ge, "ge", nullptr)
// clang-format on

#define X(id, name, other) Slot slot_##id{name, other};
KD_SLOTS(X)
#undef X

void name_slots() {
  slot_eq.shown = "__eq__";
  slot_floordiv.shown = "__floordiv__";
  slot_invert.shown = "__invert__";
  slot_sub.reflected = "__rsub__";
  slot_div.reflected = "__rdiv__";
  slot_pow.reflected = "__rpow__";
  slot_floordiv.reflected = "__rfloordiv__";
  slot_mod.reflected = "__rmod__";
  slot_lshift.reflected = "__rlshift__";
  slot_rshift.reflected = "__rrshift__";
  slot_sub.swapped = "rsub";
  slot_pow.swapped = "pow";
  slot_floordiv.swapped = "floor_divide";
  slot_mod.swapped = "remainder";
  slot_lshift.swapped = "bitwise_left_shift";
  slot_rshift.swapped = "bitwise_right_shift";
}

void Slot::resolve() {
  if (swapped && (swapped_entry = find_entry(kTorchFunctions, kNumTorchFunctions, swapped)))
    swapped_callable = check(make_function(*swapped_entry, "torch", false));
  entry = find_entry(kTensorMethods, kNumTensorMethods, method);
  if (!entry && fallback) entry = find_entry(kTensorMethods, kNumTensorMethods, fallback);
  if (!entry) return;
  callable = PyDict_GetItemString(TensorBaseType.tp_dict, entry->name);
  for (int i = 0; i < entry->noverloads && !direct; i++) {
    const Op& op = *entry->overloads[i];
    bool good = op.nrets == 1 && op.nargs >= 2 && op.nargs <= 4 && !op.out_variant && op.args[0].type == Type::Tensor &&
                op.args[1].type == Type::Tensor && !op.args[0].list && !op.args[1].list;
    for (int k = 2; k < op.nargs && good; k++) good = op.args[k].has_default;
    if (good) direct = &op;
  }
}

// A tensor whose class does not intercept functions: torch.Tensor, nn.Parameter.
inline bool plain(PyObject* o) { return Py_TYPE(o) == TensorType || (is_tensor(o) && !overrides_function(Py_TYPE(o))); }
inline bool no_modes() { return tls.function_modes == 0 || tls.torch_function_disabled; }

PyObject* call_direct(const Op& op, PyObject* a, const Value& b) {
  Value values[4];
  values[0].tag = Tag::Tensor;
  values[0].tensor_ = impl_of(a);
  values[1] = b;
  for (int i = 2; i < op.nargs; i++) values[i] = op.args[i].default_value;
  OwnedValue ret;
  call_from_python(op, values, &ret);
  return wrap(ret.take());
}

bool is_operand(PyObject* o) { return is_tensor(o) || is_number(o) || has_torch_function(o); }

// Does anyone want to be asked about this operator?
bool overridden(PyObject* a, PyObject* b) { return !no_modes() || has_torch_function(a) || (b && has_torch_function(b)); }

PyObject* ask(const char* name, PyObject* a, PyObject* b) {
  PyRef method = owned(PyObject_GetAttrString(reinterpret_cast<PyObject*>(TensorType), name));
  std::vector<PyObject*> overloaded;
  for (PyObject* o : {a, b})
    if (o && has_torch_function(o)) add_overloaded(o, overloaded);
  PyObject* args[] = {a, b};
  return call_torch_function(method.get(), overloaded, args, b ? 2 : 1, nullptr);
}

PyObject* missing(const Slot& slot) {
  PyErr_Format(PyExc_AttributeError, "'Tensor' object has no attribute '%s'", slot.method);
  return nullptr;
}

PyObject* forward(const Slot& slot, PyObject* a, PyObject* b) {
  if (plain(a) && slot.direct && no_modes()) {
    if (plain(b))
      return guard([&] {
        Value v;
        v.tag = Tag::Tensor;
        v.tensor_ = impl_of(b);
        return call_direct(*slot.direct, a, v);
      });
    if (slot.direct->args[1].number_ok) {
      if (PyFloat_CheckExact(b)) return guard([&] { return call_direct(*slot.direct, a, Value(PyFloat_AS_DOUBLE(b))); });
      if (PyLong_CheckExact(b)) return guard([&] { return call_direct(*slot.direct, a, Value(scalar_of(b))); });
    }
  }
  if (!slot.entry) return missing(slot);
  bool operand = false;
  PyObject* result = guard([&]() -> PyObject* {
    operand = is_operand(b);
    if (!operand) Py_RETURN_NOTIMPLEMENTED;
    if (slot.shown && overridden(a, b)) return ask(slot.shown, a, b);
    PyObject* args[] = {a, b};
    return call_function(*slot.entry, slot.callable, true, args, 2, nullptr);
  });
  if (!result && PyErr_ExceptionMatches(PyExc_TypeError) &&
      !is_tensor(b)) {  // as for any operator that does not know its operand
    PyErr_Clear();
    Py_RETURN_NOTIMPLEMENTED;
  }
  return result;
}

// b <op> a where only a is a tensor: through Tensor.__r...__ if the subclass overrides, else the function of swapped operands.
PyObject* swapped(const Slot& slot, PyObject* first, PyObject* second) {
  PyObject* args[] = {first, second};
  return call_function(*slot.swapped_entry, slot.swapped_callable, false, args, 2, nullptr);
}

PyObject* reflected(const Slot& slot, PyObject* a, PyObject* b) {
  return guard([&]() -> PyObject* {
    if (!is_number(a) && !has_torch_function(a)) Py_RETURN_NOTIMPLEMENTED;
    if (slot.reflected && overridden(b, a)) return ask(slot.reflected, b, a);
    if (&slot == &slot_add || &slot == &slot_mul || &slot == &slot_and_ || &slot == &slot_or_ || &slot == &slot_xor_)
      return forward(slot, b, a);
    if (&slot == &slot_div) {
      PyRef inverse = owned(call_method("reciprocal", &b, 1));
      return forward(slot_mul, inverse.get(), a);
    }
    if (!slot.swapped_entry) Py_RETURN_NOTIMPLEMENTED;
    return &slot == &slot_sub ? swapped(slot, b, a) : swapped(slot, a, b);
  });
}

PyObject* binary(const Slot& slot, PyObject* a, PyObject* b) {
  return is_tensor(a) ? forward(slot, a, b) : reflected(slot, a, b);
}

PyObject* unary(const Slot& slot, PyObject* a) {
  if (!slot.entry) return missing(slot);
  if (slot.shown && overridden(a, nullptr)) return guard([&] { return ask(slot.shown, a, nullptr); });
  return call_function(*slot.entry, slot.callable, true, &a, 1, nullptr);
}

// 2 ** tensor with a third operand has no meaning here.
PyObject* power(PyObject* a, PyObject* b, PyObject* modulo) {
  if (modulo != Py_None) Py_RETURN_NOTIMPLEMENTED;
  return binary(slot_pow, a, b);
}
PyObject* inplace_power(PyObject* a, PyObject* b, PyObject*) { return binary(slot_ipow, a, b); }

int to_bool(PyObject* self) {
  return guard([&]() -> int {
    if (may_intercept(self)) {
      PyRef answer = owned(intercept_method(self, "__bool__", &self, 1, nullptr));
      return PyObject_IsTrue(answer.get());
    }
    Tensor t = unwrap(self);
    KD_CHECK(
        !t->has(TensorImpl::Batched), Runtime,
        "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support that yet, "
        "please file an issue at https://github.com/pytorch/pytorch/issues . torch.where selects between the examples.");
    KD_CHECK(t.numel() > 0, Runtime, "Boolean value of Tensor with no values is ambiguous");
    KD_CHECK(t.numel() == 1, Runtime, "Boolean value of Tensor with more than one value is ambiguous");
    PyRef value = owned(scalar_to_python(t));
    return PyObject_IsTrue(value.get());
  });
}

PyObject* to_number(PyObject* self, const char* name, PyObject* (*convert)(PyObject*)) {
  return guard([&]() -> PyObject* {
    if (may_intercept(self)) return intercept_method(self, name, &self, 1, nullptr);
    Tensor t = unwrap(self);
    KD_CHECK(t.numel() == 1, Value, "only one element tensors can be converted to Python scalars");
    PyRef value = owned(scalar_to_python(t));
    return convert(value.get());
  });
}
PyObject* to_int(PyObject* self) { return to_number(self, "__int__", PyNumber_Long); }
PyObject* to_float(PyObject* self) { return to_number(self, "__float__", PyNumber_Float); }
PyObject* to_index(PyObject* self) {
  return guard([&]() -> PyObject* {
    if (may_intercept(self)) return intercept_method(self, "__index__", &self, 1, nullptr);
    Tensor t = unwrap(self);
    KD_CHECK(t.numel() == 1 && is_integral(t.dtype(), true), Type,
             "only integer tensors of a single element can be converted to an index");
    PyRef value = owned(scalar_to_python(t));
    return PyNumber_Index(value.get());
  });
}

#define KD_BINARY(id) [](PyObject* a, PyObject* b) -> PyObject* { return binary(slot_##id, a, b); }
#define KD_UNARY(id) [](PyObject* a) -> PyObject* { return unary(slot_##id, a); }

}  // namespace

PyNumberMethods tensor_number = [] {
  PyNumberMethods m = {};
  m.nb_add = KD_BINARY(add);
  m.nb_subtract = KD_BINARY(sub);
  m.nb_multiply = KD_BINARY(mul);
  m.nb_matrix_multiply = KD_BINARY(matmul);
  m.nb_true_divide = KD_BINARY(div);
  m.nb_floor_divide = KD_BINARY(floordiv);
  m.nb_remainder = KD_BINARY(mod);
  m.nb_power = power;
  m.nb_lshift = KD_BINARY(lshift);
  m.nb_rshift = KD_BINARY(rshift);
  m.nb_and = KD_BINARY(and_);
  m.nb_or = KD_BINARY(or_);
  m.nb_xor = KD_BINARY(xor_);
  m.nb_inplace_add = KD_BINARY(iadd);
  m.nb_inplace_subtract = KD_BINARY(isub);
  m.nb_inplace_multiply = KD_BINARY(imul);
  m.nb_inplace_true_divide = KD_BINARY(idiv);
  m.nb_inplace_floor_divide = KD_BINARY(ifloordiv);
  m.nb_inplace_remainder = KD_BINARY(imod);
  m.nb_inplace_power = inplace_power;
  m.nb_inplace_lshift = KD_BINARY(ilshift);
  m.nb_inplace_rshift = KD_BINARY(irshift);
  m.nb_inplace_and = KD_BINARY(iand);
  m.nb_inplace_or = KD_BINARY(ior);
  m.nb_inplace_xor = KD_BINARY(ixor);
  m.nb_negative = KD_UNARY(neg);
  m.nb_positive = KD_UNARY(pos);
  m.nb_absolute = KD_UNARY(abs);
  m.nb_invert = KD_UNARY(invert);
  m.nb_bool = to_bool;
  m.nb_int = to_int;
  m.nb_float = to_float;
  m.nb_index = to_index;
  return m;
}();

PyObject* tensor_compare(PyObject* a, PyObject* b, int op) {
  switch (op) {
    case Py_EQ: return forward(slot_eq, a, b);
    case Py_NE: return forward(slot_ne, a, b);
    case Py_LT: return forward(slot_lt, a, b);
    case Py_LE: return forward(slot_le, a, b);
    case Py_GT: return forward(slot_gt, a, b);
    default: return forward(slot_ge, a, b);
  }
}

PyObject* call_method(const char* name, PyObject* const* args, size_t nargs) {
  PyObject* method = PyDict_GetItemString(TensorBaseType.tp_dict, name);
  if (!method) fail(ErrorKind::Attribute, "'Tensor' object has no attribute '", name, "'");
  return PyObject_Vectorcall(method, args, nargs, nullptr);
}

void init_operators() {
  name_slots();
#define X(id, name, other) slot_##id.resolve();
  KD_SLOTS(X)
#undef X
}

}  // namespace kindling::python
