#include "gemm.h"

#include <algorithm>

#include "kernel_table.h"
#include "scratch.h"
#include "threads.h"

namespace kindling {

extern const GemmKernels<float> kGemmGenericF;
extern const GemmKernels<double> kGemmGenericD;
#if defined(__x86_64__)
extern const GemmKernels<float> kGemmAvx2F, kGemmAvx512F;
extern const GemmKernels<double> kGemmAvx2D, kGemmAvx512D;

template <>
const GemmKernels<float>& gemm_kernels() {
  return isa == kAvx512 ? kGemmAvx512F : isa == kAvx2 ? kGemmAvx2F : kGemmGenericF;
}
template <>
const GemmKernels<double>& gemm_kernels() {
  return isa == kAvx512 ? kGemmAvx512D : isa == kAvx2 ? kGemmAvx2D : kGemmGenericD;
}
#else
template <>
const GemmKernels<float>& gemm_kernels() {
  return kGemmGenericF;
}
template <>
const GemmKernels<double>& gemm_kernels() {
  return kGemmGenericD;
}
#endif

namespace {

constexpr int64_t kBlockRows = 512;         // of packed a: kBlockRows x kDepth floats stay in the second-level cache
constexpr int64_t kSharedBytes = 64 << 20;  // most that a packed operand may take
constexpr int64_t kTaskFlops = 1'000'000;   // below this a task is not worth handing over

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <class T>
void scale(int64_t m, int64_t n, T beta, T* c, int64_t c_stride) {
  for (int64_t i = 0; i < m; i++, c += c_stride) {
    for (int64_t j = 0; j < n; j++) c[j] = beta == 0 ? T(0) : beta * c[j];
  }
}

// y = alpha * a @ x + beta * y
template <class T>
void gemv(int64_t m, int64_t k, T alpha, Matrix<T> a, const T* x, int64_t x_stride, T beta, T* y, int64_t y_stride) {
  const auto& kernels = gemm_kernels<T>();
  Scratch<T> gathered(x_stride == 1 ? 0 : k);
  if (x_stride != 1) {
    for (int64_t p = 0; p < k; p++) gathered[p] = x[p * x_stride];
    x = gathered;
  }
  int64_t grain = std::max<int64_t>(1, kTaskFlops / (8 * k));
  auto put = [&](int64_t i, T sum) {
    T& at = y[i * y_stride];
    at = beta == 0 ? alpha * sum : alpha * sum + beta * at;
  };
  if (a.column == 1) {
    parallel_for(0, m, grain, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) put(i, kernels.dot(k, a.at(i, 0), x));
    });
    return;
  }
  parallel_for(0, m, grain, [&](int64_t from, int64_t to) {
    constexpr int64_t chunk = 1024;
    T sum[chunk];
    for (int64_t first = from; first < to; first += chunk) {
      int64_t rows = std::min(chunk, to - first);
      std::fill_n(sum, rows, T(0));
      for (int64_t p = 0; p < k; p++) {
        const T* column = a.at(first, p);
        if (a.row == 1) kernels.axpy(rows, x[p], column, sum);
        else
          for (int64_t i = 0; i < rows; i++) sum[i] += x[p] * column[i * a.row];
      }
      for (int64_t i = 0; i < rows; i++) put(first + i, sum[i]);
    }
  });
}

// One product: how it is cut into panels (a tile's rows or columns), blocks of panels, and tasks.
template <class T>
struct Product {
  const GemmKernels<T>& kernels = gemm_kernels<T>();
  int64_t m, n, k;
  T alpha, beta;
  Matrix<T> a, b;
  T* c;
  int64_t c_stride;

  int64_t mr, a_panels, b_panels, row_blocks, block_panels, column_chunks, chunk_panels, slab;
  T* shared_a = nullptr;  // whole slab packed, or null: packed by each task
  T* shared_b = nullptr;

  void plan() {
    a_panels = ceil_div(m, kernels.rows);
    mr = ceil_div(m, a_panels);
    a_panels = ceil_div(m, mr);
    b_panels = ceil_div(n, kernels.columns);
    row_blocks = ceil_div(m, kBlockRows);
    block_panels = ceil_div(a_panels, row_blocks);
    row_blocks = ceil_div(a_panels, block_panels);
    int64_t threads = get_num_threads();
    int64_t wanted = threads == 1 ? 1 : std::min<int64_t>(4 * threads, 2 * m * n * k / kTaskFlops);
    column_chunks = std::clamp<int64_t>(ceil_div(wanted, row_blocks), 1, b_panels);
    chunk_panels = ceil_div(b_panels, column_chunks);
    column_chunks = ceil_div(b_panels, chunk_panels);
    int64_t packed_rows = std::max(column_chunks > 1 ? m : 1, row_blocks > 1 ? n : 1);
    slab = std::max<int64_t>(1, kSharedBytes / int64_t(sizeof(T)) / packed_rows / kDepth) * kDepth;
  }

  int rows_of(int64_t panel) const { return int(std::min(mr, m - panel * mr)); }
  int columns_of(int64_t panel) const { return int(std::min<int64_t>(kernels.columns, n - panel * kernels.columns)); }
  int b_width(int64_t panel) const { return columns_of(panel) <= kernels.lanes ? kernels.lanes : kernels.columns; }

