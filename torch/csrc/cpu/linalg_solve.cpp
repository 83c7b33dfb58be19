// Equations, inverses, determinants and what else follows from a factorisation.
#include <cmath>

#include "copy.h"
#include "linalg.h"

namespace kindling {

using namespace linalg;

namespace {

// B holds one vector for each matrix of A instead of a matrix.
bool is_vector_rhs(const Tensor& A, const Tensor& B) {
  return B.dim() == 1 || (A.dim() - 1 == B.dim() && same(B.sizes(), A.sizes().first(size_t(A.dim() - 1))));
}

void check_equation(const Tensor& A, const Tensor& B, bool left, const char* name) {
  check_square(A, name);
  check_matrix(B, name, "B");
  int64_t side = left ? rows(B) : columns(B);
  KD_CHECK(columns(A) == side, Runtime, name, ": Incompatible shapes of A and B for the equation ", left ? "AX = B" : "XA = B",
           " (", rows(A), 'x', columns(A), " and ", rows(B), 'x', columns(B), ')');
}

void check_like_dtypes(const Tensor& A, const Tensor& B, const char* name) {
  KD_CHECK(A.dtype() == B.dtype(), Runtime, name, ": Expected A and B to have the same dtype, but found A of type ",
           legacy_name(A.dtype()), " and B of type ", legacy_name(B.dtype()), " instead");
}

// Solves with a factorisation in place: X (n x k, column-major) holds the right-hand sides.
template <class T>
void solve_lu(char trans, int n, int k, T* lu, int* pivots, T* x) {
  int info = 0;
  KD_LAPACK(T, "getrs")(&trans, &n, &k, lu, &n, pivots, x, &n, &info);
}

// X with op(A) X = B or X op(A) = B from LU factors of the same batch shape.
Tensor solve_factored(const Tensor& LU, const Tensor& pivots, const Tensor& B, bool left, bool adjoint) {
  // X A = B is A' X' = B'; X A^H = B is A X^H = B^H
  char trans = left ? (adjoint ? 'C' : 'N') : (adjoint ? 'N' : 'T');
  Tensor rhs = left ? B : ops::transpose_int(B, -2, -1);
  if (!left && adjoint) rhs = ops::conj(rhs);
  Tensor X = column_major_copy(rhs);
  int n = int(rows(LU)), k = int(columns(X));
  if (X.numel()) {
    visit_type(X.dtype(), "lu_solve_cpu", [&](auto tag) {
      using T = typename decltype(tag)::type;
      for_matrices(batch_count(X), [&](int64_t i) {
        solve_lu(trans, n, k, LU.data<T>() + i * n * n, pivots.data<int32_t>() + i * n, X.data<T>() + i * n * k);
      });
    });
  }
  if (left) return X;
  Tensor back = ops::transpose_int(X, -2, -1);
  return adjoint ? ops::resolve_conj(ops::conj(back)) : back;
}

Tensor expanded_contiguous(const Tensor& t, IntList sizes) { return ops::contiguous(ops::expand(t, sizes)); }

}  // namespace

namespace kernels {

Tensor linalg_lu_solve(const Tensor& LU, const Tensor& pivots, const Tensor& B, bool left, bool adjoint) {
  const char* name = "linalg.lu_solve";
  check_float(LU, name);
  KD_CHECK(LU.dtype() == B.dtype(), Runtime, name, ": Expected LU and B to have the same dtype, but found LU of type ",
           legacy_name(LU.dtype()), " and B of type ", legacy_name(B.dtype()), " instead");
  KD_CHECK(pivots.dtype() == DType::int32, Runtime, name, ": pivots should be a Tensor of scalar type torch.int32");
  check_equation(LU, B, left, name);
  KD_CHECK(pivots.dim() >= 1 && LU.size(-1) == pivots.size(-1), Runtime, name,
           ": Number of pivots per batch should be same as the dimension of the matrix");
  Dims batch = broadcast_shapes(batch_sizes(LU), batch_sizes(B));
  Dims x_sizes = with(batch, {rows(B), columns(B)});
  if (B.is_meta()) return column_major(x_sizes, B.options());
  Tensor lu = column_major_copy(LU, with(batch, {rows(LU), columns(LU)})),
         p = expanded_contiguous(pivots, with(batch, {pivots.size(-1)}));
  return solve_factored(lu, p, ops::expand(B, x_sizes), left, adjoint);
}

std::tuple<Tensor, Tensor, Tensor, Tensor> _linalg_solve_ex(const Tensor& A, const Tensor& B, bool left, bool check_errors) {
  const char* name = "linalg.solve";
  check_float(A, name);
  check_like_dtypes(A, B, name);
  check_square(A, name);
  bool vector = is_vector_rhs(A, B);
  KD_CHECK(
      left || !vector, Runtime, name,
      ": Vector broadcasting of the left hand side is not supported for left=False. In this case linalg.solve is equivalent to B / A.squeeze(-1)");
  Tensor rhs = vector ? ops::unsqueeze(B, -1) : B;
  check_equation(A, rhs, left, name);
  Dims batch = broadcast_shapes(batch_sizes(A), batch_sizes(rhs));
  Dims a_sizes = with(batch, {rows(A), columns(A)}), x_sizes = with(batch, {rows(rhs), columns(rhs)});
  auto [LU, pivots, info] = linalg_lu_factor_ex(ops::expand(A, a_sizes), true, false);
  Tensor X =
      A.is_meta() ? column_major(x_sizes, B.options()) : solve_factored(LU, pivots, ops::expand(rhs, x_sizes), left, false);
  if (check_errors) ops::_linalg_check_errors(info, "torch.linalg.solve_ex", A.dim() == 2);
  return {vector ? ops::squeeze_dim(X, -1) : X, LU, pivots, info};
}

std::tuple<Tensor, Tensor> linalg_inv_ex(const Tensor& A, bool check_errors) {
  check_square(A, "linalg.inv");
  check_float(A, "linalg.inv");
  auto [X, pivots, info] = linalg_lu_factor_ex(A, true, false);
  if (X.is_meta() || X.numel() == 0) return {X, info};
  int n = int(rows(A));
  visit_type(A.dtype(), "linalg_inv_out_cpu", [&](auto tag) {
    using T = typename decltype(tag)::type;
    for_matrices(info.numel(), [&](int64_t i) {
      if (info.template data<int32_t>()[i]) return;
      T query(0);
      int ask = -1, status = 0;
      T* a = X.template data<T>() + i * n * n;
      int* p = pivots.template data<int32_t>() + i * n;
      KD_LAPACK(T, "getri")(&n, a, &n, p, &query, &ask, &status);
      int size = work_size(query);
      Scratch<T> work(size);
      KD_LAPACK(T, "getri")(&n, a, &n, p, work.get(), &size, &status);
    });
  });
  if (check_errors) ops::_linalg_check_errors(info, "linalg.inv_ex", A.dim() == 2);
  return {X, info};
}

Tensor linalg_solve_triangular(const Tensor& self, const Tensor& B, bool upper, bool left, bool unitriangular) {
  const char* name = "linalg.solve_triangular";
  check_float(self, name);
  check_like_dtypes(self, B, name);
  check_equation(self, B, left, name);
  Dims batch = broadcast_shapes(batch_sizes(self), batch_sizes(B));
  Dims x_sizes = with(batch, {rows(B), columns(B)});
  Tensor X = column_major_copy(B, x_sizes);
  if (X.is_meta() || X.numel() == 0) return X;
  int n = int(rows(self)), m = int(rows(B)), k = int(columns(B));
  Tensor a = column_major_copy(self, with(batch, {n, n}));
  visit_type(X.dtype(), "triangular_solve_cpu", [&](auto tag) {
    using T = typename decltype(tag)::type;
    char side = left ? 'L' : 'R', uplo = upper ? 'U' : 'L', trans = 'N', diag = unitriangular ? 'U' : 'N';
    T one(1);
    for_matrices(batch_count(X), [&](int64_t i) {
      KD_LAPACK(T, "trsm")(&side, &uplo, &trans, &diag, &m, &k, &one, a.data<T>() + i * n * n, &n, X.data<T>() + i * m * k, &m);
    });
  });
  return X;
}

std::tuple<Tensor, Tensor, Tensor> lu_unpack(const Tensor& LU_data, const Tensor& LU_pivots, bool unpack_data,
                                             bool unpack_pivots) {
  check_matrix(LU_data, "torch.lu_unpack", "LU_data");
  KD_CHECK(!unpack_pivots || LU_pivots.dtype() == DType::int32, Runtime,
           "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\n"
           "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor");
  int64_t m = rows(LU_data), n = columns(LU_data), k = std::min(m, n);
  const int64_t none[] = {0};
  Tensor P, L, U;
  if (unpack_data) {
    L = ops::tril(ops::narrow(LU_data, -1, 0, k), -1);
    U = ops::triu(ops::narrow(LU_data, -2, 0, k), 0);
    if (!L.is_meta()) ops::fill__Scalar(ops::diagonal(L, 0, -2, -1), Scalar(1));
  } else {
    L = empty(none, LU_data.options());
    U = empty(none, LU_data.options());
  }
  if (!unpack_pivots) return {empty(none, LU_data.options()), L, U};
  P = ops::zeros(with(batch_sizes(LU_data), {m, m}), LU_data.dtype(), std::nullopt, LU_data.device());
  if (P.is_meta() || P.numel() == 0) return {P, L, U};
  Tensor pivots = ops::contiguous(LU_pivots);
  visit<kAnyT>(P.dtype(), "unpack_pivots_cpu", [&](auto tag) {
    using T = typename decltype(tag)::type;
    for_matrices(batch_count(P), [&](int64_t b) {
      Scratch<int64_t> order(m);
      for (int64_t i = 0; i < m; i++) order[i] = i;
      for (int64_t i = 0; i < k; i++) std::swap(order[i], order[pivots.data<int32_t>()[b * k + i] - 1]);
      for (int64_t i = 0; i < m; i++) P.data<T>()[(b * m + order[i]) * m + i] = store_as<T>(compute_t<T>(1));
    });
  });
  return {P, L, U};
}

}  // namespace kernels

namespace {

// fn(matrix, diagonal entries of U, parity of the row exchanges) for each matrix.
template <class T, class F>
void each_diagonal(const Tensor& LU, const Tensor& pivots, F&& fn) {
  int64_t n = rows(LU);
  Scratch<T> diagonal(n);
  for (int64_t b = 0; b < batch_count(LU); b++) {
    bool odd = false;
    for (int64_t i = 0; i < n; i++) {
      diagonal[i] = LU.data<T>()[b * n * n + i * n + i];
      odd ^= pivots.data<int32_t>()[b * n + i] != i + 1;
    }
    fn(b, diagonal.get(), n, odd);
  }
}

// A matrix has the determinant of its transpose, which LAPACK takes without a copy where rows lie in a run.
std::tuple<Tensor, Tensor, Tensor> determinant_factors(const Tensor& A) {
  bool transposed = A.is_contiguous() && !is_complex(A.dtype());
  return kernels::linalg_lu_factor_ex(transposed ? ops::transpose_int(A, -2, -1) : A, true, false);
}

}  // namespace

namespace kernels {

std::tuple<Tensor, Tensor, Tensor> _linalg_det(const Tensor& A) {
  check_square(A, "linalg.det");
  check_float(A, "linalg.det");
  Tensor det = empty(batch_sizes(A), A.options());
  auto factors = determinant_factors(A);
  const Tensor &LU = std::get<0>(factors), &pivots = std::get<1>(factors);
  if (det.is_meta()) return {det, LU, pivots};
  visit_type(A.dtype(), "det", [&](auto tag) {
    using T = typename decltype(tag)::type;
    each_diagonal<T>(LU, pivots, [&](int64_t b, const T* d, int64_t n, bool odd) {
      T product(odd ? -1 : 1);
      for (int64_t i = 0; i < n; i++) product *= d[i];
      det.data<T>()[b] = product;
    });
  });
  return {det, LU, pivots};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> _linalg_slogdet(const Tensor& A) {
  check_square(A, "linalg.slogdet");
  check_float(A, "linalg.slogdet");
  Tensor sign = empty(batch_sizes(A), A.options()), logabs = empty(batch_sizes(A), real_options(A));
  auto factors = determinant_factors(A);
  const Tensor &LU = std::get<0>(factors), &pivots = std::get<1>(factors);
  if (sign.is_meta()) return {sign, logabs, LU, pivots};
  visit_type(A.dtype(), "slogdet", [&](auto tag) {
    using T = typename decltype(tag)::type;
    using R = real_t<T>;
    each_diagonal<T>(LU, pivots, [&](int64_t b, const T* d, int64_t n, bool odd) {
      T s(odd ? -1 : 1);
      R sum = 0;
      for (int64_t i = 0; i < n; i++) {
        R size = std::abs(d[i]);
        sum += std::log(size);
        s *= size == 0 ? T(0) : d[i] / size;
      }
      sign.data<T>()[b] = s;
      logabs.data<R>()[b] = sum;
    });
  });
  return {sign, logabs, LU, pivots};
}

Tensor linalg_ldl_solve(const Tensor& LD, const Tensor& pivots, const Tensor& B, bool hermitian) {
  check_square(LD, "torch.linalg.ldl_solve", "LD");
  check_float(LD, "torch.linalg.ldl_solve");
  check_matrix(B, "torch.linalg.ldl_solve", "B");
  KD_CHECK(rows(LD) == rows(B), Runtime, "Incompatible matrix sizes for torch.linalg.ldl_solve: each A matrix is ", rows(LD),
           " by ", rows(LD), " but each b matrix is ", rows(B), " by ", columns(B));
  KD_CHECK(LD.dtype() == B.dtype(), Runtime, "torch.linalg.ldl_solve: LD and B must have the same dtype, but got ",
           legacy_name(LD.dtype()), " and ", legacy_name(B.dtype()));
  Dims batch = broadcast_shapes(batch_sizes(LD), batch_sizes(B));
  int n = int(rows(B)), k = int(columns(B));
  Tensor X = column_major_copy(B, with(batch, {n, k}));
  if (X.is_meta() || X.numel() == 0) return X;
  Tensor a = column_major_copy(LD, with(batch, {n, n})), p = expanded_contiguous(pivots, with(batch, {n}));
  visit_type(X.dtype(), "ldl_solve_cpu", [&](auto tag) {
    using T = typename decltype(tag)::type;
    char uplo = 'L';
    Routine solve =
        hermitian && is_complex_type<T> ? KD_LAPACK(T, is_complex_type<T> ? "hetrs" : "sytrs") : KD_LAPACK(T, "sytrs");
    for_matrices(batch_count(X), [&](int64_t i) {
      int info = 0;
      solve(&uplo, &n, &k, a.data<T>() + i * n * n, &n, p.data<int32_t>() + i * n, X.data<T>() + i * n * k, &n, &info);
    });
  });
  return X;
}

}  // namespace kernels

namespace {

// One least-squares problem: a is m x n, x is max(m, n) x k. Returns LAPACK's status.
template <class T>
int least_squares(std::string_view driver, int m, int n, int k, T* a, T* x, real_t<T> rcond, real_t<T>* singular, int* rank) {
  using R = real_t<T>;
  int ldx = std::max({1, m, n}), lda = std::max(1, m), info = 0, small = std::min(m, n), large = std::max(m, n);
  Scratch<R> rwork(is_complex_type<T> ? std::max<int64_t>(1, 10 * large + 40 * small + 8 * small * 32 + 3 * 32 * k + 33 * 33 +
                                                                 int64_t(small) * 16 * k)
                                      : 1);
  Scratch<int> iwork(std::max(1, 3 * small * 32 + 11 * small));
  Scratch<int> permutation(std::max(1, n));
  std::fill_n(permutation.get(), n, 0);
  T query(0);
  auto run = [&](T* work, int size) {
    char trans = 'N';
    if (driver == "gels") {
      KD_LAPACK(T, "gels")(&trans, &m, &n, &k, a, &lda, x, &ldx, work, &size, &info);
    } else if (driver == "gelsy") {
      if constexpr (is_complex_type<T>)
        KD_LAPACK(T, "gelsy")(&m, &n, &k, a, &lda, x, &ldx, permutation.get(), &rcond, rank, work, &size, rwork.get(), &info);
      else KD_LAPACK(T, "gelsy")(&m, &n, &k, a, &lda, x, &ldx, permutation.get(), &rcond, rank, work, &size, &info);
    } else if (driver == "gelsd") {
      if constexpr (is_complex_type<T>)
        KD_LAPACK(T, "gelsd")(&m, &n, &k, a, &lda, x, &ldx, singular, &rcond, rank, work, &size, rwork.get(), iwork.get(), &info);
      else KD_LAPACK(T, "gelsd")(&m, &n, &k, a, &lda, x, &ldx, singular, &rcond, rank, work, &size, iwork.get(), &info);
    } else {
      if constexpr (is_complex_type<T>)
        KD_LAPACK(T, "gelss")(&m, &n, &k, a, &lda, x, &ldx, singular, &rcond, rank, work, &size, rwork.get(), &info);
      else KD_LAPACK(T, "gelss")(&m, &n, &k, a, &lda, x, &ldx, singular, &rcond, rank, work, &size, &info);
    }
  };
  run(&query, -1);
  Scratch<T> work(work_size(query));
  run(work, work_size(query));
  return info;
}

}  // namespace

namespace kernels {

std::tuple<Tensor, Tensor, Tensor, Tensor> linalg_lstsq(const Tensor& self, const Tensor& b, std::optional<double> rcond,
                                                        std::optional<std::string_view> driver) {
  const char* name = "torch.linalg.lstsq";
  std::string_view way = driver.value_or("gelsy");
  KD_CHECK(self.dim() >= 2, Runtime, name, ": input must have at least 2 dimensions.");
  KD_CHECK(b.dim() >= 1, Runtime, name, ": other must have at least 1 dimension.");
  KD_CHECK(self.dtype() == b.dtype(), Runtime, name, ": Expected input and other to have the same dtype, but got input's dtype ",
           legacy_name(self.dtype()), " and other's dtype ", legacy_name(b.dtype()));
  KD_CHECK(way == "gels" || way == "gelsy" || way == "gelsd" || way == "gelss", Runtime, name,
           ": parameter `driver` should be one of (gels, gelsy, gelsd, gelss)");
  bool vector = is_vector_rhs(self, b);
  Tensor rhs = vector ? ops::unsqueeze(b, -1) : b;
  int m = int(rows(self)), n = int(columns(self)), k = int(columns(rhs)), tall = std::max(m, n);
  KD_CHECK(rows(rhs) == m, Runtime, name, ": input.size(-2) should match other.size(", vector ? "-1" : "-2", ")");
  Dims batch = broadcast_shapes(batch_sizes(self), batch_sizes(rhs));
  const int64_t none[] = {0};
  bool ranked = way != "gels", spectral = way == "gelsd" || way == "gelss";
  Tensor rank = empty(ranked ? IntList(batch) : IntList(none), {DType::int64, self.device()});
  Tensor singular = empty(spectral ? IntList(with(batch, {std::min(m, n)})) : IntList(none), real_options(self)),
         residuals = empty(none, real_options(self));
  Dims x_sizes = with(batch, {n, k});
  if (self.is_meta()) return {empty(x_sizes, b.options()), residuals, rank, singular};
  Tensor a = column_major_copy(self, with(batch, {m, n})), x = column_major(with(batch, {tall, k}), b.options());
  if (x.numel()) ops::copy_(ops::narrow(x, -2, 0, m), rhs);
  bool full_rank = true;
  visit_type(self.dtype(), "torch.linalg.lstsq_cpu", [&](auto tag) {
    using T = typename decltype(tag)::type;
    using R = real_t<T>;
    R cut = rcond ? R(*rcond) : R(std::numeric_limits<R>::epsilon() * R(tall));
    int64_t count = numel_of(batch);
    for (int64_t i = 0; i < count; i++) {
      int r = 0, info = 0;
      if (m && n) {
        info = least_squares<T>(way, m, n, k, a.data<T>() + i * m * n, x.data<T>() + i * tall * k, cut,
                                spectral ? singular.data<R>() + i * std::min(m, n) : nullptr, &r);
      } else if (x.numel()) {
        std::fill_n(x.data<T>() + i * tall * k, int64_t(tall) * k, T(0));
      }
      if (ranked) rank.data<int64_t>()[i] = r;
      full_rank = full_rank && (!ranked || r == n);
      KD_CHECK(
          info == 0, LinAlg, name, ": (Batch element ", i,
          "): The least squares solution could not be computed because the input matrix does not have full rank (error code: ",
          info, ").");
    }
  });
  Tensor solution = ops::narrow(x, -2, 0, n);
  if (m > n && way != "gelsy" && full_rank) {
    Tensor tail = ops::abs(ops::narrow(x, -2, n, m - n));
    const int64_t dims[] = {-2};
    residuals = ops::sum_dim_IntList(ops::mul_Tensor(tail, tail), IntList(dims), false, DType::none);
  }
  return {vector ? ops::squeeze_dim(solution, -1) : solution, residuals, rank, singular};
}

void _linalg_check_errors(const Tensor& info, std::string_view api_name, bool is_matrix) {
  if (info.is_meta()) return;
  const Tensor codes = contiguous_of(converted(info, DType::int32));
  for (int64_t i = 0; i < codes.numel(); i++) {
    int code = codes.data<int32_t>()[i];
    if (code == 0) continue;
    std::string at = concat(api_name, ": ", is_matrix ? std::string() : concat("(Batch element ", i, "): "));
    auto is = [&](std::string_view prefix) { return api_name.find(prefix) != std::string_view::npos; };
    KD_CHECK(code > 0 || is("svd"), Runtime, at, "Argument ", -code,
             " has illegal value. Most certainly there is a bug in the implementation calling the backend library.");
    if (is("inv"))
      fail(ErrorKind::LinAlg, at, "The diagonal element ", code,
           " is zero, the inversion could not be completed because the input matrix is singular.");
    if (is("solve")) fail(ErrorKind::LinAlg, at, "The solver failed because the input matrix is singular.");
    if (is("cholesky")) {
      fail(ErrorKind::LinAlg, at,
           "The factorization could not be completed because the input is not positive-definite (the leading minor of order ",
           code, " is not positive-definite).");
    }
    if (is("svd") && code == -4)
      fail(ErrorKind::LinAlg, at, "The algorithm failed to converge because the input matrix contained non-finite values.");
    if (is("svd") || is("eig") || is("syevd")) {
      fail(ErrorKind::LinAlg, at,
           "The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated ",
           is("svd") ? "singular values" : "eigenvalues", " (error code: ", code, ").");
    }
    if (is("lstsq")) {
      fail(ErrorKind::LinAlg, at,
           "The least squares solution could not be computed because the input matrix does not have full rank (error code: ",
           code, ").");
    }
    if (is("lu_factor")) {
      fail(
          ErrorKind::Runtime, at, "U[", code, ',', code,
          "] is zero and using it on lu_solve would result in a division by zero. "
          "If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)");
    }
    fail(ErrorKind::LinAlg, at, "the factorization failed with error code ", code, '.');
  }
}

Tensor linalg_matrix_exp(const Tensor& self) {
  check_square(self, "linalg.matrix_exp");
  KD_CHECK(is_floating(self.dtype()) || self.is_complex(), Runtime,
           "linalg.matrix_exp: Expected a floating point or complex tensor as input. Got ", legacy_name(self.dtype()));
  if (self.is_meta()) return empty(self.sizes(), self.options());
  if (self.numel() == 0) return ops::clone(self);
  // exp(A) = exp(A / 2^s)^(2^s); at a norm of at most 1 the Taylor series to degree 18 is exact to double precision
  const int64_t column[] = {-2};
  double norm = item(ops::max(ops::sum_dim_IntList(ops::abs(self), IntList(column), false, DType::none))).to_double();
  int squarings = norm > 1 && std::isfinite(norm) ? std::ilogb(norm) + 1 : 0;
  Tensor x = ops::mul_Scalar(self, Scalar(std::ldexp(1.0, -squarings)));
  Tensor one = ops::expand(ops::eye(rows(self), self.dtype(), std::nullopt, self.device()), self.sizes());
  Tensor sum = ops::add_Tensor(one, ops::mul_Scalar(x, Scalar(1.0 / 18)));
  for (int k = 17; k >= 1; k--) sum = ops::add_Tensor(one, ops::mul_Scalar(ops::matmul(x, sum), Scalar(1.0 / k)));
  for (int i = 0; i < squarings; i++) sum = ops::matmul(sum, sum);
  return sum;
}

}  // namespace kernels
}  // namespace kindling
