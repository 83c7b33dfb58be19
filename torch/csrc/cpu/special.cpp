// Special functions that are loops, not expressions. Generated kernels call them by name (expr.call), one element at a time.
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();
constexpr double kPi = 3.14159265358979323846;

// Horner's rule, highest power first.
template <int N>
double polynomial(double x, const double (&c)[N]) {
  double result = c[0];
  for (int i = 1; i < N; ++i) result = result * x + c[i];
  return result;
}

// Hurwitz zeta by Euler and Maclaurin: the first terms of sum (q + k)^-s, an integral for the rest and Bernoulli corrections.
double zeta(double s, double q) {
  // (2k)! / B_2k
  constexpr double factors[] = {12.0,
                                -720.0,
                                30240.0,
                                -1209600.0,
                                47900160.0,
                                -1.8924375803183791606e9,
                                7.47242496e10,
                                -2.950130727918164224e12,
                                1.1646782814350067249e14,
                                -4.5979787224074726105e15,
                                1.8152105401943546773e17,
                                -7.1661652561756670113e18};
  if (s == 1) return kInfinity;
  if (!(s > 1)) return kNotANumber;
  if (q <= 0) {
    if (q == std::floor(q)) return kInfinity;
    if (s != std::floor(s)) return kNotANumber;
  }
  double sum = std::pow(q, -s), a = q, b = 0;
  for (int i = 0; i < 9 || a <= 9; ++i) {
    a += 1;
    b = std::pow(a, -s);
    sum += b;
    if (std::fabs(b) < kEpsilon / 2 * std::fabs(sum)) return sum;
  }
  sum += b * a / (s - 1) - b / 2;
  double rising = 1, k = 0;
  for (double factor : factors) {
    rising *= s + k;
    b /= a;
    double term = rising * b / factor;
    sum += term;
    if (std::fabs(term) < kEpsilon / 2 * std::fabs(sum)) return sum;
    k += 1;
    rising *= s + k;
    b /= a;
    k += 1;
  }
  return sum;
}

double digamma(double x) {
  if (x == 0) return std::copysign(kInfinity, -x);
  if (x < 0) return x == std::floor(x) ? kNotANumber : digamma(1 - x) - kPi / std::tan(kPi * (x - std::floor(x)));
  double shift = 0;
  for (; x < 10; x += 1) shift += 1 / x;
  double square = 1 / (x * x);
  constexpr double bernoulli[] = {1.0 / 12, -691.0 / 32760, 1.0 / 132, -1.0 / 240, 1.0 / 252, -1.0 / 120, 1.0 / 12};
  return std::log(x) - 0.5 / x - square * polynomial(square, bernoulli) - shift;
}

double trigamma(double x) {
  if (x > 0) return zeta(2, x);
  if (x == 0) return kInfinity;
  double sine = std::sin(kPi * x);
  return kPi * kPi / (sine * sine) - zeta(2, 1 - x);
}

// x^a exp(-x) / gamma(a) without the overflow of its factors
double gamma_density(double a, double x) {
  if (a < 10) return std::exp(a * std::log(x) - x - std::lgamma(a));
  // Stirling: lgamma(a) = (a - 1/2) log(a) - a + log(2 pi) / 2 + rest, and log(x / a) - (x - a) / a in one go
  double t = (x - a) / a;
  double exponent = std::fabs(t) < 0.3 ? std::log1p(t) - t : std::log(x / a) - t;
  double square = 1 / (a * a);
  constexpr double stirling[] = {1.0 / 1188, -1.0 / 1680, 1.0 / 1260, -1.0 / 360, 1.0 / 12};
  return std::sqrt(a / (2 * kPi)) * std::exp(a * exponent - polynomial(square, stirling) / a);
}

double lower_series(double a, double x) {
  double term = 1, sum = 1;
  for (double n = a + 1; term > kEpsilon / 4 * sum; n += 1) {
    term *= x / n;
    sum += term;
  }
  return gamma_density(a, x) * sum / a;
}

