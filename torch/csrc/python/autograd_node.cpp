// Nodes of the graph as Python objects: grad_fn, its neighbours, what it saved, its hooks.
#include <string>
#include <unordered_map>

#include "../autograd/formulas.h"
#include "autograd.h"

namespace kindling::python {

PyTypeObject* NodeBaseType = nullptr;

PyObject* call_torch(const char* module, const char* name) {
  PyRef m = owned(PyImport_ImportModule(module));
  return check(PyObject_GetAttrString(m.get(), name));
}

// ---- hooks ----

DictHook::~DictHook() {
  Gil gil;
  dict = PyRef();
}

namespace {

std::string hook_name(PyObject* hook) {
  PyRef name = PyRef::steal(PyObject_GetAttrString(hook, "__name__"));
  if (!name) {
    PyErr_Clear();
    return type_name(hook);
  }
  return utf8(name.get());
}

void check_replacement(const Tensor& before, PyObject* after, PyObject* hook) {
  if (!is_tensor(after)) fail(ErrorKind::Type, "expected Variable, but hook returned '", type_name(after), "'");
  if (!before.defined()) return;
  Tensor t = unwrap(after);
  KD_CHECK(same(before.sizes(), t.sizes()), Runtime, "hook '", hook_name(hook), "' has changed the size of value");
  KD_CHECK(before.dtype() == t.dtype(), Runtime, "hook '", hook_name(hook), "' has changed the type of value (was torch.",
           legacy_name(before.dtype()), "Tensor got torch.", legacy_name(t.dtype()), "Tensor)");
}

void replace_all(TensorVec& grads, PyObject* result, PyObject* hook) {
  KD_CHECK(PyTuple_Check(result), Type, "expected tuple, but hook returned '", type_name(result), "'");
  KD_CHECK(PyTuple_GET_SIZE(result) == grads.size(), Runtime, "hook '", hook_name(hook),
           "' has returned an incorrect number of values (got ", int64_t(PyTuple_GET_SIZE(result)), ", but expected ",
           grads.size(), ")");
  for (int64_t i = 0; i < grads.size(); i++) {
    PyObject* item = PyTuple_GET_ITEM(result, i);
    if (item == Py_None) {
      grads[i] = Tensor();
      continue;
    }
    check_replacement(grads[i], item, hook);
    grads[i] = unwrap(item);
  }
}

}  // namespace

void DictHook::run(TensorVec& grads, const TensorVec* outputs) {
  Gil gil;
  PyRef values = owned(PyMapping_Values(dict.get()));  // a list: hooks may remove themselves
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values.get()); i++) {
    PyObject* hook = PyList_GET_ITEM(values.get(), i);
    PyRef result;
    if (kind == OfTensor || kind == PostAccumulate) {
      PyRef grad = owned(wrap(grads[0]));
      result = owned(PyObject_CallOneArg(hook, grad.get()));
    } else if (kind == Pre) {
      PyRef given = owned(wrap_tuple({grads.data(), size_t(grads.size())}));
      result = owned(PyObject_CallOneArg(hook, given.get()));
    } else {
      PyRef made = owned(wrap_tuple({grads.data(), size_t(grads.size())}));
      PyRef given = owned(wrap_tuple({outputs->data(), size_t(outputs->size())}));
      result = owned(PyObject_CallFunctionObjArgs(hook, made.get(), given.get(), nullptr));
    }
    if (result.get() == Py_None) continue;
    if (kind == PostAccumulate) fail(ErrorKind::Runtime, "Tensor post accumulate grad hooks should return None.");
    if (kind == OfTensor) {
      check_replacement(grads[0], result.get(), hook);
      grads[0] = unwrap(result.get());
    } else if (kind == Pre && !PyTuple_Check(result.get()) && grads.size() == 1) {
      check_replacement(grads[0], result.get(), hook);
      grads[0] = unwrap(result.get());
    } else {
      replace_all(grads, result.get(), hook);
    }
  }
}

PyObject* new_hook_handle(PyObject* dict, PyObject* hook) {
  static PyObject* handle_class = call_torch("torch.utils.hooks", "RemovableHandle");
  PyRef handle = owned(PyObject_CallOneArg(handle_class, dict));
  PyRef id = owned(PyObject_GetAttrString(handle.get(), "id"));
  check(PyObject_SetItem(dict, id.get(), hook));
  return handle.release();
}

