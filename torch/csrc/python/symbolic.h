// torch.SymInt and its kin as arguments and sizes: the table behind the tags of core/symbolic.h.
#pragma once
#include "python.h"

namespace kindling::python {

bool is_symbolic_number(PyObject* o);  // SymInt or SymFloat
bool is_symint(PyObject* o);
int64_t symbolic_tag(PyObject* number);  // of a SymInt or SymFloat
PyObject* wrap_int(int64_t v);           // an int, or what a tag stands for; new reference
bool is_symbolic(const TensorImpl* t);   // in its sizes, strides or offset

void init_symbolic(PyObject* module);

}  // namespace kindling::python
