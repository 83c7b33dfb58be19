// Dense matrix product over strided operands. Every element of the result is one sum in order of k, cut into slices of
// kDepth: the same bits come out for any number of threads.
#pragma once
#include <cstdint>

namespace kindling {

// One vector's worth of a line to gather: from src + from to dst + to.
struct Piece {
  int64_t from;
  int64_t to;
};

// What one instruction set gives for one element type. A tile is up to `rows` x `columns` of the result.
template <class T>
struct GemmKernels {
  int rows, columns;  // of the largest tile; columns is a multiple of `lanes`
  int lanes;          // of a vector
  // c[i, j] = alpha * sum_p a[p * mr + i] * b[p * b_stride + j] + beta * c[i, j] for i < mr, j < nr; b is readable up to a
  // multiple of `lanes` columns. beta == 0 does not read c.
  void (*tile)(int mr, int nr, int64_t depth, const T* a, const T* b, int64_t b_stride, T* c, int64_t c_stride, T alpha, T beta);
  // dst[p * width + i] = src[i * stride + p * depth_stride] for i < count, 0 for count <= i < width.
  void (*pack)(T* dst, int width, const T* src, int64_t stride, int count, int64_t depth_stride, int64_t depth);
  T (*dot)(int64_t n, const T* x, const T* y);
  void (*axpy)(int64_t n, T alpha, const T* x, T* y);  // y += alpha * x
  // Line p of dst (width apart) from pieces of src + offsets[p]. Whole vectors move, in order: a piece's excess is overwritten by the
  // next one, and `lanes` elements after the last must be readable in src and writable in dst.
  void (*gather)(T* dst, int width, const T* src, const int64_t* offsets, int64_t depth, const Piece* pieces, int count);
  // dst[j] = bias + sum_t weights[t] * src[offsets[t] + j]; `lanes` elements after the last must be readable.
  void (*stencil)(int64_t n, T* dst, const T* src, const int64_t* offsets, const T* weights, int taps, T bias);
};

template <class T>
const GemmKernels<T>& gemm_kernels();  // of the running processor; T is float or double

constexpr int64_t kDepth = 256;

template <class T>
struct Matrix {
  const T* data;
  int64_t row, column;  // strides in elements

  const T* at(int64_t i, int64_t j) const { return data + i * row + j * column; }
  Matrix t() const { return {data, column, row}; }
};

// c = alpha * a @ b + beta * c, with c row-major, rows c_stride apart. Over the threads of the pool when it is worth it.
template <class T>
void gemm(int64_t m, int64_t n, int64_t k, T alpha, Matrix<T> a, Matrix<T> b, T beta, T* c, int64_t c_stride);

}  // namespace kindling
