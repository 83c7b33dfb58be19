#include "matmul.h"

#include "dispatch.h"
#include "gemm.h"
#include "kernels.h"
#include "scratch.h"
#include "threads.h"

namespace kindling {
namespace {

// One operand: strides in elements; lazy conjugation and negation are left to whoever reads it.
struct Operand {
  const char* data;
  int64_t rows, columns, row, column, batch, batch_stride;
  bool conj, neg;

  explicit Operand(const Tensor& t) : data(t.raw()), conj(t.is_conj()), neg(t.is_neg()) {
    IntList sizes = t.sizes(), strides = t.strides();
    size_t d = sizes.size() - 2;
    rows = sizes[d], columns = sizes[d + 1], row = strides[d], column = strides[d + 1];
    batch = d ? sizes[0] : 1, batch_stride = d ? strides[0] : 0;
    // a stride that is never taken is as good as any: let it be the one that packing likes
    if (columns == 1) column = 1;
    else if (rows == 1 && column != 1) row = 1;
  }
  template <class T>
  Matrix<T> matrix(int64_t i) const {
    return {reinterpret_cast<const T*>(data) + i * batch_stride, row, column};
  }
};

// An operand in other numbers: one dense matrix for each batch, row-major or column-major as the original.
template <class C>
struct Dense {
  int64_t size, row, column;
  bool shared;  // an expanded batch has one matrix only
  Scratch<C> values;

  template <class T, class F>
  Dense(const Operand& o, Of<T>, F&& convert)
      : size(o.rows * o.columns),
        row(o.row == 1 && o.column != 1 ? 1 : o.columns),
        column(row == 1 && o.columns != 1 ? o.rows : 1),
        shared(o.batch_stride == 0),
        values(size * (shared ? 1 : o.batch)) {
    if (row == 1 && o.columns == 1) column = 1;
    int64_t count = shared ? 1 : o.batch, outer = row == 1 ? o.columns : o.rows, inner = row == 1 ? o.rows : o.columns;
    int64_t outer_stride = row == 1 ? o.column : o.row, inner_stride = row == 1 ? o.row : o.column;
    parallel_for(0, count * outer, std::max<int64_t>(1, 32768 / std::max<int64_t>(1, inner)), [&](int64_t from, int64_t to) {
      for (int64_t line = from; line < to; line++) {
        const T* src = reinterpret_cast<const T*>(o.data) + line / outer * o.batch_stride + line % outer * outer_stride;
        C* dst = values + line * inner;
        for (int64_t i = 0; i < inner; i++) dst[i] = convert(src[i * inner_stride]);
      }
    });
  }
  Matrix<C> matrix(int64_t i) const { return {values + (shared ? 0 : i * size), row, column}; }
};

// fn(i) for each matrix of a batch; a batch of small products is spread over the threads, a large product spreads itself.
template <class F>
void for_batch(int64_t batch, double flops, F&& fn) {
  bool spread = batch >= 2 * get_num_threads() || flops < 2e6;
  int64_t grain = std::max<int64_t>(1, int64_t(1e5 / (flops + 100)));
  if (!spread) {
    for (int64_t i = 0; i < batch; i++) fn(i);
    return;
  }
  parallel_for(0, batch, grain, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) fn(i);
  });
}

template <class T>
void real_product(T* out, const Operand& a, const Operand& b, T alpha, T beta) {
  if (a.neg != b.neg) alpha = -alpha;
  for_batch(a.batch, 2.0 * a.rows * b.columns * a.columns, [&](int64_t i) {
    gemm(a.rows, b.columns, a.columns, alpha, a.matrix<T>(i), b.matrix<T>(i), beta, out + i * a.rows * b.columns, b.columns);
  });
}

template <class T>
void half_product(T* out, const Operand& a, const Operand& b, float alpha, float beta) {
  Dense<float> fa(a, Of<T>(), [](T x) { return load(x); }), fb(b, Of<T>(), [](T x) { return load(x); });
  int64_t size = a.rows * b.columns;
  if (a.neg != b.neg) alpha = -alpha;
  for_batch(a.batch, 2.0 * size * a.columns, [&](int64_t i) {
    Scratch<float> sum(size);
    T* c = out + i * size;
    if (beta != 0)
      for (int64_t j = 0; j < size; j++) sum[j] = load(c[j]);
    gemm(a.rows, b.columns, a.columns, alpha, fa.matrix(i), fb.matrix(i), beta, sum.get(), b.columns);
    for (int64_t j = 0; j < size; j++) c[j] = store_as<T>(sum[j]);
  });
}

