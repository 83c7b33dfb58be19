// What a tensor says of itself. The `sym_` forms may give tags of symbolic sizes, which Python shows as torch.SymInt.
#include "kernels.h"

namespace kindling::kernels {

Dims size(const Tensor& self) { return Dims(self.sizes()); }
Dims sym_size(const Tensor& self) { return Dims(self.sizes()); }
int64_t size_int(const Tensor& self, int64_t dim) { return self.size(dim); }
int64_t sym_size_int(const Tensor& self, int64_t dim) { return self.size(dim); }
Dims stride(const Tensor& self) { return Dims(self.strides()); }
Dims sym_stride(const Tensor& self) { return Dims(self.strides()); }
int64_t stride_int(const Tensor& self, int64_t dim) { return self.stride(dim); }
int64_t sym_stride_int(const Tensor& self, int64_t dim) { return self.stride(dim); }
int64_t numel(const Tensor& self) { return self.numel(); }
int64_t sym_numel(const Tensor& self) { return self.numel(); }
int64_t storage_offset(const Tensor& self) { return self.offset(); }
int64_t sym_storage_offset(const Tensor& self) { return self.offset(); }
int64_t dim(const Tensor& self) { return self.dim(); }
bool is_contiguous(const Tensor& self) { return self.is_contiguous(); }
bool is_contiguous_memory_format(const Tensor& self, MemoryFormat format) { return self.is_contiguous(format); }
bool is_strides_like_format(const Tensor& self, MemoryFormat format) { return self.is_contiguous(format); }
bool sym_is_contiguous(const Tensor& self, MemoryFormat format) { return self.is_contiguous(format); }
bool is_non_overlapping_and_dense(const Tensor& self) { return self.is_non_overlapping_and_dense(); }

}  // namespace kindling::kernels
