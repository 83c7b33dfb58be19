// torch._C._EngineBase and what asks about the running backward.
#include <unordered_set>

#include "autograd.h"

namespace kindling::python {

Edge edge_of(PyObject* o) {
  if (is_tensor(o)) return gradient_edge(unwrap(o));
  KD_CHECK(PyTuple_Check(o) && PyTuple_GET_SIZE(o) >= 2, Type, "expected a tensor or a GradientEdge, but got ", type_name(o));
  return {node_of(PyTuple_GET_ITEM(o, 0)), uint32_t(PyLong_AsUnsignedLong(PyTuple_GET_ITEM(o, 1)))};
}

namespace {

PyRef tuple_of(PyObject* o, const char* what) {
  KD_CHECK(PyTuple_Check(o) || PyList_Check(o), Type, what, " argument is expected to be a tuple, but got ", type_name(o));
  return owned(PySequence_Tuple(o));
}

SmallVec<Edge, 4> root_edges(PyObject* tensors) {
  SmallVec<Edge, 4> roots;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tensors); i++) {
    PyObject* o = PyTuple_GET_ITEM(tensors, i);
    KD_CHECK(is_tensor(o) || PyTuple_Check(o), Type, "element ", int64_t(i),
             " of tensors tuple is not a Tensor or a GradientEdge");
    Edge e = edge_of(o);
    KD_CHECK(e.fn, Runtime, "element ", int64_t(i), " of tensors does not require grad and does not have a grad_fn");
    roots.push_back(std::move(e));
  }
  return roots;
}

SmallVec<Edge, 4> input_edges(PyObject* inputs, bool accumulate) {
  SmallVec<Edge, 4> edges;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(inputs); i++) {
    PyObject* o = PyTuple_GET_ITEM(inputs, i);
    Edge e = edge_of(o);
    KD_CHECK(e.fn, Runtime, "One of the differentiated Tensors does not require grad");
    if (is_tensor(o) && accumulate) retain_grad(unwrap(o));
    edges.push_back(std::move(e));
  }
  return edges;
}

// run_backward(tensors, grad_tensors, keep_graph, create_graph, inputs=None, allow_unreachable=False, accumulate_grad=False)
PyObject* engine_run(PyObject*, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    static const char* names[] = {"tensors", "grad_tensors",      "keep_graph",      "create_graph",
                                  "inputs",  "allow_unreachable", "accumulate_grad", nullptr};
    PyObject *tensors, *grads, *inputs = nullptr;
    int keep, create, unreachable = 0, accumulate = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOpp|Opp:run_backward", const_cast<char**>(names), &tensors, &grads, &keep,
                                     &create, &inputs, &unreachable, &accumulate))
      return nullptr;
    PyRef roots = tuple_of(tensors, "tensors"), weights = tuple_of(grads, "grad_tensors");
    KD_CHECK(PyTuple_GET_SIZE(roots.get()) == PyTuple_GET_SIZE(weights.get()), Runtime, "got ",
             int64_t(PyTuple_GET_SIZE(roots.get())), " tensors and ", int64_t(PyTuple_GET_SIZE(weights.get())), " gradients");
    SmallVec<Edge, 4> edges = root_edges(roots.get());
    TensorVec given;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(weights.get()); i++)
      given.push_back(unwrap_checked(PyTuple_GET_ITEM(weights.get(), i), "run_backward"));
    PyRef wanted = inputs && inputs != Py_None ? tuple_of(inputs, "inputs") : PyRef();
    SmallVec<Edge, 4> targets = wanted ? input_edges(wanted.get(), accumulate) : SmallVec<Edge, 4>();
    BackwardOptions options{.retain_graph = keep != 0, .create_graph = create != 0, .accumulate = !wanted || accumulate};
    TensorVec found = run_backward(edges, {given.data(), size_t(given.size())}, targets, options);
    if (!wanted || accumulate) Py_RETURN_NONE;
    for (int64_t i = 0; i < found.size(); i++)
      KD_CHECK(found[i].defined() || unreachable, Runtime, "The differentiated Tensor at index ", i,
               " appears to not have been used in the graph. "
               "Set allow_unused=True if this is the desired behavior.");
    return wrap_tuple({found.data(), size_t(found.size())});
  });
}

PyObject* engine_queue_callback(PyObject*, PyObject* callback) {
  return guard([&]() -> PyObject* {
    auto run = [](void* p) {
      Gil gil;
      PyRef f = PyRef::steal(static_cast<PyObject*>(p));
      owned(PyObject_CallNoArgs(f.get()));
    };
    queue_callback(run, Py_NewRef(callback));
    Py_RETURN_NONE;
  });
}

PyObject* engine_checkpoint_valid(PyObject*, PyObject*) { return PyBool_FromLong(reaches_all_leaves()); }

PyObject* py_graph_task(PyObject*, PyObject*) { return PyLong_FromLongLong(current_graph_task()); }
PyObject* py_current_node(PyObject*, PyObject*) {
  return guard([&] { return wrap_node(Ref<Node>::share(const_cast<Node*>(current_node()))); });
}
PyObject* py_will_run(PyObject*, PyObject* node) {
  return guard([&] { return PyBool_FromLong(will_run(*node_of(node))); });
}
PyObject* py_peek_sequence(PyObject*, PyObject*) { return PyLong_FromUnsignedLongLong(peek_sequence()); }