// (ar + i ai)(br + i bi) as four real products over the separated planes.
template <class R>
void complex_product(std::complex<R>* out, const Operand& a, const Operand& b, std::complex<R> alpha, std::complex<R> beta) {
  using T = std::complex<R>;
  auto real = [](T x) { return x.real(); };
  auto imag = [](T x) { return x.imag(); };
  Dense<R> ar(a, Of<T>(), real), ai(a, Of<T>(), imag), br(b, Of<T>(), real), bi(b, Of<T>(), imag);
  if (a.neg != b.neg) alpha = -alpha;
  R sign_a = a.conj ? -1 : 1, sign_b = b.conj ? -1 : 1;
  int64_t m = a.rows, n = b.columns, k = a.columns, size = m * n;
  for_batch(a.batch, 8.0 * size * k, [&](int64_t i) {
    Scratch<R> re(size), im(size);
    gemm(m, n, k, R(1), ar.matrix(i), br.matrix(i), R(0), re.get(), n);
    gemm(m, n, k, -sign_a * sign_b, ai.matrix(i), bi.matrix(i), R(1), re.get(), n);
    gemm(m, n, k, sign_b, ar.matrix(i), bi.matrix(i), R(0), im.get(), n);
    gemm(m, n, k, sign_a, ai.matrix(i), br.matrix(i), R(1), im.get(), n);
    T* c = out + i * size;
    for (int64_t j = 0; j < size; j++) {
      T v = alpha * T(re[j], im[j]);
      c[j] = beta == T(0) ? v : v + beta * c[j];
    }
  });
}

// Integers wrap around, so their order of addition is free and no widening is needed.
template <class T>
void integer_product(T* out, const Operand& a, const Operand& b, T alpha, T beta) {
  int64_t m = a.rows, n = b.columns, k = a.columns;
  using U = std::make_unsigned_t<T>;
  Dense<T> dense_b(b, Of<T>(), [](T x) { return x; });
  for_batch(a.batch, 2.0 * m * n * k, [&](int64_t batch) {
    Matrix<T> ma = a.matrix<T>(batch), mb = dense_b.matrix(batch);
    Scratch<U> line(n);
    for (int64_t i = 0; i < m; i++) {
      std::fill_n(line.get(), n, U(0));
      for (int64_t p = 0; p < k; p++) {
        U x = U(*ma.at(i, p));
        const T* y = mb.at(p, 0);
        if (mb.column == 1)
          for (int64_t j = 0; j < n; j++) line[j] += U(x * U(y[j]));
        else
          for (int64_t j = 0; j < n; j++) line[j] += U(x * U(y[j * mb.column]));
      }
      T* c = out + (batch * m + i) * n;
      for (int64_t j = 0; j < n; j++) c[j] = T(U(alpha) * line[j] + (beta == 0 ? U(0) : U(U(beta) * U(c[j]))));
    }
  });
}

}  // namespace

void matrix_product(const Tensor& out, const Tensor& a, const Tensor& b, const Scalar& alpha, const Scalar& beta,
                    const char* name) {
  Operand oa(a), ob(b);
  visit<kRealT | kComplexT>(out.dtype(), name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (out.numel() == 0) return;
    T* c = out.data<T>();
    if constexpr (std::floating_point<T>) real_product<T>(c, oa, ob, T(alpha.to_double()), T(beta.to_double()));
    else if constexpr (is_half<T>) half_product<T>(c, oa, ob, float(alpha.to_double()), float(beta.to_double()));
    else if constexpr (is_complex_type<T>) complex_product(c, oa, ob, T(alpha.to_complex()), T(beta.to_complex()));
    else integer_product<T>(c, oa, ob, T(alpha.to_int()), T(beta.to_int()));
  });
}

