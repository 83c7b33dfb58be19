// One element of a tensor's memory as a Python number, and back.
#pragma once
#include "python.h"

namespace kindling::python {

PyObject* read_element(DType d, const char* p);  // new reference
// TypeError for what is no number; RuntimeError "value cannot be converted to type int8 without overflow".
void write_element(DType d, char* p, PyObject* number);

}  // namespace kindling::python
