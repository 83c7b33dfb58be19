// Runs and tiles of elements between any two dtypes, through the generated conversion kernels.
#pragma once
#include "kernel_table.h"

namespace kindling {

// The dtype in which elements stored as `d` are computed, and the number of its kernels.
DType compute_dtype(DType d);
Compute compute_of(DType d);

// dst[i] = src[i] with strides in bytes.
void convert_run(char* dst, DType to, int64_t dst_stride, const char* src, DType from, int64_t src_stride, int64_t n);
// The same for `rows` runs of `columns`, by way of whichever side is contiguous.
void convert_tile(char* dst, DType to, int64_t dst_column, int64_t dst_row, const char* src, DType from, int64_t src_column,
                  int64_t src_row, int64_t columns, int64_t rows);
// Replaces contiguous elements by their conjugate or negative.
void conjugate_run(char* p, DType d, int64_t n);
void negate_run(char* p, DType d, int64_t n);

}  // namespace kindling