namespace {

constexpr const char* kProduct = "addmm_impl_cpu_";
const Scalar kOne(int64_t(1)), kZero(int64_t(0));

const char* c_name(DType d) {
  switch (d) {
    case DType::float32: return "float";
    case DType::float64: return "double";
    case DType::float16: return "c10::Half";
    case DType::bfloat16: return "c10::BFloat16";
    case DType::complex64: return "c10::complex<float>";
    case DType::complex128: return "c10::complex<double>";
    case DType::int64: return "long long";
    case DType::int32: return "int";
    case DType::int16: return "short";
    case DType::int8: return "signed char";
    case DType::uint8: return "unsigned char";
    default: return info(d).name;
  }
}

void check_mm(const Tensor& a, const Tensor& b) {
  KD_CHECK(a.dim() == 2, Runtime, "self must be a matrix, but it has ", a.dim(), " dimensions: use matmul or bmm for batches");
  KD_CHECK(b.dim() == 2, Runtime, "mat2 must be a matrix, but it has ", b.dim(), " dimensions: use matmul or mv");
  KD_CHECK(a.size(1) == b.size(0), Runtime, "mat1 and mat2 shapes cannot be multiplied (", a.size(0), 'x', a.size(1), " and ",
           b.size(0), 'x', b.size(1), ')');
  KD_CHECK(a.dtype() == b.dtype(), Runtime, "expected m1 and m2 to have the same dtype, but got: ", c_name(a.dtype()),
           " != ", c_name(b.dtype()));
}

void check_bmm(const Tensor& a, const Tensor& b) {
  KD_CHECK(a.dim() == 3, Runtime, "batch1 must be a 3D tensor, but it has ", a.dim(), " dimensions");
  KD_CHECK(b.dim() == 3, Runtime, "batch2 must be a 3D tensor, but it has ", b.dim(), " dimensions");
  KD_CHECK(b.size(0) == a.size(0) && b.size(1) == a.size(2), Runtime,
           "Expected size for first two dimensions of batch2 tensor to be: [", a.size(0), ", ", a.size(2), "] but got: [",
           b.size(0), ", ", b.size(1), "].");
  KD_CHECK(a.dtype() == b.dtype(), Runtime, "expected scalar type ", legacy_name(a.dtype()), " but found ",
           legacy_name(b.dtype()));
}

// Strides with which `t` reads as `sizes`; the error is that of Tensor.expand.
Dims expanded_strides(const Tensor& t, IntList sizes) {
  int64_t missing = int64_t(sizes.size()) - t.dim();
  KD_CHECK(missing >= 0, Runtime, "expand(", legacy_name(t.dtype()), "Tensor{", t.sizes(), "}, size=", sizes,
           "): the number of sizes provided (", sizes.size(),
           ") must be greater or equal to the number of dimensions in the tensor (", t.dim(), ')');
  Dims strides(missing, 0);
  for (int64_t d = 0; d < t.dim(); d++) {
    int64_t have = t.sizes()[d], want = sizes[missing + d];
    KD_CHECK(have == want || have == 1, Runtime, "The expanded size of the tensor (", want, ") must match the existing size (",
             have, ") at non-singleton dimension ", missing + d, ".  Target sizes: ", sizes, ".  Tensor sizes: ", t.sizes());
    strides.push_back(have == want ? t.strides()[d] : 0);
  }
  return strides;
}

// A contiguous tensor with the values of `t` expanded to `sizes`.
Tensor expanded_copy(const Tensor& t, IntList sizes) {
  Dims strides = expanded_strides(t, sizes);
  Tensor out = empty(sizes, t.options());
  if (out.is_meta() || out.numel() == 0) return out;
  int64_t last = int64_t(sizes.size()) - 1, inner = last < 0 ? 1 : sizes[last], step = last < 0 ? 0 : strides[last];
  int64_t rows = out.numel() / inner;
  visit_width(t.itemsize(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t r = 0; r < rows; r++) {
      const T* src = t.data<T>();
      for (int64_t d = last - 1, rest = r; d >= 0; rest /= sizes[d], d--) src += rest % sizes[d] * strides[d];
      T* dst = out.data<T>() + r * inner;
      if (step == 1) std::copy_n(src, inner, dst);
      else
        for (int64_t i = 0; i < inner; i++) dst[i] = src[i * step];
    }
  });
  return out;
}

// beta * self + alpha * a @ b. With beta == 0 the values of self are not read: NaN there does not spread.
Tensor add_product(const Tensor& self, const Tensor& a, const Tensor& b, IntList sizes, const Scalar& beta, const Scalar& alpha,
                   const char* name) {
  bool ignore = beta == kZero;
  if (ignore) expanded_strides(self, sizes);
  Tensor resolved = self.is_conj() || self.is_neg() ? ops::resolve_neg(ops::resolve_conj(self)) : self;
  Tensor out = ignore ? empty(sizes, self.options()) : expanded_copy(resolved, sizes);
  if (!out.is_meta()) matrix_product(out, a, b, alpha, beta, name);
  return out;
}

// The vector as a matrix of one column.
Tensor as_column(const Tensor& v) {
  const int64_t sizes[] = {v.size(0), 1}, strides[] = {v.stride(0), 1};
  Tensor t = alias(v, sizes, strides, v.offset());
  t->set(TensorImpl::Conj, v.is_conj());
  t->set(TensorImpl::Neg, v.is_neg());
  return t;
}
Tensor drop_column(const Tensor& m) {
  const int64_t sizes[] = {m.size(0)}, strides[] = {1};
  return alias(m, sizes, strides, m.offset());
}

}  // namespace