// Lentz's evaluation of the continued fraction of gamma(a, x)
double upper_fraction(double a, double x) {
  constexpr double tiny = 1e-300;
  double b = x + 1 - a, c = 1 / tiny, d = 1 / b, h = d;
  for (int i = 1; i < 100000; ++i) {
    double an = -i * (i - a);
    b += 2;
    d = an * d + b;
    d = 1 / (std::fabs(d) < tiny ? tiny : d);
    c = b + an / c;
    if (std::fabs(c) < tiny) c = tiny;
    double factor = d * c;
    h *= factor;
    if (std::fabs(factor - 1) < kEpsilon) break;
  }
  return gamma_density(a, x) * h;
}

// Regularized incomplete gamma function, lower or upper.
double incomplete_gamma(double a, double x, bool upper) {
  if (!(a >= 0) || !(x >= 0)) return kNotANumber;
  double at_zero = upper ? 1 : 0;
  if (a == 0) return x > 0 ? 1 - at_zero : kNotANumber;
  if (x == 0) return at_zero;
  if (std::isinf(a)) return std::isinf(x) ? kNotANumber : at_zero;
  if (std::isinf(x)) return 1 - at_zero;
  if (x < a + 1) {
    double lower = lower_series(a, x);
    return upper ? 1 - lower : lower;
  }
  double result = upper_fraction(a, x);
  return upper ? result : 1 - result;
}

// Orthogonal polynomials by their three-term recurrence: p(0) = 1, p(1) = first, p(k + 1) = step(k, p(k), p(k - 1)).
template <class Step>
double recurrence(double n, double first, Step step) {
  if (!(n > -1 && n < 0x1p63)) return 0;
  double before = 1, now = first;
  int64_t degree = static_cast<int64_t>(n);
  if (degree == 0) return 1;
  for (int64_t k = 1; k < degree && !std::isnan(now); ++k) {
    double next = step(static_cast<double>(k), now, before);
    before = now;
    now = next;
  }
  return now;
}

double chebyshev(double x, double n, double first) {
  return recurrence(n, first, [x](double, double now, double before) { return 2 * x * now - before; });
}

double modified_bessel_k(int order, double x, bool scaled) {
  if (std::isnan(x) || x < 0) return kNotANumber;
  if (x == 0) return kInfinity;
  if (x < 700) return std::cyl_bessel_k(order, x) * (scaled ? std::exp(x) : 1);
  double mu = 4.0 * order * order, y = 1 / (8 * x);
  double series = 1 + (mu - 1) * y * (1 + (mu - 9) * y / 2 * (1 + (mu - 25) * y / 3));
  return std::sqrt(kPi / (2 * x)) * series * (scaled ? 1 : std::exp(-x));
}

double airy_ai(double x) {
  if (std::isnan(x)) return x;
  if (std::isinf(x)) return 0;
  double z = 2.0 / 3 * std::pow(std::fabs(x), 1.5);
  if (z < 1e-8) return 0.35502805388781723926 - 0.25881940379280679840 * x;
  if (x > 0) return z > 700 ? 0 : std::sqrt(x / 3) / kPi * std::cyl_bessel_k(1.0 / 3, z);
  if (z > 1e5) return std::sin(z + kPi / 4) / (std::sqrt(kPi) * std::pow(-x, 0.25));
  // J(-1/3) = cos(pi/3) J(1/3) - sin(pi/3) Y(1/3)
  double j = std::cyl_bessel_j(1.0 / 3, z), y = std::cyl_neumann(1.0 / 3, z);
  return std::sqrt(-x) / 3 * (1.5 * j - std::sqrt(3.0) / 2 * y);
}

