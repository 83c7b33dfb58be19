// What a tensor says of itself.
#include "kernels.h"

namespace kindling::kernels {

Dims sizes(const Tensor& self) { return Dims(self.sizes()); }
int64_t size_of(const Tensor& self, int64_t dim) { return self.size(dim); }
Dims strides(const Tensor& self) { return Dims(self.strides()); }
int64_t stride_of(const Tensor& self, int64_t dim) { return self.stride(dim); }
int64_t numel(const Tensor& self) { return self.numel(); }
int64_t storage_offset(const Tensor& self) { return self.offset(); }
int64_t dim(const Tensor& self) { return self.dim(); }
bool is_contiguous(const Tensor& self) { return self.is_contiguous(); }
bool is_contiguous_format(const Tensor& self, MemoryFormat format) { return self.is_contiguous(format); }
bool is_dense(const Tensor& self) { return self.is_non_overlapping_and_dense(); }

}  // namespace kindling::kernels