PyObject* register_node_hook(NodeHooks*& slot, DictHook::Kind kind, PyObject* hook) {
  auto& list = kind == DictHook::Pre ? hooks_of(slot).pre : hooks_of(slot).post;
  if (list.empty()) {
    static PyObject* ordered = call_torch("collections", "OrderedDict");
    PyRef dict = owned(PyObject_CallNoArgs(ordered));
    list.push_back(Ref<DictHook>::make(kind, dict.get()));
  }
  return new_hook_handle(static_cast<DictHook*>(list[0].get())->dict.get(), hook);
}

// ---- attributes that both faces of a node share ----

PyObject* next_functions(const Node& node) {
  PyRef tuple = owned(PyTuple_New(node.next.size()));
  for (int64_t i = 0; i < node.next.size(); i++) {
    const Edge& e = node.next[i];
    PyObject* pair = check(Py_BuildValue("(NI)", check(wrap_node(e.fn)), e.input));
    PyTuple_SET_ITEM(tuple.get(), i, pair);
  }
  return tuple.release();
}

PyObject* node_metadata(Node& node) {
  if (!node.metadata) node.metadata = check(PyDict_New());
  auto* dict = static_cast<PyObject*>(node.metadata);
  Py_INCREF(dict);
  return dict;
}

PyObject* input_metadata(const Node& node) {
  static PyObject* make = [] {
    PyRef types = owned(PyImport_ImportModule("types"));
    return check(PyObject_GetAttrString(types.get(), "SimpleNamespace"));
  }();
  PyRef tuple = owned(PyTuple_New(node.outputs.size()));
  for (int64_t i = 0; i < node.outputs.size(); i++) {
    const OutputMeta& m = node.outputs[i];
    if (m.dtype == DType::none) {
      Py_INCREF(Py_None);
      PyTuple_SET_ITEM(tuple.get(), i, Py_None);
      continue;
    }
    PyRef kwargs = owned(Py_BuildValue("{sNsNsN}", "dtype", check(wrap(m.dtype)), "device", check(wrap(m.device)), "shape",
                                       check(wrap_size(m.sizes))));
    PyRef none = owned(PyTuple_New(0));
    PyTuple_SET_ITEM(tuple.get(), i, check(PyObject_Call(make, none.get(), kwargs.get())));
  }
  return tuple.release();
}

namespace {

Node& self_node(PyObject* self) {
  Node* n = PyType_IsSubtype(Py_TYPE(self), FunctionBaseType) ? reinterpret_cast<ContextObject*>(self)->node
                                                              : reinterpret_cast<NodeObject*>(self)->node;
  KD_CHECK(n, Runtime, "Attribute of a node is not accessible: the function did not take part in a graph, or its graph is gone.");
  return *n;
}

PyObject* py_name(PyObject* self, PyObject*) {
  return guard([&] { return PyUnicode_FromString(self_node(self).name()); });
}
PyObject* py_register_hook(PyObject* self, PyObject* hook) {
  return guard([&] { return register_node_hook(self_node(self).hooks, DictHook::Post, hook); });
}
PyObject* py_register_prehook(PyObject* self, PyObject* hook) {
  return guard([&] { return register_node_hook(self_node(self).hooks, DictHook::Pre, hook); });
}
PyObject* py_sequence(PyObject* self, PyObject*) {
  return guard([&] { return PyLong_FromUnsignedLongLong(self_node(self).sequence); });
}
PyObject* py_set_sequence(PyObject* self, PyObject* n) {
  return guard([&]() -> PyObject* {
    self_node(self).sequence = PyLong_AsUnsignedLongLong(n);
    if (PyErr_Occurred()) return nullptr;
    Py_RETURN_NONE;
  });
}
PyObject* py_register_hook_dict(PyObject* self, PyObject* dict) {
  return guard([&]() -> PyObject* {
    hooks_of(self_node(self).hooks).post.push_back(Ref<DictHook>::make(DictHook::Post, dict));
    Py_RETURN_NONE;
  });
}

// Runs the node alone, as an ordinary function from gradients to gradients.
PyObject* node_call(PyObject* self, PyObject* args, PyObject*) {
  return guard([&]() -> PyObject* {
    TensorVec grads;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++) grads.push_back(unwrap_checked(PyTuple_GET_ITEM(args, i), "grad_fn"));
    TensorVec out = self_node(self).apply(std::move(grads));
    if (out.size() == 1) return wrap(out[0]);
    return wrap_tuple({out.data(), size_t(out.size())});
  });
}

