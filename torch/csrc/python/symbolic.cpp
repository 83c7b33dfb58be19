#include "symbolic.h"

#include <limits>
#include <unordered_map>

#include "invoke.h"

namespace kindling {

bool symbolic_sizes_exist = false;
int64_t (*symbolic_product)(int64_t, int64_t) = nullptr;
bool (*symbolic_equal)(int64_t, int64_t) = nullptr;

namespace python {

namespace {

PyTypeObject *IntType = nullptr, *FloatType = nullptr;  // torch.SymInt, torch.SymFloat, once torch/_symbolic makes them

std::unordered_map<int64_t, PyObject*>& table() {  // owns the numbers; guarded by the GIL
  static auto& made = *new std::unordered_map<int64_t, PyObject*>;
  return made;
}

// The n-th tag: spread at random, so that sums and differences of tags are none.
int64_t nth_tag(uint64_t n) {
  n += 0x9e3779b97f4a7c15u * (n + 1);
  n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9u;
  n = (n ^ n >> 27) * 0x94d049bb133111ebu;
  return kSymbolic + int64_t((n ^ n >> 31) & uint64_t(kSymbolic - 1));
}

PyObject* set_types(PyObject*, PyObject* args) {
  PyObject *i, *f;
  if (!PyArg_ParseTuple(args, "OO", &i, &f)) return nullptr;
  IntType = reinterpret_cast<PyTypeObject*>(Py_NewRef(i));
  FloatType = reinterpret_cast<PyTypeObject*>(Py_NewRef(f));
  Py_RETURN_NONE;
}

// _release_tags(tags): their formulas are gone, with the ShapeEnv that made them
PyObject* release_tags(PyObject*, PyObject* tags) {
  return guard([&]() -> PyObject* {
    PyRef all = owned(PySequence_Fast(tags, "expected a sequence of tags"));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(all.get()); i++) {
      auto found = table().find(PyLong_AsLongLong(PySequence_Fast_GET_ITEM(all.get(), i)));
      if (found == table().end()) continue;
      PyRef number = PyRef::steal(found->second);
      table().erase(found);
    }
    Py_RETURN_NONE;
  });
}

int64_t multiply(int64_t a, int64_t b) {
  Gil gil;
  PyRef x = owned(wrap_int(a)), y = owned(wrap_int(b));
  return int_of(owned(PyNumber_Multiply(x.get(), y.get())).get());
}

bool equal(int64_t a, int64_t b) {
  Gil gil;
  PyRef x = owned(wrap_int(a)), y = owned(wrap_int(b));
  int truth = PyObject_RichCompareBool(x.get(), y.get(), Py_EQ);
  check(truth);
  return truth == 1;
}

PyMethodDef functions[] = {{"_set_symbolic_types", set_types, METH_VARARGS, nullptr},
                           {"_release_tags", release_tags, METH_O, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

bool is_symint(PyObject* o) { return IntType && Py_TYPE(o) == IntType; }
bool is_symbolic_number(PyObject* o) { return IntType && (Py_TYPE(o) == IntType || Py_TYPE(o) == FloatType); }

int64_t symbolic_tag(PyObject* number) {
  static PyObject *node_name = intern("node"), *tag_name = intern("tag");
  PyRef node = owned(PyObject_GetAttr(number, node_name));
  PyRef known = owned(PyObject_GetAttr(node.get(), tag_name));
  if (known.get() != Py_None) return PyLong_AsLongLong(known.get());
  static uint64_t count = 0;
  int64_t tag = nth_tag(count++);
  check(PyObject_SetAttr(node.get(), tag_name, owned(PyLong_FromLongLong(tag)).get()));
  table().emplace(tag, Py_NewRef(number));
  symbolic_sizes_exist = true;
  return tag;
}

PyObject* wrap_int(int64_t v) {
  constexpr int64_t kOpenEnd = std::numeric_limits<int64_t>::max();  // of a slice; not a tag
  if (__builtin_expect(v < kSymbolic, 1) || v == kOpenEnd) return PyLong_FromLongLong(v);
  auto found = table().find(v);
  if (found != table().end()) return Py_NewRef(found->second);
  KD_CHECK(!symbolic_sizes_exist, NotImplemented,
           "arithmetic on a symbolic size in compiled code; give the operator a shape rule in torch/_meta");
  return PyLong_FromLongLong(v);
}

bool is_symbolic(const TensorImpl* t) { return any_symbolic({t->dims, size_t(2 * t->ndim)}) || kindling::is_symbolic(t->offset); }

void init_symbolic(PyObject* module) {
  symbolic_product = multiply;
  symbolic_equal = equal;
  check(PyModule_AddFunctions(module, functions));
}

}  // namespace python
}  // namespace kindling
