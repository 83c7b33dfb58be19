// torch._C.StorageBase: the bytes behind tensors. torch/storage.py makes torch.UntypedStorage of it.
#include <cstring>

#include "../core/crc32.h"
#include "tensor.h"

namespace kindling::python {

namespace {

struct StorageObject {
  PyObject_HEAD Storage* storage;  // owned
  PyObject* dict;
  PyObject* weakrefs;
};

PyTypeObject* storage_class = nullptr;  // torch.UntypedStorage

StorageObject* as_storage(PyObject* o) { return reinterpret_cast<StorageObject*>(o); }
Storage& bytes_of(PyObject* o) { return *as_storage(o)->storage; }

PyObject* new_storage(PyTypeObject* cls, Ref<Storage> storage) {
  PyObject* o = check(cls->tp_alloc(cls, 0));
  storage->pyobj = o;
  as_storage(o)->storage = storage.detach();
  return o;
}

void storage_dealloc(PyObject* o) {
  auto* s = as_storage(o);
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  if (s->weakrefs) PyObject_ClearWeakRefs(o);
  Py_CLEAR(s->dict);
  if (s->storage) {
    if (s->storage->pyobj == o) s->storage->pyobj = nullptr;
    release(s->storage);
  }
  type->tp_free(o);
}
int storage_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(as_storage(o)->dict);
  return 0;
}
int storage_clear(PyObject* o) {
  Py_CLEAR(as_storage(o)->dict);
  return 0;
}

PyObject* storage_new(PyTypeObject* cls, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    Device device;
    if (kwargs) {
      PyObject* given = PyDict_GetItemString(kwargs, "device");
      if (given && given != Py_None) device = device_of(given);
    }
    Py_ssize_t n = PyTuple_GET_SIZE(args);
    KD_CHECK(n <= 1, Type, "UntypedStorage() takes 1 positional argument but ", int64_t(n), " were given");
    PyObject* what = n ? PyTuple_GET_ITEM(args, 0) : nullptr;
    if (!what || is_integer(what)) return new_storage(cls, Storage::allocate(what ? size_t(int_of(what)) : 0, device));
    PyRef items = owned(PySequence_Fast(what, "UntypedStorage(): expected a size or a sequence of bytes"));
    Py_ssize_t size = PySequence_Fast_GET_SIZE(items.get());
    Ref<Storage> storage = Storage::allocate(size_t(size), Device{});
    for (Py_ssize_t i = 0; i < size; i++) storage->data[i] = char(int_of(PySequence_Fast_GET_ITEM(items.get(), i)));
    return new_storage(cls, storage);
  });
}

PyObject* storage_nbytes(PyObject* self, PyObject*) { return PyLong_FromSize_t(bytes_of(self).nbytes); }
Py_ssize_t storage_length(PyObject* self) { return Py_ssize_t(bytes_of(self).nbytes); }
PyObject* storage_data_ptr(PyObject* self, PyObject*) { return PyLong_FromVoidPtr(bytes_of(self).data); }
PyObject* storage_resizable(PyObject* self, PyObject*) { return PyBool_FromLong(bytes_of(self).resizable); }
PyObject* storage_element_size(PyObject*, PyObject*) { return PyLong_FromLong(1); }

PyObject* storage_resize(PyObject* self, PyObject* size) {
  return guard([&]() -> PyObject* {
    KD_CHECK(is_integer(size), Type, "resize_ expects an int, but got ", type_name(size));
    KD_CHECK(bytes_of(self).resizable, Runtime, "Trying to resize storage that is not resizable");
    bytes_of(self).resize(size_t(int_of(size)));
    Py_INCREF(self);
    return self;
  });
}

void check_data(PyObject* self) {
  KD_CHECK(bytes_of(self).device.type != DeviceType::meta, NotImplemented, "Not available for 'meta' device type");
}

int64_t byte_index(PyObject* self, PyObject* index) {
  int64_t i = int_of(index), n = int64_t(bytes_of(self).nbytes);
  KD_CHECK(i >= -n && i < n, Index, "index ", i, " out of range for storage of size ", n);
  return i < 0 ? i + n : i;
}

PyObject* storage_get(PyObject* self, PyObject* index) {
  return guard([&]() -> PyObject* {
    check_data(self);
    if (!PySlice_Check(index)) return PyLong_FromLong(uint8_t(bytes_of(self).data[byte_index(self, index)]));
    Py_ssize_t start, stop, step;
    check(PySlice_Unpack(index, &start, &stop, &step));
    Py_ssize_t n = PySlice_AdjustIndices(Py_ssize_t(bytes_of(self).nbytes), &start, &stop, step);
    KD_CHECK(step == 1, Runtime, "Trying to slice with a step of ", int64_t(step), ", but only a step of 1 is supported");
    Ref<Storage> base = storage_of(self);
    Ref<Storage> part = Storage::borrow(base->data + start, size_t(n), [base] {});
    part->resizable = false;
    return new_storage(Py_TYPE(self), part);
  });
}
int storage_set(PyObject* self, PyObject* index, PyObject* value) {
  return guard([&] {
    check_data(self);
    KD_CHECK(value && is_integer(value), Runtime, "can only set storage content with a int types");
    char byte = char(int_of(value));
    if (!PySlice_Check(index)) {
      bytes_of(self).data[byte_index(self, index)] = byte;
      return 0;
    }
    Py_ssize_t start, stop, step;
    check(PySlice_Unpack(index, &start, &stop, &step));
    Py_ssize_t n = PySlice_AdjustIndices(Py_ssize_t(bytes_of(self).nbytes), &start, &stop, step);
    for (Py_ssize_t i = 0; i < n; i++) bytes_of(self).data[start + i * step] = byte;
    return 0;
  });
}

