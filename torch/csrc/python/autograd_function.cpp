// torch.autograd.Function: operators whose forward and backward are written in Python.
#include <cstddef>
#include <cstring>

#include "autograd.h"

namespace kindling::python {

PyTypeObject* FunctionBaseType = nullptr;

namespace {

struct PyNode final : Node {
  PyObject* ctx;  // owned: the ContextObject
  std::string title;
  std::vector<uint8_t> takes_gradient;  // which arguments of apply() were tensors: these have edges
  std::vector<OutputMeta> made;         // all tensor outputs, differentiable or not

  PyNode(PyObject* c, std::string t) : ctx(Py_NewRef(c)), title(std::move(t)) { pyobj = c; }
  ~PyNode() override {
    Gil gil;
    reinterpret_cast<ContextObject*>(ctx)->node = nullptr;
    Py_DECREF(ctx);
  }
  const char* name() const override { return title.c_str(); }
  TensorVec apply(TensorVec grads) override;
  void release_saved() override {
    Gil gil;
    auto* f = reinterpret_cast<ContextObject*>(ctx);
    f->released = f->saved && !f->saved->empty();
    if (f->saved) f->saved->clear();
  }
};

Tensor zeros_of(const OutputMeta& m) {
  Tensor t = empty(m.sizes, {m.dtype, m.device});
  if (!t.is_meta()) memset(t.raw(), 0, size_t(t.numel() * t.itemsize()));
  return t;
}

TensorVec PyNode::apply(TensorVec grads) {
  Gil gil;
  auto* f = reinterpret_cast<ContextObject*>(ctx);
  PyRef args = owned(PyTuple_New(Py_ssize_t(made.size())));
  for (size_t i = 0; i < made.size(); i++) {
    Tensor g = int64_t(i) < grads.size() ? std::move(grads[int64_t(i)]) : Tensor();
    if (!g.defined() && f->materialize_grads && made[i].dtype != DType::none) g = zeros_of(made[i]);
    PyTuple_SET_ITEM(args.get(), i, check(wrap(std::move(g))));
  }
  PyRef method = owned(PyObject_GetAttrString(ctx, "apply"));
  PyRef result = owned(PyObject_Call(method.get(), args.get(), nullptr));
  if (!PyTuple_Check(result.get()))
    result = PyList_Check(result.get()) ? owned(PyList_AsTuple(result.get())) : owned(PyTuple_Pack(1, result.get()));
  Py_ssize_t given = PyTuple_GET_SIZE(result.get()), wanted = Py_ssize_t(takes_gradient.size());
  Py_ssize_t count = given;
  while (count > wanted && PyTuple_GET_ITEM(result.get(), count - 1) == Py_None) count--;
  KD_CHECK(count == wanted, Runtime, "function ", title, " returned an incorrect number of gradients (expected ", int64_t(wanted),
           ", got ", int64_t(given), ")");
  TensorVec out;
  for (Py_ssize_t i = 0; i < wanted; i++) {
    PyObject* g = PyTuple_GET_ITEM(result.get(), i);
    if (!takes_gradient[size_t(i)]) {
      KD_CHECK(g == Py_None, Runtime, "function ", title, " returned a gradient different from None at position ", int64_t(i + 1),
               ", but the corresponding forward input was not a Variable");
      continue;
    }
    KD_CHECK(g == Py_None || is_tensor(g), Runtime, "expected Variable or None (got ", type_name(g), ")");
    out.push_back(g == Py_None ? Tensor() : unwrap(g));
  }
  return out;
}

// ---- apply: forward and the node ----

struct Inputs {
  std::vector<Tensor> tensors;  // in order, arguments that are none left out
  std::vector<uint8_t> is_tensor;
  bool records = false;
  PyRef needs;
};

Inputs unpack_inputs(PyObject* args) {
  Inputs in;
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  in.needs = owned(PyTuple_New(n));
  for (Py_ssize_t i = 0; i < n; i++) {
    PyObject* a = PyTuple_GET_ITEM(args, i);
    bool tensor = is_tensor(a), needs = false;
    in.is_tensor.push_back(tensor);
    if (tensor) {
      in.tensors.push_back(unwrap(a));
      needs = in.tensors.back().requires_grad();
      in.records |= needs;
    }
    PyTuple_SET_ITEM(in.needs.get(), i, Py_NewRef(needs ? Py_True : Py_False));
  }
  in.records &= tls.grad_enabled && !tls.below_autograd;
  return in;
}

bool holds(PyObject* tuple, const TensorImpl* t) {
  if (!tuple || !PyTuple_Check(tuple)) return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
    PyObject* o = PyTuple_GET_ITEM(tuple, i);
    if (is_tensor(o) && impl_of(o) == t) return true;
  }
  return false;
}

// A tensor over the same memory that may have a history of its own; in-place writes to it would bypass the Function's backward.
Tensor as_own_view(const Tensor& t) {
  Tensor view = detach(t);
  mark_view(view, t, false);
  view_of(view)->creation = CreationKind::InCustomFunction;
  return view;
}

// One output of forward as apply() returns it.
Tensor wrap_output(const Tensor& t, ContextObject* f, const Ref<PyNode>& node, uint32_t number, bool is_input) {
  bool written = holds(f->dirty, t.get());
  bool differentiable = node && is_differentiable(t.dtype()) && !holds(f->non_differentiable, t.get());
  if (written) {
    KD_CHECK(!differentiable || view_of(t) || !t.requires_grad() || !is_leaf(t), Runtime,
             "a leaf Variable that requires grad has been used in an in-place operation.");
    if (differentiable) check_inplace(t);
    t.bump_version();
  }
  if (!differentiable) {
    if (node) node->outputs.push_back(OutputMeta());
    return !written && (is_input || t.requires_grad()) ? detach(t) : t;
  }
  node->outputs.push_back(OutputMeta(t));
  if (written) {
    if (view_of(t)) rebase_history(t, node);
    else set_history(t, node, number);
    return t;
  }
  Tensor out = is_input || t.requires_grad() ? as_own_view(t) : t;
  set_history(out, node, number);
  if (ViewMeta* v = view_of(out)) {
    v->creation = CreationKind::InCustomFunction;
    v->attr_version = out.version();
  }
  return out;
}

void save_tensors(ContextObject* f, const Ref<PyNode>& node) {
  if (!f->to_save || f->to_save == Py_None) return;
  KD_CHECK(PyTuple_Check(f->to_save), Type, "saved tensors argument is expected to be a tuple of tensors, got ",
           type_name(f->to_save));
  if (!f->saved) f->saved = new std::vector<SavedTensor>;
  f->saved->clear();
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(f->to_save); i++) {
    PyObject* o = PyTuple_GET_ITEM(f->to_save, i);
    KD_CHECK(o == Py_None || is_tensor(o), Type, "save_for_backward can only save variables, but argument ", int64_t(i),
             " is of type ", type_name(o));
    SavedTensor saved;
    if (o != Py_None) {
      Tensor t = unwrap(o);
      saved.save(t, t->autograd && t->autograd->grad_fn.get() == node.get());
    }
    f->saved->push_back(std::move(saved));
  }
  Py_CLEAR(f->to_save);
}

