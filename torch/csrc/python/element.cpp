#include "element.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "tensor.h"

namespace kindling::python {

namespace {

template <class T>
T load(const char* p) {
  T v;
  std::memcpy(&v, p, sizeof(T));
  return v;
}
template <class T>
void store(char* p, T v) {
  std::memcpy(p, &v, sizeof(T));
}

float load_half(const char* p) { return to_float(load<half>(p)); }

[[noreturn]] void overflows(DType d) {
  fail(ErrorKind::Runtime, "value cannot be converted to type ", info(d).name, " without overflow");
}

template <class T>
void store_int(DType d, char* p, PyObject* o) {
  if (PyFloat_Check(o)) {
    double v = PyFloat_AS_DOUBLE(o);
    if (std::isnan(v) || v < double(std::numeric_limits<T>::min()) - 1 || v > double(std::numeric_limits<T>::max())) overflows(d);
    return store(p, T(v));
  }
  if (PyComplex_Check(o)) fail(ErrorKind::Type, "'complex' object cannot be interpreted as an integer");
  if (is_tensor(o) || !PyLong_Check(o)) {
    if (!is_number(o) && !is_tensor(o)) {
      PyRef index = owned(PyNumber_Index(o));
      return store_int<T>(d, p, index.get());
    }
    PyRef number = PyRef::steal(wrap(scalar_of(o)));
    return store_int<T>(d, p, number.get());
  }
  if constexpr (std::is_same_v<T, uint64_t>) {
    int overflow = 0;
    long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow > 0) {
      unsigned long long u = PyLong_AsUnsignedLongLong(o);
      if (u == ~0ull && PyErr_Occurred()) throw Error(ErrorKind::Python, {});
      return store(p, uint64_t(u));
    }
    return store(p, uint64_t(v));
  } else {
    int overflow = 0;
    long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    KD_CHECK(!overflow, Value, "Overflow when unpacking long long");
    if (v == -1 && PyErr_Occurred()) throw Error(ErrorKind::Python, {});
    // A negative number wraps into an unsigned type, as far as its signed twin reaches.
    constexpr bool is_unsigned = std::is_unsigned_v<T>;
    long long low = is_unsigned ? -(long long)(std::numeric_limits<T>::max()) : (long long)(std::numeric_limits<T>::min());
    if (v < low || v > (long long)(std::numeric_limits<T>::max())) overflows(d);
    store(p, T(v));
  }
}

double to_real(PyObject* o) {
  if (PyFloat_Check(o)) return PyFloat_AS_DOUBLE(o);
  if (PyLong_Check(o)) {
    double v = PyLong_AsDouble(o);
    if (v == -1 && PyErr_Occurred()) throw Error(ErrorKind::Python, {});
    return v;
  }
  if (PyComplex_Check(o)) fail(ErrorKind::Type, "must be real number, not complex");
  if (is_number(o) || is_tensor(o)) return scalar_of(o).to_double();
  double v = PyFloat_AsDouble(o);
  if (v == -1 && PyErr_Occurred()) throw Error(ErrorKind::Python, {});
  return v;
}

std::complex<double> to_complex_number(PyObject* o) {
  if (PyComplex_Check(o)) {
    Py_complex c = PyComplex_AsCComplex(o);
    return {c.real, c.imag};
  }
  if (is_number(o) || is_tensor(o)) return scalar_of(o).to_complex();
  return to_real(o);
}

}  // namespace

PyObject* read_element(DType d, const char* p) {
  switch (d) {
    case DType::bool_: return PyBool_FromLong(*p);
    case DType::uint8: return PyLong_FromLong(load<uint8_t>(p));
    case DType::int8: return PyLong_FromLong(load<int8_t>(p));
    case DType::int16: return PyLong_FromLong(load<int16_t>(p));
    case DType::int32: return PyLong_FromLong(load<int32_t>(p));
    case DType::int64: return PyLong_FromLongLong(load<int64_t>(p));
    case DType::uint16: return PyLong_FromLong(load<uint16_t>(p));
    case DType::uint32: return PyLong_FromUnsignedLong(load<uint32_t>(p));
    case DType::uint64: return PyLong_FromUnsignedLongLong(load<uint64_t>(p));
    case DType::float16: return PyFloat_FromDouble(load_half(p));
    case DType::bfloat16: return PyFloat_FromDouble(to_float(load<bfloat16>(p)));
    case DType::float32: return PyFloat_FromDouble(load<float>(p));
    case DType::float64: return PyFloat_FromDouble(load<double>(p));
    case DType::complex32: return PyComplex_FromDoubles(load_half(p), load_half(p + 2));
    case DType::complex64: return PyComplex_FromDoubles(load<float>(p), load<float>(p + 4));
    case DType::complex128: return PyComplex_FromDoubles(load<double>(p), load<double>(p + 8));
    default: return PyFloat_FromDouble(float8_to_float(load<uint8_t>(p), d));
  }
}

void write_element(DType d, char* p, PyObject* o) {
  switch (d) {
    case DType::bool_: {
      int truth = PyObject_IsTrue(o);
      check(truth);
      return store(p, truth != 0);
    }
    case DType::uint8: return store_int<uint8_t>(d, p, o);
    case DType::int8: return store_int<int8_t>(d, p, o);
    case DType::int16: return store_int<int16_t>(d, p, o);
    case DType::int32: return store_int<int32_t>(d, p, o);
    case DType::int64: return store_int<int64_t>(d, p, o);
    case DType::uint16: return store_int<uint16_t>(d, p, o);
    case DType::uint32: return store_int<uint32_t>(d, p, o);
    case DType::uint64: return store_int<uint64_t>(d, p, o);
    case DType::float16: return store(p, to_half(float(to_real(o))));
    case DType::bfloat16: return store(p, to_bfloat16(float(to_real(o))));
    case DType::float32: return store(p, float(to_real(o)));
    case DType::float64: return store(p, to_real(o));
    case DType::complex32: {
      auto c = to_complex_number(o);
      store(p, to_half(float(c.real())));
      return store(p + 2, to_half(float(c.imag())));
    }
    case DType::complex64: return store(p, std::complex<float>(to_complex_number(o)));
    case DType::complex128: return store(p, to_complex_number(o));
    default: return store(p, float_to_float8(float(to_real(o)), d));
  }
}

}  // namespace kindling::python