// M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution" (1988)
double normal_quantile(double p) {
  constexpr double centre[] = {2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
                               13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608};
  constexpr double centre_below[] = {5226.495278852854561,  28729.085735721942674, 39307.89580009271061,  21213.794301586595867,
                                     5394.1960214247511077, 687.1870074920579083,  42.313330701600911252, 1.0};
  constexpr double middle[] = {7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177,
                               1.27045825245236838258,   3.64784832476320460504,   5.7694972214606914055,
                               4.6303378461565452959,    1.42343711074968357734};
  constexpr double middle_below[] = {
      1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
      0.68976733498510000455,    1.6763848301838038494,   2.05319162663775882187,   1.0};
  constexpr double tail[] = {2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386,
                             0.026532189526576123093,   0.29656057182850489123,    1.7848265399172913358,
                             5.4637849111641143699,     6.6579046435011037772};
  constexpr double tail_below[] = {
      2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
      0.0148753612908506148525,   0.13692988092273580531,   0.59983220655588793769,   1.0};
  if (!(p >= 0 && p <= 1)) return kNotANumber;
  if (p == 0 || p == 1) return p == 0 ? -kInfinity : kInfinity;
  double q = p - 0.5;
  if (std::fabs(q) <= 0.425) {
    double r = 0.180625 - q * q;
    return q * polynomial(r, centre) / polynomial(r, centre_below);
  }
  double r = std::sqrt(-std::log(q < 0 ? p : 1 - p));
  double value = r <= 5 ? polynomial(r - 1.6, middle) / polynomial(r - 1.6, middle_below)
                        : polynomial(r - 5, tail) / polynomial(r - 5, tail_below);
  return q < 0 ? -value : value;
}

}  // namespace

extern "C" {

double kd_gcd(double x, double y) {
  return std::bit_cast<double>(std::gcd(std::bit_cast<int64_t>(x), std::bit_cast<int64_t>(y)));
}

double kd_zeta(double s, double q) { return zeta(s, q); }

double kd_polygamma(double n, double x) {
  if (n == 0) return digamma(x);
  if (n == 1) return trigamma(x);
  return (std::fmod(n, 2) == 0 ? -1 : 1) * std::tgamma(n + 1) * zeta(n + 1, x);
}

double kd_igamma(double a, double x) { return incomplete_gamma(a, x, false); }
double kd_igammac(double a, double x) { return incomplete_gamma(a, x, true); }
double kd_ndtri(double p) { return normal_quantile(p); }

double kd_bessel_j0(double x) { return ::j0(x); }
double kd_bessel_j1(double x) { return ::j1(x); }
double kd_bessel_y0(double x) { return x < 0 ? kNotANumber : ::y0(x); }
double kd_bessel_y1(double x) { return x < 0 ? kNotANumber : ::y1(x); }
double kd_modified_bessel_k0(double x) { return modified_bessel_k(0, x, false); }
double kd_modified_bessel_k1(double x) { return modified_bessel_k(1, x, false); }
double kd_scaled_modified_bessel_k0(double x) { return modified_bessel_k(0, x, true); }
double kd_scaled_modified_bessel_k1(double x) { return modified_bessel_k(1, x, true); }
double kd_airy_ai(double x) { return airy_ai(x); }

double kd_chebyshev_polynomial_t(double x, double n) { return chebyshev(x, n, x); }
double kd_chebyshev_polynomial_u(double x, double n) { return chebyshev(x, n, 2 * x); }
double kd_chebyshev_polynomial_v(double x, double n) { return chebyshev(x, n, 2 * x - 1); }
double kd_chebyshev_polynomial_w(double x, double n) { return chebyshev(x, n, 2 * x + 1); }
double kd_shifted_chebyshev_polynomial_t(double x, double n) { return kd_chebyshev_polynomial_t(2 * x - 1, n); }
double kd_shifted_chebyshev_polynomial_u(double x, double n) { return kd_chebyshev_polynomial_u(2 * x - 1, n); }
double kd_shifted_chebyshev_polynomial_v(double x, double n) { return kd_chebyshev_polynomial_v(2 * x - 1, n); }
double kd_shifted_chebyshev_polynomial_w(double x, double n) { return kd_chebyshev_polynomial_w(2 * x - 1, n); }

double kd_hermite_polynomial_h(double x, double n) {
  return recurrence(n, 2 * x, [x](double k, double now, double before) { return 2 * (x * now - k * before); });
}

double kd_hermite_polynomial_he(double x, double n) {
  return recurrence(n, x, [x](double k, double now, double before) { return x * now - k * before; });
}

double kd_laguerre_polynomial_l(double x, double n) {
  return recurrence(n, 1 - x,
                    [x](double k, double now, double before) { return ((2 * k + 1 - x) * now - k * before) / (k + 1); });
}

double kd_legendre_polynomial_p(double x, double n) {
  return recurrence(n, x, [x](double k, double now, double before) { return ((2 * k + 1) * x * now - k * before) / (k + 1); });
}

}  // extern "C"