void carry_tangents(PyObject* ctx, ContextObject* f, PyObject* args, std::vector<Tensor>& outputs, uint32_t level) {
  bool any = false;
  PyRef tangents = owned(PyTuple_New(PyTuple_GET_SIZE(args)));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++) {
    PyObject* a = PyTuple_GET_ITEM(args, i);
    Tensor t = is_tensor(a) ? tangent_of(unwrap(a), level) : Tensor();
    any |= t.defined();
    if (!t.defined() && is_tensor(a) && f->materialize_grads && is_differentiable(impl_of(a)->dtype))
      t = zeros_of(OutputMeta(unwrap(a)));
    PyTuple_SET_ITEM(tangents.get(), i, check(wrap(std::move(t))));
  }
  if (!any) return;
  PyRef jvp = owned(PyObject_GetAttrString(ctx, "apply_jvp"));
  f->in_jvp = true;
  PyRef result = PyRef::steal(PyObject_Call(jvp.get(), tangents.get(), nullptr));
  f->in_jvp = false;
  check(result.get());
  if (!PyTuple_Check(result.get())) result = owned(PyTuple_Pack(1, result.get()));
  for (size_t i = 0; i < outputs.size() && Py_ssize_t(i) < PyTuple_GET_SIZE(result.get()); i++) {
    PyObject* t = PyTuple_GET_ITEM(result.get(), i);
    if (outputs[i].defined() && is_tensor(t)) set_tangent(outputs[i], unwrap(t), level);
  }
}

// Some argument stands for the examples of a batch, and the Function is not one that sees to that itself.
bool takes_examples(PyObject* cls, PyObject* args) {
  static PyObject* own = intern("_runs_examples");
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++) {
    PyObject* a = PyTuple_GET_ITEM(args, i);
    if (is_tensor(a) && impl_of(a)->has(TensorImpl::Batched)) return PyObject_HasAttr(cls, own) != 1;
  }
  return false;
}

