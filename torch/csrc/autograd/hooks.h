// Hooks of nodes and tensors, and what the Python side plugs into the graph.
#pragma once
#include "node.h"

namespace kindling {

// A callable that python/ wraps. `run` may replace entries of `grads`; `outputs` are the results of a node (post-hooks).
struct Hook : RefCounted {
  virtual void run(TensorVec& grads, const TensorVec* outputs) = 0;
};

struct NodeHooks {
  struct OfTensor {
    uint32_t output;  // which output of the node the tensor is
    Ref<Hook> hook;   // sees a vector of the one gradient
  };
  struct Retained {
    uint32_t output;
    TensorImpl* tensor;  // borrowed: the tensor removes itself when it dies
  };
  std::vector<OfTensor> tensor_pre;
  std::vector<Retained> retained;
  std::vector<Ref<Hook>> pre, post;
  std::vector<Ref<Hook>> post_accumulate;  // of a leaf: sees a vector of the leaf itself
};
inline NodeHooks& hooks_of(NodeHooks*& slot) {
  if (!slot) slot = new NodeHooks;
  return *slot;
}

void retain_grad(const Tensor& t);  // fills t.grad although t is no leaf

// Set by python/autograd.cpp.
struct PythonAutograd {
  void (*drop_object)(void* object);  // decref, from any thread
  // saved_tensors_hooks: returns what pack made and the unpack callable (two references), or false without hooks
  bool (*pack)(const Tensor& t, void** packed, void** unpack);
  Tensor (*unpack)(void* packed, void* unpack);
  void (*anomaly_record)(Node& node);                        // keeps the Python stack in node.metadata
  void (*anomaly_report)(const Node& node);                  // warns with the stack of a node that failed
  void (*note_write)(VersionCounter& version);               // keeps the line of the user's program that is running
  std::string (*told_write)(const VersionCounter& version);  // "file:line", or nothing
};
extern PythonAutograd python_autograd;

}  // namespace kindling
