// Factorisations: Cholesky, LU, LDL, QR, singular values, eigenvalues.
#include <cmath>

#include "copy.h"
#include "linalg.h"

namespace kindling {
namespace linalg {

Tensor column_major(IntList sizes, TensorOptions options) {
  Dims strides = contiguous_strides(sizes);
  size_t n = sizes.size();
  strides[n - 2] = 1;
  strides[n - 1] = std::max<int64_t>(1, sizes[n - 2]);
  return empty_strided(sizes, strides, options);
}
Tensor column_major_copy(const Tensor& t) {
  Tensor out = column_major(t.sizes(), t.options());
  if (!out.is_meta() && out.numel()) ops::copy_(out, t);
  return out;
}
Tensor column_major_copy(const Tensor& t, IntList sizes) {
  Tensor out = column_major(sizes, t.options());
  if (!out.is_meta() && out.numel()) ops::copy_(out, t);
  return out;
}
Tensor info_like(const Tensor& t) {
  Tensor info = empty(batch_sizes(t), {DType::int32, t.device()});
  if (!info.is_meta()) std::fill_n(info.data<int32_t>(), info.numel(), 0);
  return info;
}

namespace {

// Zero above (or below) the diagonal of a column-major matrix.
template <class T>
void keep_triangle(T* a, int64_t m, int64_t n, bool upper) {
  for (int64_t j = 0; j < n; j++) {
    if (upper) std::fill(a + j * m + std::min(m, j + 1), a + (j + 1) * m, T(0));
    else std::fill(a + j * m, a + j * m + std::min(j, m), T(0));
  }
}

// fn(work, lwork) is called once to ask how much memory it wants and once more to work.
template <class T, class F>
void with_work(F&& fn) {
  T query(0);
  fn(&query, -1);
  int size = work_size(query);
  Scratch<T> work(size);
  fn(work.get(), size);
}

}  // namespace
}  // namespace linalg

using namespace linalg;

namespace kernels {

std::tuple<Tensor, Tensor> linalg_cholesky_ex(const Tensor& self, bool upper, bool check_errors) {
  check_square(self, "linalg.cholesky");
  check_float(self, "linalg.cholesky");
  Tensor L = column_major_copy(self), info = info_like(self);
  if (L.is_meta() || L.numel() == 0) return {L, info};
  int n = int(rows(self));
  visit_type(self.dtype(), "cholesky_cpu", [&](auto tag) {
    using T = typename decltype(tag)::type;
    char uplo = upper ? 'U' : 'L';
    for_matrices(info.numel(), [&](int64_t i) {
      T* a = L.data<T>() + i * n * n;
      KD_LAPACK(T, "potrf")(&uplo, &n, a, &n, info.data<int32_t>() + i);
      keep_triangle(a, n, n, upper);
    });
  });
  if (check_errors) ops::_linalg_check_errors(info, "linalg.cholesky_ex", self.dim() == 2);
  return {L, info};
}

Tensor _cholesky_solve_helper(const Tensor& self, const Tensor& A, bool upper) {
  Tensor X = column_major_copy(self), factor = column_major_copy(A);
  KD_CHECK(rows(factor) == columns(factor) && rows(factor) == rows(X) && batch_count(factor) == batch_count(X), Runtime,
           "cholesky_solve: a factor of size ", A.sizes(), " does not go with a right-hand side of size ", self.sizes());
  if (X.is_meta() || X.numel() == 0) return X;
  int n = int(rows(X)), k = int(columns(X)), info = 0;
  visit_type(X.dtype(), "cholesky_solve_cpu", [&](auto tag) {
    using T = typename decltype(tag)::type;
    char uplo = upper ? 'U' : 'L';
    for (int64_t i = 0; i < batch_count(X); i++) {
      KD_LAPACK(T, "potrs")(&uplo, &n, &k, factor.data<T>() + i * n * n, &n, X.data<T>() + i * n * k, &n, &info);
    }
  });
  return X;
}

Tensor cholesky_inverse(const Tensor& self, bool upper) {
  check_square(self, "cholesky_inverse");
  Tensor X = column_major_copy(self);
  if (X.is_meta() || X.numel() == 0) return X;
  int n = int(rows(X)), info = 0;
  visit_type(X.dtype(), "cholesky_inverse_out_cpu", [&](auto tag) {
    using T = typename decltype(tag)::type;
    char uplo = upper ? 'U' : 'L';
    for (int64_t b = 0; b < batch_count(X); b++) {
      T* a = X.data<T>() + b * n * n;
      KD_LAPACK(T, "potri")(&uplo, &n, a, &n, &info);
      KD_CHECK(info == 0, LinAlg, "cholesky_inverse: The diagonal element ", info,
               " is zero, the inversion could not be completed because the input matrix is singular.");
      for (int64_t j = 0; j < n; j++) {
        for (int64_t i = 0; i < j; i++) {
          T &high = a[j * n + i], &low = a[i * n + j];
          if constexpr (is_complex_type<T>) upper ? (void)(low = std::conj(high)) : (void)(high = std::conj(low));
          else upper ? (void)(low = high) : (void)(high = low);
        }
      }
    }
  });
  return X;
}

std::tuple<Tensor, Tensor, Tensor> linalg_lu_factor_ex(const Tensor& A, bool pivot, bool check_errors) {
  KD_CHECK(A.dim() >= 2, Runtime, "torch.lu_factor: Expected tensor with 2 or more dimensions. Got size: ", A.sizes(),
           " instead");
  check_float(A, "linalg.lu_factor");
  KD_CHECK(pivot, Runtime, "linalg.lu_factor: LU without pivoting is not implemented on the CPU");
  int m = int(rows(A)), n = int(columns(A)), k = std::min(m, n);
  Tensor LU = column_major_copy(A), info = info_like(A), pivots = empty(with(batch_sizes(A), {k}), {DType::int32, A.device()});
  if (LU.is_meta()) return {LU, pivots, info};
  visit_type(A.dtype(), "lu_cpu", [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (LU.numel() == 0) return;
    for_matrices(info.numel(), [&](int64_t i) {
      KD_LAPACK(T, "getrf")(&m, &n, LU.data<T>() + i * m * n, &m, pivots.data<int32_t>() + i * k, info.data<int32_t>() + i);
    });
  });
  if (check_errors) ops::_linalg_check_errors(info, "torch.linalg.lu_factor_ex", A.dim() == 2);
  return {LU, pivots, info};
}

std::tuple<Tensor, Tensor, Tensor> linalg_ldl_factor_ex(const Tensor& self, bool hermitian, bool check_errors) {
  check_square(self, "torch.linalg.ldl_factor_ex");
  check_float(self, "torch.linalg.ldl_factor_ex");
  int n = int(rows(self));
  Tensor LD = column_major_copy(self), info = info_like(self),
         pivots = empty(with(batch_sizes(self), {n}), {DType::int32, self.device()});
  if (LD.is_meta() || LD.numel() == 0) return {LD, pivots, info};
  visit_type(self.dtype(), "ldl_factor_kernel_cpu", [&](auto tag) {
    using T = typename decltype(tag)::type;
    char uplo = 'L';
    for_matrices(info.numel(), [&](int64_t i) {
      T* a = LD.data<T>() + i * n * n;
      with_work<T>([&](T* work, int size) {
        Routine factor =
            hermitian && is_complex_type<T> ? KD_LAPACK(T, is_complex_type<T> ? "hetrf" : "sytrf") : KD_LAPACK(T, "sytrf");
        factor(&uplo, &n, a, &n, pivots.data<int32_t>() + i * n, work, &size, info.data<int32_t>() + i);
      });
      keep_triangle(a, n, n, false);
    });
  });
  if (check_errors) ops::_linalg_check_errors(info, "torch.linalg.ldl_factor_ex", self.dim() == 2);
  return {LD, pivots, info};
}

std::tuple<Tensor, Tensor> geqrf(const Tensor& self) {
  KD_CHECK(self.dim() >= 2, Runtime, "torch.geqrf: input must have at least 2 dimensions.");
  int m = int(rows(self)), n = int(columns(self)), k = std::min(m, n);
  Tensor QR = column_major_copy(self), tau = empty(with(batch_sizes(self), {k}), self.options());
  if (QR.is_meta() || QR.numel() == 0) return {QR, tau};
  visit_type(self.dtype(), "geqrf_cpu", [&](auto tag) {
    using T = typename decltype(tag)::type;
    for_matrices(batch_count(self), [&](int64_t i) {
      int info = 0;
      with_work<T>([&](T* work, int size) {
        KD_LAPACK(T, "geqrf")(&m, &n, QR.data<T>() + i * m * n, &m, tau.data<T>() + i * k, work, &size, &info);
      });
    });
  });
  return {QR, tau};
}

Tensor linalg_householder_product(const Tensor& input, const Tensor& tau) {
  const char* name = "torch.linalg.householder_product";
  KD_CHECK(input.dim() >= 2, Runtime, name, ": input must have at least 2 dimensions.");
  KD_CHECK(rows(input) >= columns(input), Runtime, name, ": input.shape[-2] must be greater than or equal to input.shape[-1]");
  KD_CHECK(tau.dim() == input.dim() - 1, Runtime, name,
           ": Expected tau to have one dimension less than input, but got tau.ndim equal to ", tau.dim(),
           " and input.ndim is equal to ", input.dim());
  KD_CHECK(columns(input) >= tau.size(-1), Runtime, name, ": input.shape[-1] must be greater than or equal to tau.shape[-1]");
  KD_CHECK(same(batch_sizes(input), tau.sizes().first(size_t(tau.dim() - 1))), Runtime, name,
           ": Expected batch dimensions of tau to be equal to input.shape[:-2], but got ", tau.sizes());
  KD_CHECK(input.dtype() == tau.dtype(), Runtime, name, ": tau dtype ", legacy_name(tau.dtype()), " does not match input dtype ",
           legacy_name(input.dtype()));
  Tensor Q = column_major_copy(input);
  if (Q.is_meta() || Q.numel() == 0) return Q;
  Tensor t = contiguous_of(tau);
  int m = int(rows(Q)), n = int(columns(Q)), k = int(tau.size(-1));
  visit_type(Q.dtype(), "orgqr_cpu", [&](auto tag) {
    using T = typename decltype(tag)::type;
    for_matrices(batch_count(Q), [&](int64_t i) {
      int info = 0;
      with_work<T>([&](T* work, int size) {
        KD_LAPACK(T, is_complex_type<T> ? "ungqr" : "orgqr")(&m, &n, &k, Q.data<T>() + i * m * n, &m, t.data<T>() + i * k, work,
                                                             &size, &info);
      });
    });
  });
  return Q;
}

Tensor ormqr(const Tensor& self, const Tensor& tau, const Tensor& other, bool left, bool transpose) {
  const char* name = "torch.ormqr";
  KD_CHECK(self.dim() >= 2, Runtime, name, ": input must have at least 2 dimensions.");
  KD_CHECK(other.dim() >= 2, Runtime, name, ": other must have at least 2 dimensions.");
  int64_t side = left ? other.size(-2) : other.size(-1);
  KD_CHECK(side >= tau.size(-1), Runtime, name, ": other.shape[", left ? "-2" : "-1",
           "] must be greater than or equal to tau.shape[-1]");
  KD_CHECK(side == self.size(-2), Runtime, name, ": other.shape[", left ? "-2" : "-1", "] must be equal to input.shape[-2]");
  KD_CHECK(tau.size(-1) == std::min(side, self.size(-1)), Runtime, name, ": tau.shape[-1] must be equal to min(other.shape[",
           left ? "-2" : "-1", "], input.shape[-1])");
  Tensor C = column_major_copy(other);
  if (C.is_meta() || C.numel() == 0) return C;
  Tensor a = column_major_copy(self), t = contiguous_of(tau);
  int m = int(rows(C)), n = int(columns(C)), k = int(tau.size(-1)), lda = int(rows(a));
  visit_type(C.dtype(), "ormqr_cpu", [&](auto tag) {
    using T = typename decltype(tag)::type;
    char where = left ? 'L' : 'R', trans = transpose ? (is_complex_type<T> ? 'C' : 'T') : 'N';
    for_matrices(batch_count(C), [&](int64_t i) {
      int info = 0;
      with_work<T>([&](T* work, int size) {
        KD_LAPACK(T, is_complex_type<T> ? "unmqr" : "ormqr")(&where, &trans, &m, &n, &k,
                                                             a.data<T>() + i * a.size(-2) * a.size(-1), &lda, t.data<T>() + i * k,
                                                             C.data<T>() + i * m * n, &m, work, &size, &info);
      });
    });
  });
  return C;
}

std::tuple<Tensor, Tensor> linalg_qr(const Tensor& A, std::string_view mode) {
  check_matrix(A, "linalg.qr");
  check_float(A, "linalg.qr");
  KD_CHECK(mode == "reduced" || mode == "complete" || mode == "r", Runtime, "qr received unrecognized mode '", mode,
           "' but expected one of 'reduced' (default), 'r', or 'complete'");
  int64_t m = rows(A), n = columns(A), k = std::min(m, n), q_columns = mode == "complete" ? m : k;
  bool want_q = mode != "r";
  Tensor Q = want_q ? column_major(with(batch_sizes(A), {m, q_columns}), A.options())
                    : empty(IntList(std::initializer_list<int64_t>{0}), A.options());
  Tensor R = column_major(with(batch_sizes(A), {mode == "complete" ? m : k, n}), A.options());
  if (R.is_meta()) return {Q, R};
  auto [QR, tau] = geqrf(A);
  int64_t r_rows = rows(R), batch = batch_count(A);
  visit_type(A.dtype(), "linalg_qr_cpu", [&](auto tag) {
    using T = typename decltype(tag)::type;
    for_matrices(batch, [&](int64_t b) {
      const T* from = QR.data<T>() + b * m * n;
      T* r = R.data<T>() + b * r_rows * n;
      for (int64_t j = 0; j < n; j++) std::copy_n(from + j * m, r_rows, r + j * r_rows);
      keep_triangle(r, r_rows, n, true);
      if (!want_q || Q.numel() == 0) return;
      T* q = Q.data<T>() + b * m * q_columns;
      std::copy_n(from, m * k, q);
      int im = int(m), ic = int(q_columns), ik = int(k), info = 0;
      with_work<T>([&](T* work, int size) {
        KD_LAPACK(T, is_complex_type<T> ? "ungqr" : "orgqr")(&im, &ic, &ik, q, &im, tau.data<T>() + b * k, work, &size, &info);
      });
    });
  });
  return {Q, R};
}

std::tuple<Tensor, Tensor, Tensor> _linalg_svd(const Tensor& A, bool full_matrices, bool compute_uv,
                                               std::optional<std::string_view> driver) {
  check_matrix(A, "linalg.svd");
  check_float(A, "linalg.svd");
  KD_CHECK(!driver, Runtime,
           "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend.");
  int64_t m = rows(A), n = columns(A), k = std::min(m, n), u_columns = full_matrices ? m : k, v_rows = full_matrices ? n : k;
  IntList batch = batch_sizes(A);
  const int64_t none[] = {0};
  Tensor S = empty(with(batch, {k}), real_options(A));
  Tensor U = compute_uv ? column_major(with(batch, {m, u_columns}), A.options()) : empty(none, A.options());
  Tensor Vh = compute_uv ? column_major(with(batch, {v_rows, n}), A.options()) : empty(none, A.options());
  if (S.is_meta()) return {U, S, Vh};
  if (A.numel() == 0) {
    if (compute_uv && full_matrices) {
      if (U.numel()) ops::copy_(U, ops::eye(m, U.dtype(), std::nullopt, U.device()));
      if (Vh.numel()) ops::copy_(Vh, ops::eye(n, Vh.dtype(), std::nullopt, Vh.device()));
    }
    return {U, S, Vh};
  }
  Tensor a = column_major_copy(A), info = info_like(A);
  visit_type(A.dtype(), "svd_cpu", [&](auto tag) {
    using T = typename decltype(tag)::type;
    using R = real_t<T>;
    char job = !compute_uv ? 'N' : full_matrices ? 'A' : 'S';
    int im = int(m), in = int(n), ldv = int(std::max<int64_t>(1, v_rows));
    for_matrices(info.numel(), [&](int64_t b) {
      T *at = a.data<T>() + b * m * n, *u = compute_uv ? U.data<T>() + b * m * u_columns : nullptr,
        *v = compute_uv ? Vh.data<T>() + b * v_rows * n : nullptr;
      int* status = info.data<int32_t>() + b;
      for (int64_t i = 0; i < m * n; i++) {
        if (!std::isfinite(std::abs(at[i]))) {
          *status = -4;
          return;
        }
      }
      Scratch<int> iwork(8 * k);
      int64_t large = std::max(m, n);
      Scratch<R> rwork(is_complex_type<T> ? std::max(5 * k * k + 5 * k, 2 * large * k + 2 * k * k + k) + 1 : 0);
      with_work<T>([&](T* work, int size) {
        if constexpr (is_complex_type<T>) {
          KD_LAPACK(T, "gesdd")(&job, &im, &in, at, &im, S.data<R>() + b * k, u, &im, v, &ldv, work, &size, rwork.get(),
                                iwork.get(), status);
        } else {
          KD_LAPACK(T, "gesdd")(&job, &im, &in, at, &im, S.data<R>() + b * k, u, &im, v, &ldv, work, &size, iwork.get(), status);
        }
      });
    });
  });
  ops::_linalg_check_errors(info, "linalg.svd", A.dim() == 2);
  return {U, S, Vh};
}

std::tuple<Tensor, Tensor> _linalg_eigh(const Tensor& A, std::string_view UPLO, bool compute_v) {
  check_square(A, "linalg.eigh");
  char uplo = UPLO.size() == 1 ? char(std::toupper(UPLO[0])) : ' ';
  KD_CHECK(uplo == 'L' || uplo == 'U', Runtime, "Expected UPLO argument to be 'L' or 'U', but got ", UPLO);
  int64_t n = rows(A);
  const int64_t none[] = {0};
  Tensor values = empty(with(batch_sizes(A), {n}), real_options(A));
  if (values.is_meta()) return {values, compute_v ? column_major(A.sizes(), A.options()) : empty(none, A.options())};
  Tensor vectors = column_major_copy(A), info = info_like(A);
  visit_type(A.dtype(), "linalg_eigh_cpu", [&](auto tag) {
    using T = typename decltype(tag)::type;
    using R = real_t<T>;
    char job = compute_v ? 'V' : 'N';
    int in = int(n);
    if (n == 0) return;
    for_matrices(info.numel(), [&](int64_t b) {
      T* a = vectors.data<T>() + b * n * n;
      R* w = values.data<R>() + b * n;
      int* status = info.data<int32_t>() + b;
      T query(0);
      R rquery(0);
      int iquery = 0, ask = -1;
      if constexpr (is_complex_type<T>) {
        KD_LAPACK(T, "heevd")(&job, &uplo, &in, a, &in, w, &query, &ask, &rquery, &ask, &iquery, &ask, status);
        int lwork = work_size(query), lr = work_size(rquery), li = std::max(1, iquery);
        Scratch<T> work(lwork);
        Scratch<R> rwork(lr);
        Scratch<int> iwork(li);
        KD_LAPACK(T, "heevd")(&job, &uplo, &in, a, &in, w, work.get(), &lwork, rwork.get(), &lr, iwork.get(), &li, status);
      } else {
        KD_LAPACK(T, "syevd")(&job, &uplo, &in, a, &in, w, &query, &ask, &iquery, &ask, status);
        int lwork = work_size(query), li = std::max(1, iquery);
        Scratch<T> work(lwork);
        Scratch<int> iwork(li);
        KD_LAPACK(T, "syevd")(&job, &uplo, &in, a, &in, w, work.get(), &lwork, iwork.get(), &li, status);
      }
    });
  });
  ops::_linalg_check_errors(info, "linalg.eigh", A.dim() == 2);
  return {values, compute_v ? vectors : empty(none, A.options())};
}

}  // namespace kernels

namespace {

// Eigenvalues and, if `vectors` is defined, right eigenvectors; both complex.
void general_eigen(const Tensor& A, const Tensor& values, const Tensor& vectors) {
  int64_t n = rows(A);
  Tensor a = column_major_copy(A), info = info_like(A);
  if (n == 0) return;
  visit_type(A.dtype(), "linalg_eig_cpu", [&](auto tag) {
    using T = typename decltype(tag)::type;
    using R = real_t<T>;
    using C = std::complex<R>;
    char no = 'N', job = vectors.defined() ? 'V' : 'N';
    int in = int(n), one = 1;
    for (int64_t i = 0; i < a.numel(); i++) {
      KD_CHECK(std::isfinite(std::abs(a.data<T>()[i])), Runtime,
               "torch.linalg.eig: input tensor should not contain infs or NaNs.");
    }
    for_matrices(info.numel(), [&](int64_t b) {
      T* at = a.data<T>() + b * n * n;
      C *w = values.data<C>() + b * n, *v = vectors.defined() ? vectors.data<C>() + b * n * n : nullptr;
      int* status = info.data<int32_t>() + b;
      if constexpr (is_complex_type<T>) {
        Scratch<R> rwork(2 * n);
        with_work<T>([&](T* work, int size) {
          KD_LAPACK(T, "geev")(&no, &job, &in, at, &in, w, (T*)nullptr, &one, v, v ? &in : &one, work, &size, rwork.get(),
                               status);
        });
      } else {
        Scratch<T> parts(2 * n), packed(v ? n * n : 0);
        with_work<T>([&](T* work, int size) {
          KD_LAPACK(T, "geev")(&no, &job, &in, at, &in, parts.get(), parts + n, (T*)nullptr, &one, packed.get(), v ? &in : &one,
                               work, &size, status);
        });
        for (int64_t i = 0; i < n; i++) w[i] = C(parts[i], parts[n + i]);
        // a pair of conjugate vectors is stored as real and imaginary part
        for (int64_t j = 0; v && j < n; j++) {
          const T *re = packed + j * n, *im = re + n;
          bool pair = parts[n + j] != 0;
          for (int64_t i = 0; i < n; i++) {
            v[j * n + i] = C(re[i], pair ? im[i] : T(0));
            if (pair) v[(j + 1) * n + i] = C(re[i], -im[i]);
          }
          j += pair;
        }
      }
    });
  });
  ops::_linalg_check_errors(info, "linalg.eig", A.dim() == 2);
}

TensorOptions complex_options(const Tensor& t) { return {to_complex(t.dtype()), t.device()}; }

}  // namespace

namespace kernels {

std::tuple<Tensor, Tensor> linalg_eig(const Tensor& self) {
  check_square(self, "linalg.eig");
  Tensor values = empty(self.sizes().first(size_t(self.dim() - 1)), complex_options(self)),
         vectors = column_major(self.sizes(), complex_options(self));
  if (!self.is_meta()) general_eigen(self, values, vectors);
  return {values, vectors};
}

Tensor _linalg_eigvals(const Tensor& self) {
  check_square(self, "linalg.eigvals");
  Tensor values = empty(self.sizes().first(size_t(self.dim() - 1)), complex_options(self));
  if (!self.is_meta()) general_eigen(self, values, Tensor());
  return values;
}

}  // namespace kernels
}  // namespace kindling