PyRef forward_of_examples(PyObject* cls, PyObject* args, bool grad, bool forward) {
  static PyObject* function = call_torch("torch._functorch.autograd_function", "forward_of_examples");
  return owned(PyObject_CallFunction(function, "OOOO", cls, args, grad ? Py_True : Py_False, forward ? Py_True : Py_False));
}

PyRef run_forward(PyObject* cls, PyObject* ctx, PyObject* args) {
  PyRef own_setup = owned(PyObject_GetAttrString(cls, "_has_setup_context"));
  PyRef forward = owned(PyObject_GetAttrString(cls, "forward"));
  struct Off {
    bool grad = tls.grad_enabled, forward = tls.forward_grad_enabled;
    Off() { tls.grad_enabled = tls.forward_grad_enabled = false; }
    ~Off() {
      tls.grad_enabled = grad;
      tls.forward_grad_enabled = forward;
    }
  } off;
  bool batched = takes_examples(cls, args);
  if (own_setup.get() == Py_True || batched) {
    PyRef out =
        batched ? forward_of_examples(cls, args, off.grad, off.forward) : owned(PyObject_Call(forward.get(), args, nullptr));
    PyRef setup = owned(PyObject_GetAttrString(cls, "setup_context"));
    PyRef done = owned(PyObject_CallFunctionObjArgs(setup.get(), ctx, args, out.get(), nullptr));
    return out;
  }
  PyRef with_ctx = owned(PyTuple_New(PyTuple_GET_SIZE(args) + 1));
  PyTuple_SET_ITEM(with_ctx.get(), 0, Py_NewRef(ctx));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++)
    PyTuple_SET_ITEM(with_ctx.get(), i + 1, Py_NewRef(PyTuple_GET_ITEM(args, i)));
  return owned(PyObject_Call(forward.get(), with_ctx.get(), nullptr));
}

void check_dirty(ContextObject* f, PyObject* outputs) {
  if (!f->dirty || f->dirty == Py_None) return;
  KD_CHECK(PyTuple_Check(f->dirty), Type, "autograd internal error: dirty_tensors attribute is expected to be a tuple but is ",
           type_name(f->dirty));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(f->dirty); i++) {
    PyObject* o = PyTuple_GET_ITEM(f->dirty, i);
    KD_CHECK(is_tensor(o), Type, "mark_dirty can only mark tensors, but argument ", int64_t(i), " is of type ", type_name(o));
    KD_CHECK(holds(outputs, impl_of(o)), Runtime,
             "Some elements marked as dirty during the forward method were not returned as output. "
             "The inputs that are modified inplace must all be outputs of the Function.");
  }
}

PyObject* apply_function(PyObject* cls, PyObject* args) {
  PyRef backward_class = owned(PyObject_GetAttrString(cls, "_backward_cls"));
  PyRef ctx = owned(PyObject_CallNoArgs(backward_class.get()));
  auto* f = reinterpret_cast<ContextObject*>(ctx.get());
  Inputs in = unpack_inputs(args);
  Py_XSETREF(f->needs_input_grad, Py_NewRef(in.needs.get()));
  Ref<PyNode> node;
  if (in.records) {
    node = Ref<PyNode>::make(ctx.get(), reinterpret_cast<PyTypeObject*>(backward_class.get())->tp_name);
    node->takes_gradient = in.is_tensor;
    for (const Tensor& t : in.tensors) node->next.push_back(gradient_edge(t));
    f->node = node.get();
  }
  PyRef result = run_forward(cls, ctx.get(), args);
  bool several = PyTuple_Check(result.get());
  PyRef raw = several ? result : owned(PyTuple_Pack(1, result.get()));
  check_dirty(f, raw.get());
  Py_ssize_t n = PyTuple_GET_SIZE(raw.get());
  PyRef wrapped = owned(PyTuple_New(n));
  std::vector<Tensor> outputs;
  for (Py_ssize_t i = 0; i < n; i++) {
    PyObject* o = PyTuple_GET_ITEM(raw.get(), i);
    if (!is_tensor(o)) {
      if (node) {
        node->outputs.push_back(OutputMeta());
        node->made.emplace_back();
      }
      outputs.emplace_back();
      PyTuple_SET_ITEM(wrapped.get(), i, Py_NewRef(o));
      continue;
    }
    Tensor t = unwrap(o);
    bool is_input = false;
    for (const Tensor& x : in.tensors) is_input |= x.is(t);
    outputs.push_back(wrap_output(t, f, node, uint32_t(i), is_input));
    if (node) node->made.push_back(OutputMeta(t));
    PyTuple_SET_ITEM(wrapped.get(), i, outputs.back().is(t) ? Py_NewRef(o) : check(wrap(outputs.back())));
  }
  if (tls.forward_ad && tls.forward_grad_enabled)
    for (uint32_t level : open_dual_levels()) carry_tangents(ctx.get(), f, args, outputs, level);
  if (node) save_tensors(f, node);  // with their tangents
  Py_CLEAR(f->dirty);
  Py_CLEAR(f->non_differentiable);
  return several ? wrapped.release() : Py_NewRef(PyTuple_GET_ITEM(wrapped.get(), 0));
}

