// Autograd as the Tensor type shows it: grad_fn, hooks, backward, requires_grad_.
#include "autograd.h"

#include "ops.h"
#include "tensor.h"

namespace kindling::python {

namespace {

PyObject* ordered_dict() {
  static PyObject* type = call_torch("collections", "OrderedDict");
  return check(PyObject_CallNoArgs(type));
}

PyObject* get_grad_fn(PyObject* self, void*) {
  if (may_intercept(self)) return intercept_property(self, "grad_fn");
  return guard([&] { return wrap_node(grad_fn(unwrap(self))); });
}

PyObject* get_retains_grad(PyObject* self, void*) {
  if (may_intercept(self)) return intercept_property(self, "retains_grad");
  const AutogradMeta* m = impl_of(self)->autograd;
  return PyBool_FromLong(m && m->retains_grad);
}

// ---- hooks ----

int visit_all(const NodeHooks* hooks, visitproc visit, void* arg) {
  if (!hooks) return 0;
  auto one = [&](const Ref<Hook>& h) {
    return h->refs.load() == 1 ? visit(static_cast<DictHook*>(h.get())->dict.get(), arg) : 0;
  };
  for (auto& h : hooks->tensor_pre)
    if (int status = one(h.hook)) return status;
  for (const auto* list : {&hooks->pre, &hooks->post, &hooks->post_accumulate})
    for (auto& h : *list)
      if (int status = one(h)) return status;
  return 0;
}

// The hooks of a leaf live with the leaf, those of a computed tensor with the node that computed it.
NodeHooks*& hook_slot(const Tensor& t, uint32_t& output) {
  AutogradMeta& m = autograd_meta(t);
  Ref<Node> fn = grad_fn(t);
  output = fn ? m.output_nr : 0;
  return fn ? fn->hooks : m.hooks;
}

bool is_bound(const Tensor& t, PyObject* dict) {
  uint32_t output;
  NodeHooks* hooks = hook_slot(t, output);
  if (!hooks) return false;
  for (auto& h : hooks->tensor_pre)
    if (h.output == output && static_cast<DictHook*>(h.hook.get())->dict.get() == dict) return true;
  return false;
}

void bind_hooks(const Tensor& t, PyObject* dict) {
  uint32_t output;
  NodeHooks& hooks = hooks_of(hook_slot(t, output));
  hooks.tensor_pre.push_back({output, Ref<DictHook>::make(DictHook::OfTensor, dict)});
}

void unbind_hooks(const Tensor& t, PyObject* dict) {
  uint32_t output;
  if (NodeHooks* hooks = hook_slot(t, output))
    std::erase_if(hooks->tensor_pre, [&](auto& h) { return static_cast<DictHook*>(h.hook.get())->dict.get() == dict; });
}

PyObject* register_hook(PyObject* self, PyObject* hook) {
  PyObject* args[] = {self, hook};
  if (may_intercept(self)) return intercept_method(self, "register_hook", args, 2, nullptr);
  return guard([&] {
    Tensor t = unwrap(self);
    KD_CHECK(t.requires_grad(), Runtime, "cannot register a hook on a tensor that doesn't require gradient");
    auto* o = reinterpret_cast<TensorObject*>(self);
    if (!o->backward_hooks || !is_bound(t, o->backward_hooks)) {
      Py_XSETREF(o->backward_hooks, ordered_dict());
      bind_hooks(t, o->backward_hooks);
    }
    return new_hook_handle(o->backward_hooks, hook);
  });
}

PyObject* register_post_accumulate(PyObject* self, PyObject* hook) {
  PyObject* args[] = {self, hook};
  if (may_intercept(self)) return intercept_method(self, "register_post_accumulate_grad_hook", args, 2, nullptr);
  return guard([&] {
    Tensor t = unwrap(self);
    KD_CHECK(t.requires_grad(), Runtime, "cannot register a hook on a tensor that doesn't require gradient");
    KD_CHECK(is_leaf(t), Runtime, "post accumulate grad hooks cannot be registered on non-leaf tensors");
    auto* o = reinterpret_cast<TensorObject*>(self);
    if (!o->post_accumulate_hooks) {
      o->post_accumulate_hooks = ordered_dict();
      hooks_of(autograd_meta(t).hooks)
          .post_accumulate.push_back(Ref<DictHook>::make(DictHook::PostAccumulate, o->post_accumulate_hooks));
    }
    return new_hook_handle(o->post_accumulate_hooks, hook);
  });
}

PyObject* get_backward_hooks(PyObject* self, void*) {
  if (may_intercept(self)) return intercept_property(self, "_backward_hooks");
  PyObject* hooks = reinterpret_cast<TensorObject*>(self)->backward_hooks;
  return Py_NewRef(hooks ? hooks : Py_None);
}

int set_backward_hooks(PyObject* self, PyObject* value, void*) {
  if (may_intercept(self)) return intercept_setter(self, "_backward_hooks", value);
  return guard([&] {
    auto* o = reinterpret_cast<TensorObject*>(self);
    Tensor t = unwrap(self);
    if (o->backward_hooks) unbind_hooks(t, o->backward_hooks);
    Py_CLEAR(o->backward_hooks);
    if (value && value != Py_None) {
      o->backward_hooks = Py_NewRef(value);
      bind_hooks(t, value);
    }
    return 0;
  });
}

PyObject* get_post_accumulate(PyObject* self, void*) {
  PyObject* hooks = reinterpret_cast<TensorObject*>(self)->post_accumulate_hooks;
  return Py_NewRef(hooks ? hooks : Py_None);
}

int set_post_accumulate(PyObject* self, PyObject* value, void*) {
  return guard([&] {
    auto* o = reinterpret_cast<TensorObject*>(self);
    Py_CLEAR(o->post_accumulate_hooks);
    if (AutogradMeta* m = o->impl->autograd; m && m->hooks) m->hooks->post_accumulate.clear();
    if (value && value != Py_None) {
      o->post_accumulate_hooks = Py_NewRef(value);
      hooks_of(autograd_meta(unwrap(self)).hooks).post_accumulate.push_back(Ref<DictHook>::make(DictHook::PostAccumulate, value));
    }
    return 0;
  });
}

PyObject* get_grad_dtype(PyObject* self, void*) {
  return guard([&]() -> PyObject* {
    Tensor t = unwrap(self);
    const AutogradMeta* m = t->autograd;
    if (m && m->any_grad_dtype) return Py_NewRef(Py_None);
    return wrap(m && m->grad_dtype != DType::none ? m->grad_dtype : t.dtype());
  });
}

int set_grad_dtype(PyObject* self, PyObject* value, void*) {
  return guard([&] {
    Tensor t = unwrap(self);
    KD_CHECK(is_leaf(t), Runtime, "grad_dtype can only be set on leaf tensors.");
    AutogradMeta& m = autograd_meta(t);
    m.any_grad_dtype = value == Py_None;
    m.grad_dtype = value == Py_None ? DType::none : dtype_of(value);
    return 0;
  });
}

// ---- methods ----

PyObject* py_retain_grad(PyObject* self, PyObject*) {
  if (may_intercept(self)) return intercept_method(self, "retain_grad", &self, 1, nullptr);
  return guard([&]() -> PyObject* {
    retain_grad(unwrap(self));
    Py_RETURN_NONE;
  });
}

PyObject* py_requires_grad_(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    static const char* names[] = {"requires_grad", nullptr};
    int on = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|p:requires_grad_", const_cast<char**>(names), &on)) return nullptr;
    if (may_intercept(self)) {
      PyObject* all[] = {self, on ? Py_True : Py_False};
      return intercept_method(self, "requires_grad_", all, 2, nullptr);
    }
    KD_CHECK(
        !on || !tls.vmap_level || impl_of(self)->autograd, Runtime,
        "You are attempting to call Tensor.requires_grad_() (or perhaps using torch.autograd.functional.* APIs) inside of a "
        "function being transformed by a functorch transform. This is unsupported, please attempt to use the functorch "
        "transforms (e.g. grad, vjp, jacrev, jacfwd, hessian) or call requires_grad_() outside of a function being transformed "
        "instead.");
    set_requires_grad(unwrap(self), on);
    return Py_NewRef(self);
  });
}