PyObject* storage_fill(PyObject* self, PyObject* value) {
  return guard([&]() -> PyObject* {
    check_data(self);
    if (bytes_of(self).nbytes) std::memset(bytes_of(self).data, int(int_of(value)) & 255, bytes_of(self).nbytes);
    Py_INCREF(self);
    return self;
  });
}

PyObject* storage_copy(PyObject* self, PyObject* args) {
  return guard([&]() -> PyObject* {
    PyObject *source, *non_blocking = nullptr;
    check(PyArg_ParseTuple(args, "O|O:copy_", &source, &non_blocking) ? 0 : -1);
    Ref<Storage> from = storage_of(source);
    KD_CHECK(from->nbytes == bytes_of(self).nbytes, Runtime, "size does not match, self was ", bytes_of(self).nbytes,
             " bytes but src was ", from->nbytes, " bytes");
    if (from->nbytes && from->data && bytes_of(self).data) std::memmove(bytes_of(self).data, from->data, from->nbytes);
    Py_INCREF(self);
    return self;
  });
}

// Reverses the bytes of each element: files written on a machine of the other byte order.
PyObject* storage_byteswap(PyObject* self, PyObject* element_size) {
  return guard([&]() -> PyObject* {
    int64_t size = int_of(element_size);
    Storage& s = bytes_of(self);
    KD_CHECK(size > 0 && s.nbytes % size_t(size) == 0, Runtime, "byteswap: ", s.nbytes,
             " bytes are no whole number of elements of ", size);
    for (char* p = s.data; p < s.data + s.nbytes; p += size) std::reverse(p, p + size);
    Py_RETURN_NONE;
  });
}

// From now on this storage is over another one's bytes, and the other keeps its own alive.
PyObject* storage_move_to(PyObject* self, PyObject* other) {
  return guard([&]() -> PyObject* {
    Ref<Storage> from = storage_of(other);
    Storage& s = bytes_of(self);
    KD_CHECK(from->nbytes == s.nbytes, Runtime, "_move_to: sizes differ");
    std::swap(s.data, from->data);
    std::swap(s.deleter, from->deleter);
    std::swap(s.from_allocator, from->from_allocator);
    s.resizable = false;
    Py_RETURN_NONE;
  });
}

PyObject* storage_share(PyObject*, PyObject* args) {  // _from_buffer(object, byte offset, nbytes): a view of writable memory
  return guard([&]() -> PyObject* {
    PyObject* o;
    Py_ssize_t offset = 0, n = -1;
    check(PyArg_ParseTuple(args, "O|nn:_share_buffer", &o, &offset, &n) ? 0 : -1);
    auto* view = new Py_buffer;
    if (PyObject_GetBuffer(o, view, PyBUF_WRITABLE) < 0) {
      PyErr_Clear();
      if (PyObject_GetBuffer(o, view, PyBUF_SIMPLE) < 0) {
        delete view;
        throw Error(ErrorKind::Python, {});
      }
    }
    auto let_go = [view] {
      if (!Py_IsInitialized()) return;
      Gil gil;
      PyBuffer_Release(view);
      delete view;
    };
    Ref<Storage> storage =
        Storage::borrow(static_cast<char*>(view->buf) + offset, size_t(n < 0 ? view->len - offset : n), let_go);
    KD_CHECK(offset >= 0 && offset + Py_ssize_t(storage->nbytes) <= view->len, Value,
             "_share_buffer: the range lies outside of the buffer");
    return new_storage(storage_class ? storage_class : &StorageType, storage);
  });
}

PyObject* checksum(PyObject*, PyObject* args) {  // _crc32(buffer, checksum of what is before it = 0)
  return guard([&]() -> PyObject* {
    Py_buffer view;
    unsigned before = 0;
    check(PyArg_ParseTuple(args, "y*|I:_crc32", &view, &before) ? 0 : -1);
    uint32_t result;
    {
      WithoutGil scope;
      result = crc32(view.buf, size_t(view.len), before);
    }
    PyBuffer_Release(&view);
    return PyLong_FromUnsignedLong(result);
  });
}

int storage_buffer(PyObject* self, Py_buffer* view, int flags) {
  static char nothing;
  Storage& s = bytes_of(self);
  if (s.device.type == DeviceType::meta) {
    PyErr_SetString(PyExc_BufferError, "storage on 'meta' has no bytes");
    return -1;
  }
  return PyBuffer_FillInfo(view, self, s.data ? s.data : &nothing, Py_ssize_t(s.nbytes), 0, flags);
}

