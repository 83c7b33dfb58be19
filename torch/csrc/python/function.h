// The callable made from a FunctionEntry.
#pragma once
#include "python.h"

namespace kindling {

// The generated tables of public callables.
extern const FunctionEntry kTorchFunctions[], kTensorMethods[], kNNFunctions[], kLinalgFunctions[], kFFTFunctions[],
    kSpecialFunctions[];
extern const int kNumTorchFunctions, kNumTensorMethods, kNumNNFunctions, kNumLinalgFunctions, kNumFFTFunctions,
    kNumSpecialFunctions;

}  // namespace kindling

namespace kindling::python {

struct FunctionObject {
  PyObject_HEAD vectorcallfunc vectorcall;
  const FunctionEntry* entry;
  const char* module;
  PyObject* doc;  // set from Python; else the entry's
  bool method;
};
extern PyTypeObject FunctionType, MethodType;

// kindling::call; a long computation lets other threads run Python meanwhile.
void call_from_python(const Op& op, const Value* args, OwnedValue* rets);
PyObject* require_grad(PyObject* tensor);  // takes over the reference and returns it
PyObject* find_return_type(const std::string& name);
PyObject* all_return_types();

}  // namespace kindling::python