// _increment_version(tensors), bump by hand after writing to memory behind autograd's back
PyObject* py_increment_version(PyObject*, PyObject* tensors) {
  return guard([&]() -> PyObject* {
    if (is_tensor(tensors)) {
      unwrap(tensors).bump_version();
      Py_RETURN_NONE;
    }
    PyRef all = owned(PySequence_Tuple(tensors));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(all.get()); i++)
      unwrap_checked(PyTuple_GET_ITEM(all.get(), i), "increment_version").bump_version();
    Py_RETURN_NONE;
  });
}

// _unsafe_set_version_counter(tensors, versions)
PyObject* py_set_version(PyObject*, PyObject* args) {
  return guard([&]() -> PyObject* {
    PyObject *tensors, *versions;
    if (!PyArg_ParseTuple(args, "OO", &tensors, &versions)) return nullptr;
    PyRef all = owned(PySequence_Tuple(tensors)), numbers = owned(PySequence_Tuple(versions));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(all.get()); i++) {
      Tensor t = unwrap_checked(PyTuple_GET_ITEM(all.get(), i), "_unsafe_set_version_counter");
      t->version_counter();
      t->version->value.store(uint32_t(int_of(PyTuple_GET_ITEM(numbers.get(), i))));
    }
    Py_RETURN_NONE;
  });
}

// _get_gradient_edge(tensor) -> (node, output_nr)
PyObject* py_gradient_edge(PyObject*, PyObject* tensor) {
  return guard([&]() -> PyObject* {
    Edge e = gradient_edge(unwrap_checked(tensor, "get_gradient_edge"));
    return check(Py_BuildValue("(NI)", check(wrap_node(e.fn)), e.input));
  });
}

// _depends_on_others(tensors, own): does the history of some of them reach a leaf that is none of `own`?
PyObject* py_depends_on_others(PyObject*, PyObject* args) {
  return guard([&]() -> PyObject* {
    PyObject *tensors, *own;
    if (!PyArg_ParseTuple(args, "OO", &tensors, &own)) return nullptr;
    PyRef roots = owned(PySequence_Tuple(tensors)), leaves = owned(PySequence_Tuple(own));
    std::unordered_set<const Node*> seen;
    std::vector<const Node*> queue;
    auto visit = [&](const Node* n) {
      if (n && seen.insert(n).second) queue.push_back(n);
    };
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(leaves.get()); i++)
      seen.insert(gradient_edge(unwrap_checked(PyTuple_GET_ITEM(leaves.get(), i), "_depends_on_others")).fn.get());
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(roots.get()); i++)
      visit(gradient_edge(unwrap_checked(PyTuple_GET_ITEM(roots.get(), i), "_depends_on_others")).fn.get());
    while (!queue.empty()) {
      const Node* n = queue.back();
      queue.pop_back();
      if (n->is_accumulate()) Py_RETURN_TRUE;
      for (const Edge& e : n->next) visit(e.fn.get());
    }
    Py_RETURN_FALSE;
  });
}

#define KD_KEYWORDS(f) reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f))
PyMethodDef engine_methods[] = {
    {"run_backward", KD_KEYWORDS(engine_run), METH_VARARGS | METH_KEYWORDS,
     "Runs backward: what torch.autograd.backward and grad call."},
    {"queue_callback", engine_queue_callback, METH_O, "queue_callback(f): calls f() when the running backward ends."},
    {"is_checkpoint_valid", engine_checkpoint_valid, METH_NOARGS,
     "Whether reentrant checkpointing is allowed in the running backward."},
    {nullptr, nullptr, 0, nullptr}};

PyMethodDef engine_functions[] = {{"_current_graph_task_id", py_graph_task, METH_NOARGS, nullptr},
                                  {"_current_autograd_node", py_current_node, METH_NOARGS, nullptr},
                                  {"_will_engine_execute_node", py_will_run, METH_O, nullptr},
                                  {"_peek_sequence_nr", py_peek_sequence, METH_NOARGS, nullptr},
                                  {"_increment_version", py_increment_version, METH_O, nullptr},
                                  {"_unsafe_set_version_counter", py_set_version, METH_VARARGS, nullptr},
                                  {"_get_gradient_edge", py_gradient_edge, METH_O, nullptr},
                                  {"_depends_on_others", py_depends_on_others, METH_VARARGS, nullptr},
                                  {nullptr, nullptr, 0, nullptr}};

}  // namespace

void init_engine(PyObject* module) {
  PyType_Slot slots[] = {
      {Py_tp_methods, engine_methods}, {Py_tp_doc, const_cast<char*>("The engine that runs backward.")}, {0, nullptr}};
  PyType_Spec spec{"torch._C._EngineBase", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  PyRef type = owned(PyType_FromSpec(&spec));
  check(PyModule_AddObjectRef(module, "_EngineBase", type.get()));
  PyRef engine = owned(PyObject_CallNoArgs(type.get()));
  check(PyModule_AddObjectRef(module, "_engine", engine.get()));
  check(PyModule_AddFunctions(module, engine_functions));
}

}  // namespace kindling::python
