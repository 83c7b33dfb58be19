// What FakeTensor is made of: an operator's kernel run for its shapes alone.
#include "../autograd/meta.h"
#include "autograd.h"
#include "parse.h"
#include "symbolic.h"
#include "types.h"

namespace kindling::python {

namespace {

constexpr Device kMeta{DeviceType::meta, -1};

// A fake tensor as kernels may see it: on the meta device, without history.
Tensor on_meta(const Tensor& fake) {
  Tensor t = alias(fake, fake.sizes(), fake.strides(), fake.offset());
  t->device = kMeta;
  t->set(TensorImpl::WrappedNumber, fake->has(TensorImpl::WrappedNumber));
  return t;
}

Device indexed(Device d) { return d.type == DeviceType::cuda && d.index < 0 ? Device{d.type, 0} : d; }

// One call of a kernel on stand-ins of its fake arguments.
struct FakeCall {
  const Op& op;
  Parse& parse;
  std::vector<std::pair<TensorImpl*, Tensor>> stand_ins;  // argument, what the kernel got for it
  std::vector<std::unique_ptr<Value[]>> lists;
  Device device;
  bool on_device = false, zero_dim = true;  // `device` is known; only from tensors without dimensions

  void see(const TensorImpl* t) {
    if (t->has(TensorImpl::WrappedNumber)) return;
    Device d = t->device;
    bool weak = t->ndim == 0 && d.type == DeviceType::cpu;
    if (!on_device || (zero_dim && !weak && device.type == DeviceType::cpu)) {
      device = d;
      zero_dim = weak;
      on_device = true;
    } else if (!(d == device) && !weak) {
      mismatch(d);
    }
  }
  [[noreturn]] void mismatch(Device d) const {
    static PyObject* error = call_torch("torch._subclasses.fake_tensor", "FakeTensorDeviceMismatchError");
    std::string text = concat("Expected all tensors to be on the same device, but found at least two devices, ",
                              to_string(device), " and ", to_string(d), "!");
    PyErr_SetString(error, text.c_str());
    throw Error(ErrorKind::Python, {});
  }

  Value stand_in(const Value& v) {
    if (v.is_tensor()) {
      see(v.tensor_);
      for (auto& [argument, t] : stand_ins)
        if (argument == v.tensor_) return t;
      stand_ins.emplace_back(v.tensor_, on_meta(Tensor::share(v.tensor_)));
      return stand_ins.back().second;
    }
    if (v.tag != Tag::List) return v;
    auto& elements = lists.emplace_back(new Value[v.len]);
    for (uint32_t i = 0; i < v.len; i++) elements[i] = stand_in(v.list_[i]);
    return std::span<const Value>(elements.get(), v.len);
  }

  void replace_arguments() {
    Value* values = parse.values();
    for (int i = 0; i < op.nargs; i++) values[i] = stand_in(values[i]);
    bool given = false;
    for (int i = 0; i < op.nargs; i++) {
      if (op.args[i].type != Type::Device || op.args[i].list) continue;
      if (!values[i].is_none()) {
        device = indexed(values[i].device());
        given = true;
      }
      if (given || stand_ins.empty()) values[i] = Value(kMeta);
    }
  }

  // In-place operators may change the shape of what they write to.
  void write_back() const {
    for (auto& [argument, t] : stand_ins) {
      bool same_view = same(t.sizes(), IntList(argument->dims, size_t(argument->ndim))) &&
                       same(t.strides(), IntList(argument->dims + argument->ndim, size_t(argument->ndim)));
      if (!same_view) argument->set_sizes_strides(t.sizes(), t.strides());
      argument->offset = t->offset;
      argument->storage = t->storage;
    }
  }

