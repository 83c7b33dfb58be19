// What the files of python/ share: owning references, errors, the Tensor object and conversions of Value.
#pragma once
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string>
#include <vector>

#include "../dispatch/op.h"
#include "../dispatch/state.h"

namespace kindling {
struct Node;
}

namespace kindling::python {

// ---- references and errors ----

class PyRef {  // one owned reference
  PyObject* p_ = nullptr;

 public:
  PyRef() = default;
  static PyRef steal(PyObject* p) {
    PyRef r;
    r.p_ = p;
    return r;
  }
  static PyRef share(PyObject* p) {
    Py_XINCREF(p);
    return steal(p);
  }
  PyRef(const PyRef& o) : p_(o.p_) { Py_XINCREF(p_); }
  PyRef(PyRef&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  PyRef& operator=(PyRef o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~PyRef() { Py_XDECREF(p_); }
  PyObject* get() const { return p_; }
  PyObject* release() { return std::exchange(p_, nullptr); }
  explicit operator bool() const { return p_; }
};

// A null result of the C API, as an exception; the Python error stays set.
inline PyObject* check(PyObject* p) {
  if (!p) throw Error(ErrorKind::Python, {});
  return p;
}
inline void check(int status) {
  if (status < 0) throw Error(ErrorKind::Python, {});
}
inline PyRef owned(PyObject* p) { return PyRef::steal(check(p)); }

void set_error(const Error& e);         // the Python exception of a kindling::Error
void set_error_of_current_exception();  // likewise of whatever is being handled; call in catch (...)

// Runs C++ that may throw at the border to Python: its result, or null / -1 with the Python error set.
template <class F>
auto guard(F&& body) noexcept -> decltype(body()) {
  using R = decltype(body());
  try {
    return body();
  } catch (...) {
    set_error_of_current_exception();
    if constexpr (std::is_pointer_v<R>) return nullptr;
    else return R(-1);
  }
}

// Holds the GIL; for hooks that the runtime calls from any thread.
struct Gil {
  PyGILState_STATE state = PyGILState_Ensure();
  ~Gil() { PyGILState_Release(state); }
};

// Lets other threads run for the length of a scope that touches no Python object.
struct WithoutGil {
  PyThreadState* state = PyEval_SaveThread();
  ~WithoutGil() { PyEval_RestoreThread(state); }
};

// Sets aside the error that is set, for the length of a scope that calls into Python.
struct KeepError {
  PyObject *type, *value, *trace;
  KeepError() { PyErr_Fetch(&type, &value, &trace); }
  ~KeepError() { PyErr_Restore(type, value, trace); }
};

PyObject* intern(const char* s);     // the interned string, borrowed, immortal
std::string utf8(PyObject* str);     // TypeError unless str
std::string type_name(PyObject* o);  // as PyTorch's argument errors show it: "Tensor", "int", "numpy.ndarray"

// ---- the Tensor object ----

struct TensorObject {
  PyObject_HEAD TensorImpl* impl;  // owned, unless impl->has(OwnsPyObject): then impl owns this object
  PyObject* dict;
  PyObject* weakrefs;
  PyObject* backward_hooks;         // autograd.cpp's
  PyObject* post_accumulate_hooks;  // autograd.cpp's
};

extern PyTypeObject TensorBaseType;   // torch._C.TensorBase
extern PyTypeObject* TensorMetaType;  // torch._C._TensorMeta
extern PyTypeObject* TensorType;      // torch.Tensor, once torch/_tensor.py has made it; borrowed

struct TensorMetaObject {  // a tensor class, with what the fast path asks of it
  PyHeapTypeObject type;
  bool overrides_function;  // its __torch_function__ must be asked
  bool overrides_dispatch;  // its instances carry PythonDispatch
};
inline bool is_tensor(PyObject* o) {
  PyTypeObject* t = Py_TYPE(o);
  return t == TensorType || PyType_IsSubtype(t, &TensorBaseType);
}
inline bool overrides_function(PyTypeObject* tensor_class) {
  return tensor_class != TensorType && tensor_class != &TensorBaseType &&
         reinterpret_cast<TensorMetaObject*>(tensor_class)->overrides_function;
}

PyObject* wrap(Tensor t);                        // the one Python object of t, a new reference; None if undefined
PyObject* wrap_as(Tensor t, PyTypeObject* cls);  // a fresh object of a given tensor class
inline TensorImpl* impl_of(PyObject* o) { return reinterpret_cast<TensorObject*>(o)->impl; }
inline Tensor unwrap(PyObject* o) { return Tensor::share(impl_of(o)); }  // o is a tensor
Tensor unwrap_checked(PyObject* o, const char* function);                // TypeError if it is none; None is undefined
PyObject* wrap_list(std::span<const Tensor> tensors);                    // a list
PyObject* wrap_tuple(std::span<const Tensor> tensors);
PyObject* wrap_storage(const Ref<Storage>& storage);  // torch.UntypedStorage

// ---- small objects (types.cpp) ----

extern PyTypeObject DTypeType, LayoutType, MemoryFormatType, DeviceType_, SizeType, GeneratorType, StorageType;
PyObject* wrap(DType d);  // all of these: new references
PyObject* wrap(Layout l);
PyObject* wrap(MemoryFormat f);
PyObject* wrap(Device d);
PyObject* wrap(const Scalar& s);
PyObject* wrap(Generator* g);
PyObject* wrap_size(IntList sizes);  // torch.Size
PyObject* wrap_ints(IntList v);      // tuple of int
DType dtype_of(PyObject* o);         // a torch.dtype, or float, int, bool, complex; DType::none if it is neither
bool is_dtype(PyObject* o);
Device device_of(PyObject* o);         // torch.device, "cuda:1" or an index; RuntimeError / TypeError
Generator* generator_of(PyObject* o);  // a torch.Generator
bool is_number(PyObject* o);           // bool, int, float, complex or a NumPy scalar
Scalar scalar_of(PyObject* o);         // of such a number, or of a 0-dim tensor; TypeError
bool is_integer(PyObject* o);          // int (not bool), a NumPy integer, a 0-dim integer tensor or what has __index__
int64_t int_of(PyObject* o);           // RuntimeError "Overflow when unpacking long long"

// ---- values ----

// Memory of one call's parsed arguments: lists live here, and tensors that had to be made.
class Arena {
  static constexpr size_t kInline = 512;
  alignas(16) char inline_[kInline];
  size_t used_ = 0;
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::vector<PyRef> refs_;

 public:
  template <class T>
  T* make(size_t n) {
    size_t bytes = (n * sizeof(T) + 15) & ~size_t(15);
    if (used_ + bytes <= kInline) {
      T* p = reinterpret_cast<T*>(inline_ + used_);
      used_ += bytes;
      return p;
    }
    blocks_.emplace_back(new char[bytes]);
    return reinterpret_cast<T*>(blocks_.back().get());
  }
  void keep(PyRef r) { refs_.push_back(std::move(r)); }
};

PyObject* to_python(const Value& v);  // new reference
// Does `o` fit the argument by type? Then its value, which borrows from `o` and the arena.
bool fits(PyObject* o, const ArgSchema& arg);
Value from_python(PyObject* o, const ArgSchema& arg, Arena& arena);  // TypeError / the element's error
// What a caller of `op` gets: None, an object, or a tuple (a torch.return_types one where results are named).
PyObject* results_to_python(const Op& op, OwnedValue* rets, uint32_t n);
// Fills rets from what a Python handler or composite returned for `op`. TypeError if it does not fit.
void results_from_python(const Op& op, PyObject* result, OwnedValue* rets);

// ---- calling operators from Python ----

// Parses Python arguments against `op` alone (schema names, `self` too) and calls it: torch.ops.aten.add.Tensor(...).
// `callable` gives what a __torch_function__ is told that was called; nobody is asked without it.
PyObject* call_overload(const Op& op, PyObject* const* args, size_t nargs, PyObject* kwnames,
                        PyObject* (*callable)(const Op&) = nullptr);
// Resolves overloads as the public callables do: torch.ops.aten.add(...) and torch.add(...).
PyObject* call_function(const FunctionEntry& entry, PyObject* callable, bool method, PyObject* const* args, size_t nargs,
                        PyObject* kwnames);
PyObject* make_function(const FunctionEntry& entry, const char* module, bool method);

// ---- __torch_function__ (overrides.cpp) ----

bool has_torch_function(PyObject* o);  // its type overrides __torch_function__ (and overrides are on)
void add_overloaded(PyObject* o, std::vector<PyObject*>& overloaded);  // in order of precedence, one per type; borrowed
// Asks modes, then the overloaded arguments. New reference; null with an error set.
PyObject* call_torch_function(PyObject* callable, const std::vector<PyObject*>& overloaded, PyObject* args, PyObject* kwargs);
PyObject* call_torch_function(PyObject* callable, const std::vector<PyObject*>& overloaded, PyObject* const* args, size_t nargs,
                              PyObject* kwnames);

// ---- autograd.cpp and modes.cpp ----

void init_autograd(PyObject* module);  // throws; adds classes and functions to torch._C
void init_modes(PyObject* module);
void init_fake(PyObject* module);
const Op& operator_of(PyObject* o);               // of a torch._C._Op; TypeError if it is none
void init_functorch(PyObject* module);            // functorch.cpp
extern PyMethodDef tensor_autograd_methods[];     // methods and properties of TensorBase that belong to autograd:
extern PyGetSetDef tensor_autograd_properties[];  // grad_fn, _backward_hooks, _post_accumulate_grad_hooks, retains_grad...
PyObject* wrap_node(const Ref<Node>& node);       // None for null
// For the collector: the Python hooks that a tensor alone keeps alive.
int traverse_hooks(const TensorImpl* t, visitproc visit, void* arg);
void clear_hooks(TensorImpl* t);
// The innermost TorchFunctionMode, taken off the stack for the length of the call. New reference or null with an error;
// Py_NotImplemented when it declines. Called only when tls.function_modes > 0.
PyObject* call_function_mode(PyObject* callable, PyObject* types, PyObject* args, PyObject* kwargs);

}  // namespace kindling::python