PyObject* py_detach_(PyObject* self, PyObject*) {
  if (may_intercept(self)) return intercept_method(self, "detach_", &self, 1, nullptr);
  return guard([&] {
    detach_inplace(unwrap(self));
    return Py_NewRef(self);
  });
}

PyObject* py_is_view(PyObject* self, PyObject*) { return PyBool_FromLong(view_of(unwrap(self)) != nullptr); }

// The one gradient that need not be given: of a scalar.
Tensor first_gradient(const Tensor& root) {
  KD_CHECK(root.numel() == 1, Runtime, "grad can be implicitly created only for scalar outputs");
  KD_CHECK(root.is_floating(), Runtime, "grad can be implicitly created only for real scalar outputs but got torch.",
           info(root.dtype()).name);
  return ops::ones_like(root, DType::none, std::nullopt, std::nullopt, std::nullopt, MemoryFormat::preserve);
}

// backward(gradient=None, retain_graph=None, create_graph=False, inputs=None): the plain case here, all else in torch.autograd.
PyObject* py_backward(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    static const char* names[] = {"gradient", "retain_graph", "create_graph", "inputs", nullptr};
    PyObject *gradient = Py_None, *retain_graph = Py_None, *inputs = Py_None;
    int create_graph = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OOpO:backward", const_cast<char**>(names), &gradient, &retain_graph,
                                     &create_graph, &inputs))
      return nullptr;
    PyObject* all[] = {self, gradient, retain_graph, create_graph ? Py_True : Py_False, inputs};
    if (may_intercept(self)) {
      static PyObject* keywords = check(Py_BuildValue("(ssss)", "gradient", "retain_graph", "create_graph", "inputs"));
      return intercept_method(self, "backward", all, 1, keywords);
    }
    Tensor root = unwrap(self);
    if (gradient != Py_None || inputs != Py_None || !root.requires_grad()) {
      static PyObject* general = call_torch("torch.autograd", "backward");
      PyRef named = owned(Py_BuildValue("{sO}", "inputs", inputs));
      PyRef positional = owned(PyTuple_Pack(4, self, gradient, retain_graph, all[3]));
      return check(PyObject_Call(general, positional.get(), named.get()));
    }
    int retain = retain_graph == Py_None ? create_graph : PyObject_IsTrue(retain_graph);
    Tensor grad = first_gradient(root);
    run_backward({&root, 1}, {&grad, 1}, {}, {.retain_graph = retain != 0, .create_graph = create_graph != 0});
    Py_RETURN_NONE;
  });
}

}  // namespace