  void pack_a(T* to, int64_t panel, int64_t first, int64_t depth) const {
    int rows = rows_of(panel);
    kernels.pack(to, rows, a.at(panel * mr, first), a.row, rows, a.column, depth);
  }
  void pack_b(T* to, int64_t panel, int64_t first, int64_t depth) const {
    kernels.pack(to, b_width(panel), b.at(first, panel * kernels.columns), b.column, columns_of(panel), b.row, depth);
  }

  void task(int64_t block, int64_t chunk, int64_t slab_first, int64_t slab_last) const {
    int64_t a_first = block * block_panels, a_last = std::min(a_panels, a_first + block_panels);
    int64_t b_first = chunk * chunk_panels, b_last = std::min(b_panels, b_first + chunk_panels);
    bool direct = b.column == 1 && a_panels == 1;  // each panel of b is read once: packing would not pay
    int64_t deepest = std::min(kDepth, slab_last - slab_first);
    Scratch<T> own_a(shared_a ? 0 : (a_last - a_first) * mr * deepest);
    Scratch<T> own_b(shared_b ? 0 : kernels.columns * deepest);
    for (int64_t first = slab_first; first < slab_last; first += kDepth) {
      int64_t depth = std::min(kDepth, slab_last - first);
      T* pa = own_a.get();
      if (shared_a) pa = shared_a + ((first - slab_first) * a_panels + a_first * depth) * mr;
      else
        for (int64_t i = a_first; i < a_last; i++) pack_a(pa + (i - a_first) * mr * depth, i, first, depth);
      T scale_c = first == 0 ? beta : T(1);
      for (int64_t j = b_first; j < b_last; j++) {
        const T* pb = own_b.get();
        int64_t b_stride = b_width(j);
        if (direct && columns_of(j) == b_stride) {
          pb = b.at(first, j * kernels.columns);
          b_stride = b.row;
        } else if (shared_b) {
          pb = shared_b + ((first - slab_first) * b_panels + j * depth) * kernels.columns;
        } else {
          pack_b(own_b, j, first, depth);
        }
        for (int64_t i = a_first; i < a_last; i++) {
          kernels.tile(rows_of(i), columns_of(j), depth, pa + (i - a_first) * mr * depth, pb, b_stride,
                       c + i * mr * c_stride + j * kernels.columns, c_stride, alpha, scale_c);
        }
      }
    }
  }

  void pack_shared(int64_t first, int64_t depth_left) const {
    int64_t slices = ceil_div(depth_left, kDepth);
    int64_t a_jobs = shared_a ? slices * a_panels : 0, b_jobs = shared_b ? slices * b_panels : 0;
    parallel_for(0, a_jobs + b_jobs, 4, [&](int64_t from, int64_t to) {
      for (int64_t job = from; job < to; job++) {
        bool is_a = job < a_jobs;
        int64_t panels = is_a ? a_panels : b_panels, at = is_a ? job : job - a_jobs, width = is_a ? mr : kernels.columns;
        int64_t slice = at / panels * kDepth, panel = at % panels, depth = std::min(kDepth, depth_left - slice);
        T* to_packed = (is_a ? shared_a : shared_b) + (slice * panels + panel * depth) * width;
        if (is_a) pack_a(to_packed, panel, first + slice, depth);
        else pack_b(to_packed, panel, first + slice, depth);
      }
    });
  }

  void run() {
    plan();
    int64_t deepest = std::min(k, slab);
    Scratch<T> for_a(column_chunks > 1 ? a_panels * mr * deepest : 0);
    Scratch<T> for_b(row_blocks > 1 ? b_panels * kernels.columns * deepest : 0);
    shared_a = for_a;
    shared_b = for_b;
    for (int64_t first = 0; first < k; first += slab) {
      int64_t last = std::min(k, first + slab);
      if (shared_a || shared_b) pack_shared(first, last - first);
      parallel_for(0, row_blocks * column_chunks, 1, [&](int64_t from, int64_t to) {
        for (int64_t t = from; t < to; t++) task(t / column_chunks, t % column_chunks, first, last);
      });
    }
  }
};

}  // namespace

template <class T>
void gemm(int64_t m, int64_t n, int64_t k, T alpha, Matrix<T> a, Matrix<T> b, T beta, T* c, int64_t c_stride) {
  if (m == 0 || n == 0) return;
  if (k == 0) return scale(m, n, beta, c, c_stride);
  if (n == 1) return gemv(m, k, alpha, a, b.data, b.row, beta, c, c_stride);
  if (m == 1) return gemv(n, k, alpha, b.t(), a.data, a.column, beta, c, int64_t(1));
  Product<T>{.m = m, .n = n, .k = k, .alpha = alpha, .beta = beta, .a = a, .b = b, .c = c, .c_stride = c_stride}.run();
}

template void gemm(int64_t, int64_t, int64_t, float, Matrix<float>, Matrix<float>, float, float*, int64_t);
template void gemm(int64_t, int64_t, int64_t, double, Matrix<double>, Matrix<double>, double, double*, int64_t);

}  // namespace kindling