PyObject* storage_device(PyObject* self, void*) { return wrap(bytes_of(self).device); }
PyObject* storage_cdata(PyObject* self, void*) { return PyLong_FromVoidPtr(&bytes_of(self)); }
PyObject* storage_is_cuda(PyObject*, void*) { Py_RETURN_FALSE; }

PyMethodDef storage_methods[] = {
    {"nbytes", storage_nbytes, METH_NOARGS, "The number of bytes."},
    {"size", storage_nbytes, METH_NOARGS, "The number of bytes."},
    {"data_ptr", storage_data_ptr, METH_NOARGS, "The address of the first byte."},
    {"resizable", storage_resizable, METH_NOARGS, "Whether resize_() is allowed: not for borrowed memory."},
    {"element_size", storage_element_size, METH_NOARGS, "1."},
    {"resize_", storage_resize, METH_O, "Changes the number of bytes; keeps the common prefix."},
    {"fill_", storage_fill, METH_O, "Sets every byte."},
    {"copy_", storage_copy, METH_VARARGS, "Copies the bytes of a storage of the same size."},
    {"_move_to", storage_move_to, METH_O, nullptr},
    {"_byteswap", storage_byteswap, METH_O, "Reverses the bytes of each element of the given size."},
    {}};
PyGetSetDef storage_properties[] = {{"device", storage_device, nullptr, "Where the bytes live.", nullptr},
                                    {"_cdata", storage_cdata, nullptr, nullptr, nullptr},
                                    {"is_cuda", storage_is_cuda, nullptr, "Whether the bytes are on a CUDA device.", nullptr},
                                    {}};
PyMappingMethods storage_mapping = {storage_length, storage_get, storage_set};
PySequenceMethods storage_sequence = [] {
  PySequenceMethods m = {};
  m.sq_length = storage_length;
  return m;
}();
PyBufferProcs storage_buffers = {storage_buffer, nullptr};

PyObject* set_storage_class(PyObject*, PyObject* cls) {
  Py_INCREF(cls);
  storage_class = reinterpret_cast<PyTypeObject*>(cls);
  Py_RETURN_NONE;
}

PyMethodDef storage_functions[] = {{"_set_storage_class", set_storage_class, METH_O, nullptr},
                                   {"_share_buffer", storage_share, METH_VARARGS, nullptr},
                                   {"_crc32", checksum, METH_VARARGS, nullptr},
                                   {}};

}  // namespace

PyTypeObject StorageType = [] {
  PyTypeObject t = {PyVarObject_HEAD_INIT(nullptr, 0)};
  t.tp_name = "torch._C.StorageBase";
  t.tp_basicsize = sizeof(StorageObject);
  t.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC;
  t.tp_doc = "StorageBase(*args, **kwargs)\n--\n\nA block of bytes that tensors view.";
  t.tp_dealloc = storage_dealloc;
  t.tp_traverse = storage_traverse;
  t.tp_clear = storage_clear;
  t.tp_free = PyObject_GC_Del;
  t.tp_dictoffset = offsetof(StorageObject, dict);
  t.tp_weaklistoffset = offsetof(StorageObject, weakrefs);
  t.tp_new = storage_new;
  t.tp_init = [](PyObject*, PyObject*, PyObject*) -> int { return 0; };
  t.tp_methods = storage_methods;
  t.tp_getset = storage_properties;
  t.tp_as_mapping = &storage_mapping;
  t.tp_as_sequence = &storage_sequence;
  t.tp_as_buffer = &storage_buffers;
  return t;
}();

Ref<Storage> find_storage(PyObject* o) {
  if (PyObject_TypeCheck(o, &StorageType)) return Ref<Storage>::share(as_storage(o)->storage);
  PyRef inner = PyRef::steal(PyObject_GetAttrString(o, "_untyped_storage"));  // a TypedStorage
  PyErr_Clear();
  if (inner && PyObject_TypeCheck(inner.get(), &StorageType)) return Ref<Storage>::share(as_storage(inner.get())->storage);
  return {};
}

Ref<Storage> storage_of(PyObject* o) {
  Ref<Storage> storage = find_storage(o);
  if (!storage) fail(ErrorKind::Type, "expected a storage, not ", type_name(o));
  return storage;
}

PyObject* wrap_storage(const Ref<Storage>& storage) {
  if (!storage) Py_RETURN_NONE;
  if (storage->pyobj) return PyRef::share(static_cast<PyObject*>(storage->pyobj)).release();
  if (!storage_class) owned(PyImport_ImportModule("torch.storage"));
  return new_storage(storage_class ? storage_class : &StorageType, storage);
}

void init_storage(PyObject* module) {
  check(PyType_Ready(&StorageType));
  check(PyModule_AddObjectRef(module, "StorageBase", reinterpret_cast<PyObject*>(&StorageType)));
  check(PyModule_AddFunctions(module, storage_functions));
}

}  // namespace kindling::python