int traverse_hooks(const TensorImpl* t, visitproc visit, void* arg) {
  const AutogradMeta* m = t->autograd;
  if (!m) return 0;
  if (int status = visit_all(m->hooks, visit, arg)) return status;
  return m->grad_fn && m->grad_fn->refs.load() == 1 ? visit_all(m->grad_fn->hooks, visit, arg) : 0;
}

void clear_hooks(TensorImpl* t) {
  AutogradMeta* m = t->autograd;
  if (!m) return;
  delete std::exchange(m->hooks, nullptr);
  if (m->grad_fn && m->grad_fn->refs.load() == 1) delete std::exchange(m->grad_fn->hooks, nullptr);
  m->retains_grad = false;
}

PyGetSetDef tensor_autograd_properties[] = {
    {"grad_fn", get_grad_fn, nullptr, "The node of the graph that made this tensor, or None.", nullptr},
    {"retains_grad", get_retains_grad, nullptr, "Whether retain_grad() was called on this computed tensor.", nullptr},
    {"_backward_hooks", get_backward_hooks, set_backward_hooks, nullptr, nullptr},
    {"_post_accumulate_grad_hooks", get_post_accumulate, set_post_accumulate, nullptr, nullptr},
    {"grad_dtype", get_grad_dtype, set_grad_dtype, "The dtype that .grad must have; None allows any.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyObject* make_subclass(PyObject*, PyObject* args, PyObject* kwargs);
PyObject* make_wrapper_subclass(PyObject*, PyObject* args, PyObject* kwargs);

#define KD_KEYWORDS(f) reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f))
PyMethodDef tensor_autograd_methods[] = {
    {"backward", KD_KEYWORDS(py_backward), METH_VARARGS | METH_KEYWORDS,
     "backward($self, /, gradient=None, retain_graph=None, create_graph=False, inputs=None)\n--\n\nAdds the gradient of this tensor to the leaves it was "
     "computed from.\n\nA tensor with more than one element needs `gradient`, of its own shape. `inputs` limits the leaves. Raises "
     "RuntimeError where there is no graph, or where it was freed by an earlier backward()."},
    {"requires_grad_", KD_KEYWORDS(py_requires_grad_), METH_VARARGS | METH_KEYWORDS,
     "requires_grad_($self, /, requires_grad=True)\n--\n\nRecords (or stops recording) operations on this leaf. Returns self."},
    {"detach_", py_detach_, METH_NOARGS, "detach_($self, /)\n--\n\nTakes this tensor out of the graph, as a leaf. Returns self."},
    {"retain_grad", py_retain_grad, METH_NOARGS,
     "retain_grad($self, /)\n--\n\nbackward() fills .grad of this computed tensor too."},
    {"register_hook", register_hook, METH_O,
     "register_hook($self, hook, /)\n--\n\nCalls hook(grad) when the gradient of this tensor is computed; it may return another one. Returns a handle."},
    {"register_post_accumulate_grad_hook", register_post_accumulate, METH_O,
     "register_post_accumulate_grad_hook($self, hook, /)\n--\n\nCalls hook(tensor) after backward() has changed .grad of this leaf. Returns a handle."},
    {"_is_view", py_is_view, METH_NOARGS, nullptr},
    {"_make_subclass", KD_KEYWORDS(make_subclass), METH_VARARGS | METH_KEYWORDS | METH_STATIC,
     "_make_subclass(cls, data, require_grad=False): the elements of `data` as a leaf of class `cls`."},
    {"_make_wrapper_subclass", KD_KEYWORDS(make_wrapper_subclass), METH_VARARGS | METH_KEYWORDS | METH_STATIC,
     "_make_wrapper_subclass(cls, size, ...): a tensor of class `cls` that has a shape and a dtype but no elements."},
    {nullptr, nullptr, 0, nullptr}};

void init_autograd(PyObject* module) {
  init_nodes(module);
  init_functions(module);
  init_engine(module);
  init_grad_modes(module);
}

}  // namespace kindling::python