PyObject* function_apply(PyObject* cls, PyObject* args) {
  return guard([&] { return apply_function(cls, args); });
}

// ---- the ctx object ----

PyObject* function_new(PyTypeObject* type, PyObject*, PyObject*) {
  auto* f = reinterpret_cast<ContextObject*>(type->tp_alloc(type, 0));
  if (f) f->materialize_grads = true;
  return reinterpret_cast<PyObject*>(f);
}

int function_traverse(PyObject* self, visitproc visit, void* arg) {
  auto* f = reinterpret_cast<ContextObject*>(self);
  Py_VISIT(f->to_save);
  Py_VISIT(f->to_save_forward);
  Py_VISIT(f->dirty);
  Py_VISIT(f->non_differentiable);
  Py_VISIT(f->needs_input_grad);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

int function_clear(PyObject* self) {
  auto* f = reinterpret_cast<ContextObject*>(self);
  Py_CLEAR(f->to_save);
  Py_CLEAR(f->to_save_forward);
  Py_CLEAR(f->dirty);
  Py_CLEAR(f->non_differentiable);
  Py_CLEAR(f->needs_input_grad);
  return 0;
}

void function_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  function_clear(self);
  delete reinterpret_cast<ContextObject*>(self)->saved;
  type->tp_free(self);
  Py_DECREF(type);
}

ContextObject* ctx_of(PyObject* self) { return reinterpret_cast<ContextObject*>(self); }

PyObject* get_saved_tensors(PyObject* self, void*) {
  return guard([&]() -> PyObject* {
    ContextObject* f = ctx_of(self);
    KD_CHECK(
        !f->released, Runtime,
        "Trying to backward through the graph a second time (or directly access saved tensors after they have "
        "already been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
        "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors after "
        "calling backward.");
    if (f->in_jvp)  // nothing has been saved for backward yet
      for (PyObject* given : {f->to_save_forward, f->to_save})
        if (given && PyTuple_Check(given)) return Py_NewRef(given);
    size_t n = f->saved ? f->saved->size() : 0;
    PyRef tuple = owned(PyTuple_New(Py_ssize_t(n)));
    for (size_t i = 0; i < n; i++) {
      const SavedTensor& s = (*f->saved)[i];
      PyTuple_SET_ITEM(tuple.get(), i, check(wrap(f->node ? s.unpack_for(*f->node) : s.tensor)));
    }
    return tuple.release();
  });
}

PyObject* get_needs(PyObject* self, void*) {
  return guard([&]() -> PyObject* {
    ContextObject* f = ctx_of(self);
    if (!f->needs_input_grad) return Py_NewRef(Py_None);
    if (!f->node || current_node() != f->node) return Py_NewRef(f->needs_input_grad);
    auto* node = static_cast<PyNode*>(f->node);
    PyRef tuple = owned(PyTuple_New(Py_ssize_t(node->takes_gradient.size())));
    int edge = 0;
    for (size_t i = 0; i < node->takes_gradient.size(); i++) {
      bool needed = node->takes_gradient[i] && edge_needed(*node, edge++);
      PyTuple_SET_ITEM(tuple.get(), i, Py_NewRef(needed ? Py_True : Py_False));
    }
    return tuple.release();
  });
}

int set_needs(PyObject* self, PyObject* value, void*) {
  Py_XSETREF(ctx_of(self)->needs_input_grad, Py_XNewRef(value));
  return 0;
}