namespace kernels {

Tensor mm(const Tensor& self, const Tensor& mat2) {
  check_mm(self, mat2);
  const int64_t sizes[] = {self.size(0), mat2.size(1)};
  Tensor out = empty(sizes, self.options());
  if (!out.is_meta()) matrix_product(out, self, mat2, kOne, kZero, kProduct);
  return out;
}

Tensor bmm(const Tensor& self, const Tensor& mat2) {
  check_bmm(self, mat2);
  const int64_t sizes[] = {self.size(0), self.size(1), mat2.size(2)};
  Tensor out = empty(sizes, self.options());
  if (!out.is_meta()) matrix_product(out, self, mat2, kOne, kZero, "bmm");
  return out;
}

Tensor addmm(const Tensor& self, const Tensor& mat1, const Tensor& mat2, const Scalar& beta, const Scalar& alpha) {
  KD_CHECK(mat1.dim() == 2, Runtime, "mat1 must be a matrix, got ", mat1.dim(), "-D tensor");
  KD_CHECK(mat2.dim() == 2, Runtime, "mat2 must be a matrix, got ", mat2.dim(), "-D tensor");
  KD_CHECK(self.dtype() == mat2.dtype(), Runtime, "self and mat2 must have the same dtype, but got ", legacy_name(self.dtype()),
           " and ", legacy_name(mat2.dtype()));
  check_mm(mat1, mat2);
  const int64_t sizes[] = {mat1.size(0), mat2.size(1)};
  return add_product(self, mat1, mat2, sizes, beta, alpha, kProduct);
}

Tensor baddbmm(const Tensor& self, const Tensor& batch1, const Tensor& batch2, const Scalar& beta, const Scalar& alpha) {
  KD_CHECK(self.dtype() == batch1.dtype() && self.dtype() == batch2.dtype(), Runtime,
           "Input dtypes must be the same, got: input ", c_name(self.dtype()), ", batch1: ", c_name(batch1.dtype()),
           ", batch2: ", c_name(batch2.dtype()));
  check_bmm(batch1, batch2);
  const int64_t sizes[] = {batch1.size(0), batch1.size(1), batch2.size(2)};
  return add_product(self, batch1, batch2, sizes, beta, alpha, "baddbmm");
}

Tensor addbmm(const Tensor& self, const Tensor& batch1, const Tensor& batch2, const Scalar& beta, const Scalar& alpha) {
  KD_CHECK(self.dtype() == batch1.dtype() && self.dtype() == batch2.dtype(), Runtime, "Expected object of scalar type ",
           legacy_name(self.dtype()), " but got scalar types ", legacy_name(batch1.dtype()), " and ",
           legacy_name(batch2.dtype()));
  check_bmm(batch1, batch2);
  const int64_t sizes[] = {batch1.size(1), batch2.size(2)};
  int64_t batch = batch1.size(0);
  if (batch == 0) {
    const int64_t none[] = {sizes[0], 0}, to[] = {0, sizes[1]};
    return add_product(self, empty(none, self.options()), empty(to, self.options()), sizes, beta, alpha, "addbmm");
  }
  Tensor out;
  for (int64_t i = 0; i < batch; i++) {
    Tensor a = ops::select_int(batch1, 0, i), b = ops::select_int(batch2, 0, i);
    if (i == 0) out = add_product(self, a, b, sizes, beta, alpha, "addbmm");
    else if (!out.is_meta()) matrix_product(out, a, b, alpha, kOne, "addbmm");
  }
  return out;
}

Tensor mv(const Tensor& self, const Tensor& vec) {
  KD_CHECK(self.dim() == 2 && vec.dim() == 1, Runtime, "vector + matrix @ vector expected, got 1, ", self.dim(), ", ", vec.dim());
  KD_CHECK(self.size(1) == vec.size(0), Runtime, "size mismatch, got input (", self.size(0), "), mat (", self.size(0), 'x',
           self.size(1), "), vec (", vec.size(0), ')');
  KD_CHECK(self.dtype() == vec.dtype(), Runtime, "addmv input tensors must have the same dtype, but got ",
           legacy_name(vec.dtype()), ", ", legacy_name(self.dtype()), ", and ", legacy_name(vec.dtype()));
  const int64_t sizes[] = {self.size(0)};
  Tensor out = empty(sizes, self.options());
  if (!out.is_meta()) matrix_product(as_column(out), self, as_column(vec), kOne, kZero, "addmv_impl_cpu");
  return out;
}

Tensor addmv(const Tensor& self, const Tensor& mat, const Tensor& vec, const Scalar& beta, const Scalar& alpha) {
  KD_CHECK(self.dim() <= 1 && mat.dim() == 2 && vec.dim() == 1, Runtime, "vector + matrix @ vector expected, got ", self.dim(),
           ", ", mat.dim(), ", ", vec.dim());
  bool fits = mat.size(1) == vec.size(0) && (self.numel() == 1 || self.size(0) == mat.size(0));
  KD_CHECK(fits, Runtime, "size mismatch, got input (", self.numel(), "), mat (", mat.size(0), 'x', mat.size(1), "), vec (",
           vec.size(0), ')');
  KD_CHECK(self.dtype() == mat.dtype() && mat.dtype() == vec.dtype(), Runtime,
           "addmv input tensors must have the same dtype, but got ", legacy_name(self.dtype()), ", ", legacy_name(mat.dtype()),
           ", and ", legacy_name(vec.dtype()));
  const int64_t sizes[] = {mat.size(0), 1};
  Tensor column = self.dim() && self.size(0) != 1 ? as_column(self) : self;
  return drop_column(add_product(column, mat, as_column(vec), sizes, beta, alpha, "addmv_impl_cpu"));
}

}  // namespace kernels