PyObject* get_next(PyObject* self, void*) {
  return guard([&] { return next_functions(self_node(self)); });
}
PyObject* get_metadata(PyObject* self, void*) {
  return guard([&] { return node_metadata(self_node(self)); });
}
PyObject* get_input_metadata(PyObject* self, void*) {
  return guard([&] { return input_metadata(self_node(self)); });
}
PyObject* get_requires_grad(PyObject*, void*) { Py_RETURN_TRUE; }
// ---- what a node saved ----

struct SavedObject {
  PyObject_HEAD OpNode* node;
  int index;
};
PyTypeObject* SavedType = nullptr;

void saved_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  release(reinterpret_cast<SavedObject*>(self)->node);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* saved_register_hooks(PyObject* self, PyObject* args) {
  return guard([&]() -> PyObject* {
    PyObject *pack, *unpack;
    if (!PyArg_ParseTuple(args, "OO", &pack, &unpack)) return nullptr;
    auto* o = reinterpret_cast<SavedObject*>(self);
    SavedTensor& saved = o->node->tensors[o->index];
    KD_CHECK(!saved.unpack, Runtime,
             "Calling register_hooks on a saved tensor whose hooks have already been set. "
             "Hint: only one pair of hooks is allowed at a time.");
    KD_CHECK(saved.tensor.defined(), Runtime,
             "Calling register_hooks on a saved tensor after it has been freed. "
             "Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
             "retain_graph=True if you need to backward through the graph a second time or if you need to access saved "
             "variables after calling backward.");
    uint32_t before = saved.tensor.version();
    PyRef t = owned(wrap(detach(saved.tensor)));
    PyRef packed;
    {
      GradMode off(false);
      packed = owned(PyObject_CallOneArg(pack, t.get()));
    }
    KD_CHECK(
        saved.tensor.version() == before, Runtime,
        "A saved tensor pack hook is modifying its input in place. Tensors provided as "
        "input to pack hook can not be modified by in-place operations as this can lead to unexpected side-effects. Please open "
        "an issue if you need to perform in-place operations on the input to a pack hook.");
    Py_INCREF(unpack);
    if (!saved.leaf || !saved.requires_grad) {
      if (!saved.is_output) saved.grad_fn = grad_fn(saved.tensor);
      saved.tensor = Tensor();
    }
    saved.pack(packed.release(), unpack);
    Py_RETURN_NONE;
  });
}

PyMethodDef saved_methods[] = {{"register_hooks", saved_register_hooks, METH_VARARGS,
                                "register_hooks(pack, unpack): keep pack(tensor) instead of the tensor."},
                               {nullptr, nullptr, 0, nullptr}};

PyObject* new_saved(OpNode& node, int index) {
  auto* o = PyObject_New(SavedObject, SavedType);
  if (!o) return nullptr;
  retain(&node);
  o->node = &node;
  o->index = index;
  return reinterpret_cast<PyObject*>(o);
}

const char* slot_name(const OpNode& n, int slot) {
  const SaveSlot& s = n.derivative->saves[slot];
  if (s.source == SaveSlot::Arg) return n.op->args[s.index].name;
  const char* name = n.op->rets[s.index].name;
  return name && *name ? name : n.op->nrets == 1 ? "result" : nullptr;
}

bool names_slot(const OpNode& n, int slot, std::string_view name) {
  if (n.derivative->saves[slot].meta_only) return false;
  const char* own = slot_name(n, slot);
  if (own) return name == own;
  return name == "result" + std::to_string(n.derivative->saves[slot].index);
}

std::span<const SavedAttribute> attributes_of(const OpNode& n) { return {n.derivative->attributes, n.derivative->nattributes}; }

PyObject* attribute_value(OpNode& n, BackwardContext& context, const SavedAttribute& a) {
  if (a.kind == SavedAttribute::Argument) {
    const Value& value = n.values[a.index];
    return value.tag == Tag::Ints ? wrap_ints(value.ints()) : to_python(value);
  }
  SavedMeta kept;
  if (!n.derivative->saves[a.index].meta_only) kept = SavedMeta(context.saved(a.index));
  const SavedMeta& meta = n.derivative->saves[a.index].meta_only ? context.meta(a.index) : kept;
  IntList sizes = meta.sizes;
  switch (a.kind) {
    case SavedAttribute::Sizes: return wrap_ints(sizes);
    case SavedAttribute::Strides: return wrap_ints(meta.strides);
    case SavedAttribute::Numel: return PyLong_FromLongLong(formulas::product(sizes));
    case SavedAttribute::Dim: return PyLong_FromLongLong(int64_t(sizes.size()));
    default: return PyLong_FromLongLong(sizes[size_t(kindling::wrap_dim(a.dim, int64_t(sizes.size())))]);
  }
}

