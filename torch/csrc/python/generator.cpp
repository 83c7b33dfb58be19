// torch.Generator: a stream of random numbers.
#include "../core/generator.h"

#include <cstring>

#include "tensor.h"

namespace kindling::python {

namespace {

struct GeneratorObject {
  PyObject_HEAD Generator* generator;  // owned
};

Generator& stream(PyObject* o) { return *reinterpret_cast<GeneratorObject*>(o)->generator; }

PyObject* new_generator(Ref<Generator> g, PyTypeObject* cls = &GeneratorType) {
  PyObject* o = check(cls->tp_alloc(cls, 0));
  g->pyobj = o;
  reinterpret_cast<GeneratorObject*>(o)->generator = g.detach();
  return o;
}

void generator_dealloc(PyObject* o) {
  Generator* g = reinterpret_cast<GeneratorObject*>(o)->generator;
  if (g->pyobj == o) g->pyobj = nullptr;
  release(g);
  Py_TYPE(o)->tp_free(o);
}

PyObject* generator_new(PyTypeObject* cls, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    const char* names[] = {"device", nullptr};
    PyObject* device = nullptr;
    check(PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Generator", const_cast<char**>(names), &device) ? 0 : -1);
    Device d = device && device != Py_None ? device_of(device) : Device{};
    KD_CHECK(d.type == DeviceType::cpu, Runtime, "Device type ", to_string(Device{d.type, -1}),
             " is not supported for torch.Generator() api.");
    return new_generator(Ref<Generator>::make(d), cls);
  });
}

// Seeds are any 64-bit integers; negative ones wrap.
uint64_t seed_of(PyObject* o) {
  if (!is_integer(o)) fail(ErrorKind::Type, "manual_seed expected a long, but got ", type_name(o));
  PyRef index = owned(PyNumber_Index(o));
  int overflow = 0;
  long long v = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
  if (!overflow) return uint64_t(v);
  unsigned long long u = overflow > 0 ? PyLong_AsUnsignedLongLong(index.get()) : ~0ull;
  if (overflow < 0 || (u == ~0ull && PyErr_Occurred())) {
    PyErr_Clear();
    fail(ErrorKind::Value, "Overflow when unpacking long long");
  }
  return u;
}

PyObject* manual_seed(PyObject* self, PyObject* seed) {
  return guard([&]() -> PyObject* {
    uint64_t s = seed_of(seed);
    std::lock_guard lock(stream(self).mutex);
    stream(self).manual_seed(s);
    Py_INCREF(self);
    return self;
  });
}
PyObject* seed(PyObject* self, PyObject*) {
  std::lock_guard lock(stream(self).mutex);
  return PyLong_FromUnsignedLongLong(stream(self).seed());
}
PyObject* initial_seed(PyObject* self, PyObject*) { return PyLong_FromUnsignedLongLong(stream(self).initial_seed()); }

PyObject* get_state(PyObject* self, PyObject*) {
  return guard([&]() -> PyObject* {
    int64_t n = Generator::kStateBytes;
    Tensor t = empty(IntList(&n, 1), TensorOptions{DType::uint8, {}});
    std::lock_guard lock(stream(self).mutex);
    stream(self).get_state(t.raw());
    return wrap(t);
  });
}
PyObject* set_state(PyObject* self, PyObject* state) {
  return guard([&]() -> PyObject* {
    if (!is_tensor(state)) fail(ErrorKind::Type, "expected a torch.ByteTensor, but got ", type_name(state));
    Tensor t = unwrap(state);
    KD_CHECK(t.dtype() == DType::uint8 && t.is_contiguous() && t.is_cpu(), Type, "RNG state must be a torch.ByteTensor");
    std::lock_guard lock(stream(self).mutex);
    stream(self).set_state(t.raw(), t.numel());
    Py_INCREF(self);
    return self;
  });
}
PyObject* clone_state(PyObject* self, PyObject*) {
  return guard([&] { return new_generator(stream(self).clone()); });
}
PyObject* no_offset(PyObject*, PyObject*) {
  PyErr_SetString(PyExc_RuntimeError, "CPU Generator does not use offset");
  return nullptr;
}
PyObject* generator_device(PyObject* self, void*) { return wrap(stream(self).device); }
PyObject* generator_reduce(PyObject* self, PyObject*) {
  return guard([&]() -> PyObject* {
    PyRef module = owned(PyImport_ImportModule("torch._utils"));
    PyRef rebuild = owned(PyObject_GetAttrString(module.get(), "_rebuild_generator"));
    PyRef state = owned(get_state(self, nullptr));
    return Py_BuildValue("O(NO)", rebuild.get(), wrap(stream(self).device), state.get());
  });
}

PyMethodDef generator_methods[] = {
    {"manual_seed", manual_seed, METH_O, "Starts the stream anew from a seed; returns the generator."},
    {"seed", seed, METH_NOARGS, "Seeds from the system's entropy; returns that seed."},
    {"initial_seed", initial_seed, METH_NOARGS, "The seed the stream started from."},
    {"get_state", get_state, METH_NOARGS, "The state, a uint8 tensor."},
    {"set_state", set_state, METH_O, "Continues from a state of get_state()."},
    {"graphsafe_set_state", set_state, METH_O, nullptr},
    {"graphsafe_get_state", clone_state, METH_NOARGS, nullptr},
    {"get_offset", no_offset, METH_NOARGS, "The position in a counter-based stream; the CPU's stream has none: RuntimeError."},
    {"set_offset", no_offset, METH_O, "See get_offset()."},
    {"clone_state", clone_state, METH_NOARGS, "A generator that goes on from the same state by itself."},
    {"__reduce__", generator_reduce, METH_NOARGS, nullptr},
    {}};
PyGetSetDef generator_properties[] = {{"device", generator_device, nullptr, "The device of the stream.", nullptr}, {}};

}  // namespace

PyTypeObject GeneratorType = [] {
  PyTypeObject t = {PyVarObject_HEAD_INIT(nullptr, 0)};
  t.tp_name = "torch._C.Generator";
  t.tp_basicsize = sizeof(GeneratorObject);
  t.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE;
  t.tp_doc = "Generator(device='cpu')\n\nA stream of random numbers, for the `generator=` argument of random functions.";
  t.tp_dealloc = generator_dealloc;
  t.tp_new = generator_new;
  t.tp_methods = generator_methods;
  t.tp_getset = generator_properties;
  return t;
}();

PyObject* wrap(Generator* g) {
  if (!g) Py_RETURN_NONE;
  if (g->pyobj) return PyRef::share(static_cast<PyObject*>(g->pyobj)).release();
  return new_generator(Ref<Generator>::share(g));
}
Generator* generator_of(PyObject* o) { return &stream(o); }

void init_generator(PyObject* module) {
  check(PyType_Ready(&GeneratorType));
  check(PyModule_AddObjectRef(module, "Generator", reinterpret_cast<PyObject*>(&GeneratorType)));
  PyRef main = owned(new_generator(Ref<Generator>::share(&default_generator())));
  check(PyModule_AddObjectRef(module, "default_generator", main.get()));
}

}  // namespace kindling::python