namespace {

// The inner product in slices of fixed length, so that threads do not change its value.
template <class T, class F>
auto sliced_sum(int64_t n, F&& slice) {
  constexpr int64_t length = 1 << 15;
  int64_t slices = (n + length - 1) / length;
  using R = decltype(slice(int64_t(0), int64_t(0)));
  if (slices <= 1) return slice(0, n);
  Scratch<R> parts(slices);
  parallel_for(0, slices, 2, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) parts[i] = slice(i * length, std::min(n, (i + 1) * length));
  });
  R total = parts[0];
  for (int64_t i = 1; i < slices; i++) total += parts[i];
  return total;
}

template <class T>
T inner_product(const Tensor& x, const Tensor& y, bool conj_x) {
  int64_t n = x.numel(), sx = n > 1 ? x.stride(0) : 1, sy = n > 1 ? y.stride(0) : 1;
  const T *px = x.data<T>(), *py = y.data<T>();
  bool negate = x.is_neg() != y.is_neg();
  if constexpr (std::floating_point<T>) {
    if (sx == 1 && sy == 1) {
      auto dot = gemm_kernels<T>().dot;
      T sum = sliced_sum<T>(n, [&](int64_t from, int64_t to) { return dot(to - from, px + from, py + from); });
      return negate ? -sum : sum;
    }
  }
  using C = compute_t<T>;
  bool cx = x.is_conj() != conj_x, cy = y.is_conj();
  auto slice = [&](int64_t from, int64_t to) {
    C sum(0);
    for (int64_t i = from; i < to; i++) {
      C a = load(px[i * sx]), b = load(py[i * sy]);
      if constexpr (is_complex_type<T>) {
        if (cx) a = std::conj(a);
        if (cy) b = std::conj(b);
      }
      sum += a * b;
    }
    return sum;
  };
  C sum = n ? sliced_sum<T>(n, slice) : C(0);
  return store_as<T>(negate ? C(-sum) : sum);
}

Tensor dot_kernel(const Tensor& x, const Tensor& y, bool conj_x) {
  const char* name = conj_x ? "vdot" : "dot";
  KD_CHECK(x.dim() == 1 && y.dim() == 1, Runtime, "1D tensors expected, but got ", x.dim(), "D and ", y.dim(), "D tensors");
  KD_CHECK(x.dtype() == y.dtype(), Runtime, name, " : expected both vectors to have same dtype, but found ",
           legacy_name(x.dtype()), " and ", legacy_name(y.dtype()));
  KD_CHECK(x.numel() == y.numel(), Runtime, "inconsistent tensor size, expected tensor [", x.numel(), "] and src [", y.numel(),
           "] to have the same number of elements, but got ", x.numel(), " and ", y.numel(), " elements respectively");
  Tensor out = empty(IntList(), x.options());
  if (out.is_meta()) return out;
  visit<kRealT | kComplexT>(x.dtype(), name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    *out.data<T>() = inner_product<T>(x, y, conj_x);
  });
  return out;
}

}  // namespace

namespace kernels {

Tensor dot(const Tensor& self, const Tensor& tensor) { return dot_kernel(self, tensor, false); }
Tensor vdot(const Tensor& self, const Tensor& other) { return dot_kernel(self, other, true); }

}  // namespace kernels
}  // namespace kindling