// closure: offset of the member
PyObject* get_member(PyObject* self, void* offset) {
  PyObject* o = *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(self) + reinterpret_cast<size_t>(offset));
  return Py_NewRef(o ? o : Py_None);
}
int set_member(PyObject* self, PyObject* value, void* offset) {
  auto** slot = reinterpret_cast<PyObject**>(reinterpret_cast<char*>(self) + reinterpret_cast<size_t>(offset));
  Py_XSETREF(*slot, Py_XNewRef(value));
  return 0;
}
PyObject* get_materialize(PyObject* self, void*) { return PyBool_FromLong(ctx_of(self)->materialize_grads); }
int set_materialize(PyObject* self, PyObject* value, void*) {
  if (!PyBool_Check(value)) {
    PyErr_Format(PyExc_TypeError, "set_materialize_grads expects a bool, got %s", Py_TYPE(value)->tp_name);
    return -1;
  }
  ctx_of(self)->materialize_grads = value == Py_True;
  return 0;
}
const Node& node_in_graph(PyObject* self, const char* attribute) {
  Node* n = ctx_of(self)->node;
  KD_CHECK(n, Runtime, "Attribute '", attribute,
           "' is invalid for this instance of _C._FunctionBase. Accessing this attribute directly on an "
           "instance of autograd.Function is a legacy access pattern that is no longer supported.");
  return *n;
}
PyObject* get_next(PyObject* self, void*) {
  return guard([&] { return next_functions(node_in_graph(self, "next_functions")); });
}
PyObject* get_metadata(PyObject* self, void*) {
  return guard([&] { return node_metadata(const_cast<Node&>(node_in_graph(self, "metadata"))); });
}
PyObject* get_input_metadata(PyObject* self, void*) {
  return guard([&] { return input_metadata(node_in_graph(self, "_input_metadata")); });
}
PyObject* get_requires_grad(PyObject* self, void*) { return PyBool_FromLong(ctx_of(self)->node != nullptr); }

#define KD_MEMBER(field) reinterpret_cast<void*>(offsetof(ContextObject, field))
PyGetSetDef function_properties[] = {
    {"saved_tensors", get_saved_tensors, nullptr, "The tensors given to save_for_backward.", nullptr},
    {"saved_variables", get_saved_tensors, nullptr, "Old name of saved_tensors.", nullptr},
    {"needs_input_grad", get_needs, set_needs, "A bool for each argument of forward: is its gradient wanted?", nullptr},
    {"to_save", get_member, set_member, nullptr, KD_MEMBER(to_save)},
    {"saved_for_forward", get_member, set_member, nullptr, KD_MEMBER(to_save_forward)},
    {"dirty_tensors", get_member, set_member, nullptr, KD_MEMBER(dirty)},
    {"non_differentiable", get_member, set_member, nullptr, KD_MEMBER(non_differentiable)},
    {"materialize_grads", get_materialize, set_materialize, nullptr, nullptr},
    {"next_functions", get_next, nullptr, nullptr, nullptr},
    {"metadata", get_metadata, nullptr, nullptr, nullptr},
    {"_input_metadata", get_input_metadata, nullptr, nullptr, nullptr},
    {"requires_grad", get_requires_grad, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyObject* clear_saved(PyObject* self, PyObject*) {
  ContextObject* f = ctx_of(self);
  if (f->saved) f->saved->clear();
  f->released = true;
  Py_RETURN_NONE;
}

}  // namespace

void init_functions(PyObject* module) {
  static std::vector<PyMethodDef> methods;
  methods.push_back(
      {"apply", function_apply, METH_VARARGS | METH_CLASS, "apply(*args): runs forward and records it for backward."});
  methods.push_back({"maybe_clear_saved_tensors", clear_saved, METH_NOARGS, nullptr});
  for (PyMethodDef* m = node_methods; m->ml_name; m++) methods.push_back(*m);
  methods.push_back({nullptr, nullptr, 0, nullptr});
  PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(function_new)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(function_dealloc)},
                         {Py_tp_traverse, reinterpret_cast<void*>(function_traverse)},
                         {Py_tp_clear, reinterpret_cast<void*>(function_clear)},
                         {Py_tp_methods, methods.data()},
                         {Py_tp_getset, function_properties},
                         {Py_tp_doc, const_cast<char*>("What a torch.autograd.Function keeps between forward and backward.")},
                         {0, nullptr}};
  PyType_Spec spec{"torch._C._FunctionBase", sizeof(ContextObject), 0,
                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  FunctionBaseType = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)));
  check(PyModule_AddObjectRef(module, "_FunctionBase", reinterpret_cast<PyObject*>(FunctionBaseType)));
}

}  // namespace kindling::python
