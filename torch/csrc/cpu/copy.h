// Moving values between tensors of any dtype and layout.
#pragma once
#include "../core/tensor.h"

namespace kindling {

// dst <- src, broadcast to dst's shape, converted, conjugate and negative bits resolved. No dispatch.
void copy_into(const Tensor& dst, const Tensor& src);
void fill_with(const Tensor& dst, const Scalar& value);
Tensor clone_of(const Tensor& t, MemoryFormat f = MemoryFormat::preserve);
Tensor contiguous_of(const Tensor& t);       // `t` itself if it is row-major and has no lazy bits
Tensor converted(const Tensor& t, DType d);  // `t` itself if it has this dtype
// RuntimeError "value cannot be converted to type int8_t without overflow".
void check_representable(const Scalar& value, DType d);

}  // namespace kindling
