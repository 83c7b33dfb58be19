// What the autograd files of python/ share: hooks made of Python callables, Python objects of nodes.
#pragma once
#include "../autograd/accumulate.h"
#include "../autograd/forward.h"
#include "../autograd/hooks.h"
#include "python.h"

namespace kindling::python {

struct NodeObject {          // torch._C.Node: shows a node that C++ made
  PyObject_HEAD Node* node;  // one reference
};

struct ContextObject {       // torch._C._FunctionBase: `ctx` of a torch.autograd.Function, and the node's Python face
  PyObject_HEAD Node* node;  // borrowed; null before and after its time in a graph
  PyObject *to_save, *to_save_forward, *dirty, *non_differentiable, *needs_input_grad;
  std::vector<SavedTensor>* saved;
  bool materialize_grads, released, in_jvp;
};
extern PyTypeObject* FunctionBaseType;
extern PyTypeObject* NodeBaseType;

// The dict of hooks that torch.utils.hooks.RemovableHandle works on, as one hook of the engine.
struct DictHook final : Hook {
  enum Kind { OfTensor, Pre, Post, PostAccumulate } kind;
  PyRef dict;
  DictHook(Kind k, PyObject* d) : kind(k), dict(PyRef::share(d)) {}
  ~DictHook() override;
  void run(TensorVec& grads, const TensorVec* outputs) override;
};

PyObject* new_hook_handle(PyObject* dict, PyObject* hook);  // adds `hook` to `dict`: a RemovableHandle
Ref<Node> node_of(PyObject* o);                             // of a grad_fn object; TypeError
PyObject* register_node_hook(NodeHooks*& hooks, DictHook::Kind kind, PyObject* hook);
PyObject* next_functions(const Node& node);
PyObject* node_metadata(Node& node);
PyObject* input_metadata(const Node& node);
void init_nodes(PyObject* module);
void init_functions(PyObject* module);
void init_engine(PyObject* module);
void init_grad_modes(PyObject* module);
extern PyMethodDef node_methods[];                           // shared by both faces of a node
Edge edge_of(PyObject* o);                                   // of a tensor, or of a GradientEdge (node, output_nr)
PyObject* call_torch(const char* module, const char* name);  // the attribute of a Python module, cached by the caller

}  // namespace kindling::python