PyObject* saved_attribute(OpNode& n, std::string_view name, bool raw) {
  TensorVec none;
  BackwardContext context{n, none, none};
  for (int s = 0; s < n.derivative->nsaves; s++) {
    if (!names_slot(n, s, name)) continue;
    const SaveSlot& slot = n.derivative->saves[s];
    bool list = slot.source == SaveSlot::Arg ? n.op->args[slot.index].list : n.op->rets[slot.index].list;
    if (raw && !list) return new_saved(n, n.begins[s]);
    if (!list) return wrap(context.saved(s));
    auto tensors = context.saved_list(s);
    return wrap_tuple({tensors.data(), size_t(tensors.size())});
  }
  if (raw) return nullptr;
  for (const SavedAttribute& a : attributes_of(n))
    if (name == a.name) return attribute_value(n, context, a);
  return nullptr;
}

OpNode* as_op_node(PyObject* self) { return dynamic_cast<OpNode*>(reinterpret_cast<NodeObject*>(self)->node); }

PyObject* node_getattro(PyObject* self, PyObject* name) {
  PyObject* found = PyObject_GenericGetAttr(self, name);
  if (found || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
  Py_ssize_t n;
  const char* chars = PyUnicode_AsUTF8AndSize(name, &n);
  std::string_view text(chars, size_t(n));
  Node* any = reinterpret_cast<NodeObject*>(self)->node;
  if (any->is_accumulate() && text == "variable") {
    PyErr_Clear();
    return guard([&] { return wrap(static_cast<AccumulateGrad*>(any)->variable); });
  }
  OpNode* node = as_op_node(self);
  bool raw = text.starts_with("_raw_saved_");
  if (!node || (!raw && !text.starts_with("_saved_"))) return nullptr;
  return guard([&]() -> PyObject* {
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyRef keep_type = PyRef::steal(type), keep_value = PyRef::steal(value), keep_trace = PyRef::steal(trace);
    PyObject* saved = saved_attribute(*node, text.substr(raw ? 11 : 7), raw);
    if (!saved && !PyErr_Occurred()) PyErr_Restore(keep_type.release(), keep_value.release(), keep_trace.release());
    return saved;
  });
}

PyObject* node_dir(PyObject* self, PyObject*) {
  return guard([&]() -> PyObject* {
    PyRef names = owned(PyObject_CallMethod(reinterpret_cast<PyObject*>(&PyBaseObject_Type), "__dir__", "O", self));
    if (OpNode* n = as_op_node(self)) {
      auto add = [&](const std::string& s) {
        PyRef text = owned(PyUnicode_FromString(s.c_str()));
        check(PyList_Append(names.get(), text.get()));
      };
      for (int s = 0; s < n->derivative->nsaves; s++) {
        if (n->derivative->saves[s].meta_only) continue;
        const char* own = slot_name(*n, s);
        std::string name = own ? own : "result" + std::to_string(n->derivative->saves[s].index);
        add("_saved_" + name);
        add("_raw_saved_" + name);
      }
      for (const SavedAttribute& a : attributes_of(*n)) add(std::string("_saved_") + a.name);
    }
    return names.release();
  });
}

void node_dealloc(PyObject* self) {
  auto* o = reinterpret_cast<NodeObject*>(self);
  PyTypeObject* type = Py_TYPE(self);
  if (o->node) {
    o->node->pyobj = nullptr;
    release(o->node);
  }
  type->tp_free(self);
  Py_DECREF(type);
}

PyGetSetDef node_properties[] = {
    {"next_functions", get_next, nullptr, "The nodes that get this one's gradients: tuples (node, which of its outputs).",
     nullptr},
    {"metadata", get_metadata, nullptr, "A dict for the user, and for anomaly mode.", nullptr},
    {"_input_metadata", get_input_metadata, nullptr, "Shape, dtype and device of what the forward returned.", nullptr},
    {"requires_grad", get_requires_grad, nullptr, "True.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMethodDef dir_method = {"__dir__", node_dir, METH_NOARGS, nullptr};

PyMethodDef* methods_with_dir() {
  static std::vector<PyMethodDef> all;
  if (all.empty()) {
    for (PyMethodDef* m = node_methods; m->ml_name; m++) all.push_back(*m);
    all.push_back(dir_method);
    all.push_back({nullptr, nullptr, 0, nullptr});
  }
  return all.data();
}

PyTypeObject* make_type(const char* name, PyType_Slot* slots, int size, unsigned flags, PyTypeObject* base = nullptr) {
  PyType_Spec spec{name, size, 0, flags, slots};
  PyRef bases = base ? owned(PyTuple_Pack(1, base)) : PyRef();
  return reinterpret_cast<PyTypeObject*>(check(PyType_FromSpecWithBases(&spec, bases.get())));
}

// Each node name is a type of its own: type(y.grad_fn).__name__ == "MulBackward0".
PyTypeObject* type_for(const Node& node) {
  static std::unordered_map<std::string, PyTypeObject*> made;
  std::string_view name = node.name();
  if (size_t colon = name.rfind(':'); colon != name.npos) name.remove_prefix(colon + 1);
  PyTypeObject*& type = made[std::string(name)];
  if (!type) {
    PyType_Slot slots[] = {{0, nullptr}};
    PyRef text = owned(PyUnicode_FromStringAndSize(name.data(), Py_ssize_t(name.size())));
    type = make_type("torch._C.Node", slots, sizeof(NodeObject), Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, NodeBaseType);
    auto* o = reinterpret_cast<PyObject*>(type);
    check(PyObject_SetAttrString(o, "__name__", text.get()));
    check(PyObject_SetAttrString(o, "__qualname__", text.get()));
    PyRef builtins = owned(PyUnicode_FromString("builtins"));
    check(PyObject_SetAttrString(o, "__module__", builtins.get()));
  }
  return type;
}

}  // namespace

PyMethodDef node_methods[] = {
    {"name", py_name, METH_NOARGS, "name() -> str: what the node is called in the graph."},
    {"register_hook", py_register_hook, METH_O,
     "register_hook(fn): calls fn(grad_inputs, grad_outputs) after the node has run; fn may return new grad_inputs. Returns a handle."},
    {"register_prehook", py_register_prehook, METH_O,
     "register_prehook(fn): calls fn(grad_outputs) before the node runs; fn may return new grad_outputs. Returns a handle."},
    {"_sequence_nr", py_sequence, METH_NOARGS, nullptr},
    {"_set_sequence_nr", py_set_sequence, METH_O, nullptr},
    {"_register_hook_dict", py_register_hook_dict, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr}};

PyObject* wrap_node(const Ref<Node>& node) {
  if (!node) Py_RETURN_NONE;
  if (node->pyobj) {
    auto* o = static_cast<PyObject*>(node->pyobj);
    Py_INCREF(o);
    return o;
  }
  auto* o = reinterpret_cast<NodeObject*>(type_for(*node)->tp_alloc(type_for(*node), 0));
  if (!o) return nullptr;
  retain(node.get());
  o->node = node.get();
  node->pyobj = o;
  return reinterpret_cast<PyObject*>(o);
}

Ref<Node> node_of(PyObject* o) {
  if (PyType_IsSubtype(Py_TYPE(o), FunctionBaseType)) return Ref<Node>::share(reinterpret_cast<ContextObject*>(o)->node);
  KD_CHECK(PyType_IsSubtype(Py_TYPE(o), NodeBaseType), Type, "expected a node of the autograd graph, but got ", type_name(o));
  return Ref<Node>::share(reinterpret_cast<NodeObject*>(o)->node);
}

void init_nodes(PyObject* module) {
  PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(node_dealloc)},
                         {Py_tp_getattro, reinterpret_cast<void*>(node_getattro)},
                         {Py_tp_call, reinterpret_cast<void*>(node_call)},
                         {Py_tp_methods, methods_with_dir()},
                         {Py_tp_getset, node_properties},
                         {Py_tp_doc, const_cast<char*>("A node of the autograd graph.")},
                         {0, nullptr}};
  unsigned flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION;
  NodeBaseType = make_type("torch._C.Node", slots, sizeof(NodeObject), flags);
  PyType_Slot saved_slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(saved_dealloc)}, {Py_tp_methods, saved_methods}, {0, nullptr}};
  SavedType = make_type("torch._C._autograd.SavedTensor", saved_slots, sizeof(SavedObject),
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION);
  check(PyModule_AddObjectRef(module, "Node", reinterpret_cast<PyObject*>(NodeBaseType)));
}

}  // namespace kindling::python