  // The objects of results: an argument that came back, or a new fake tensor.
  PyRef fake(OwnedValue& value, PyTypeObject* cls, PyObject* mode) const {
    for (auto& [argument, t] : stand_ins)
      if (t.get() == value.tensor_) {
        value = OwnedValue(Tensor::share(argument));
        return PyRef();
      }
    Tensor t = value.tensor();
    if (t->pyobj) return PyRef();
    t->device = device;
    static PyObject* name = intern("fake_mode");
    PyRef object = owned(wrap_as(t, cls));
    check(PyObject_SetAttr(object.get(), name, mode));
    return object;
  }
};

struct Plain {  // nobody below sees the call
  bool dispatch = tls.torch_dispatch_disabled, below = tls.below_autograd;
  Plain() { tls.torch_dispatch_disabled = tls.below_autograd = true; }
  ~Plain() {
    tls.torch_dispatch_disabled = dispatch;
    tls.below_autograd = below;
  }
};

// _fake_kernel(op, cls, mode, args, kwargs): the operator on fake tensors of `mode`, by its kernel's shape rule
PyObject* fake_kernel(PyObject*, PyObject* const* given, Py_ssize_t n) {
  return guard([&]() -> PyObject* {
    KD_CHECK(n == 5, Type, "_fake_kernel expects (op, cls, mode, args, kwargs)");
    const Op& op = operator_of(given[0]);
    auto* cls = reinterpret_cast<PyTypeObject*>(given[1]);
    SmallVec<PyObject*, 12> args;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(given[3]); i++) args.push_back(PyTuple_GET_ITEM(given[3], i));
    size_t positional = args.size();
    PyRef names = owned(PyDict_Size(given[4]) ? PySequence_Tuple(given[4]) : PyTuple_New(0));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names.get()); i++)
      args.push_back(PyDict_GetItem(given[4], PyTuple_GET_ITEM(names.get(), i)));
    Parse p;
    const Op* only = &op;
    CallArguments call{args.data(), positional, PyTuple_GET_SIZE(names.get()) ? names.get() : nullptr};
    parse(&only, 1, op.name, Face::Operator, call, p);
    FakeCall fake{op, p, {}, {}, Device{}};
    fake.replace_arguments();
    constexpr int kMaxResults = 16;
    OwnedValue rets[kMaxResults];
    {
      Plain scope;
      kindling::call(op, p.values(), rets);
    }
    fake.write_back();
    std::vector<PyRef> objects;  // kept until the results are handed out
    for (int i = 0; i < op.nrets; i++) {
      if (rets[i].is_tensor()) objects.push_back(fake.fake(rets[i], cls, given[2]));
      for (const Value& e : rets[i].list())
        if (e.is_tensor()) objects.push_back(fake.fake(static_cast<OwnedValue&>(const_cast<Value&>(e)), cls, given[2]));
    }
    return results_to_python(op, rets, op.nrets);
  });
}

// _fake_like(cls, mode, meta tensor, device, requires_grad): a fake tensor over the storage of a meta tensor
PyObject* fake_like(PyObject*, PyObject* args) {
  return guard([&]() -> PyObject* {
    PyObject *cls, *mode, *elem, *device;
    int requires_grad;
    if (!PyArg_ParseTuple(args, "OOOOp", &cls, &mode, &elem, &device, &requires_grad)) return nullptr;
    Tensor t = alias(unwrap_checked(elem, "_fake_like"));
    t->set(TensorImpl::PythonDispatch, false);
    t->device = indexed(device_of(device));
    if (requires_grad) set_requires_grad(t, true);
    PyRef object = owned(wrap_as(std::move(t), reinterpret_cast<PyTypeObject*>(cls)));
    check(PyObject_SetAttrString(object.get(), "fake_mode", mode));
    return object.release();
  });
}

Dims ints_of(PyObject* sequence) {
  Dims d;
  PyRef all = owned(PySequence_Tuple(sequence));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(all.get()); i++) d.push_back(int_of(PyTuple_GET_ITEM(all.get(), i)));
  return d;
}

// _meta_strided(sizes, strides, offset, dtype, base or None): a meta tensor, its sizes symbolic or not, in the storage of `base`
PyObject* meta_strided(PyObject*, PyObject* args) {
  return guard([&]() -> PyObject* {
    PyObject *sizes, *strides, *offset, *dtype, *base;
    if (!PyArg_ParseTuple(args, "OOOOO", &sizes, &strides, &offset, &dtype, &base)) return nullptr;
    Tensor t = empty(IntList{}, {dtype_of(dtype), kMeta});
    if (base != Py_None) {
      Tensor from = unwrap_checked(base, "_meta_strided");
      t = alias(from, IntList{}, IntList{}, 0);
      t->dtype = dtype_of(dtype);
      t->device = kMeta;
    }
    t->set_sizes_strides(ints_of(sizes), ints_of(strides));
    t->offset = int_of(offset);
    return wrap(t);
  });
}

PyObject* has_symbolic_sizes(PyObject*, PyObject* tensor) {
  return guard([&] { return PyBool_FromLong(is_symbolic(impl_of(tensor))); });
}

PyMethodDef functions[] = {
    {"_fake_kernel", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(fake_kernel)), METH_FASTCALL, nullptr},
    {"_fake_like", fake_like, METH_VARARGS, nullptr},
    {"_meta_strided", meta_strided, METH_VARARGS, nullptr},
    {"_has_symbolic_sizes_strides", has_symbolic_sizes, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void init_fake(PyObject* module) { check(PyModule_AddFunctions(module, functions)); }

}  // namespace kindling::python
