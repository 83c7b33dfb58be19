// Random operators that make or combine tensors: rand and its relatives, sampling from given probabilities, dropout's kernel.
#include <cmath>
#include <limits>

#include "kernels.h"
#include "ops.h"
#include "random.h"

namespace kindling {

using namespace random;

namespace {

Tensor make(IntList size, DType dtype, std::optional<Device> device, DType otherwise) {
  return empty(size, {dtype == DType::none ? otherwise : dtype, device.value_or(Device{})});
}

// Fills a new tensor of the layout of `like` with f(value of `like` in double, generator) in memory order.
template <class F>
Tensor sample_each(const Tensor& like, const char* name, Generator* generator, F f) {
  Tensor source = ops::contiguous(like), result = empty_like(source);
  if (result.is_meta()) return result;
  Draws draws(generator);
  visit<kFloatsT | kHalvesT>(result.dtype(), name, [&]<class T>(Of<T>) {
    const T* in = source.data<T>();
    T* out = result.data<T>();
    for (int64_t i = 0; i < result.numel(); i++) out[i] = store_as<T>(f(load_as<double>(in[i]), draws.g, Of<T>()));
  });
  return result;
}

// W. Hörmann, The transformed rejection method for generating Poisson random variables, 1993 (PTRS); Knuth's product below 10.
int64_t poisson_sample(double lambda, Generator& g) {
  KD_CHECK(lambda >= 0, Runtime, "invalid Poisson rate, expected rate to be non-negative");
  if (lambda == 0) return 0;
  if (lambda < 10) {
    const double stop = std::exp(-lambda);
    double product = 1;
    for (int64_t n = 0;; n++) {
      product *= g.uniform53();
      if (product <= stop) return n;
    }
  }
  const double b = 0.931 + 2.53 * std::sqrt(lambda), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), accept = 0.9277 - 3.6224 / (b - 2), log_lambda = std::log(lambda);
  for (;;) {
    const double u = g.uniform53() - 0.5, v = g.uniform53(), us = 0.5 - std::fabs(u);
    const int64_t k = int64_t(std::floor((2 * a / us + b) * u + lambda + 0.43));
    if (us >= 0.07 && v <= accept) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b) <=
        -lambda + double(k) * log_lambda - std::lgamma(double(k) + 1))
      return k;
  }
}

// log k! minus Stirling's formula
double stirling_rest(double k) {
  static const double first[] = {0.0810614667953272,  0.0413406959554092, 0.0276779256849983, 0.02079067210376509,
                                 0.0166446911898211,  0.0138761288230707, 0.0118967099458917, 0.0104112652619720,
                                 0.00925546218271273, 0.00833056343336287};
  if (k <= 9) return first[int(k)];
  const double square = (k + 1) * (k + 1);
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

// W. Hörmann, The generation of binomial random variates, 1993 (BTRS); p <= 0.5 and n p >= 10.
double binomial_rejection(double n, double p, Generator& g) {
  const double deviation = std::sqrt(n * p * (1 - p)), b = 1.15 + 2.53 * deviation, a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double c = n * p + 0.5, accept = 0.92 - 4.2 / b, r = p / (1 - p), alpha = (2.83 + 5.1 / b) * deviation;
  const double m = std::floor((n + 1) * p);
  for (;;) {
    const double u = g.uniform53() - 0.5;
    double v = g.uniform53();
    const double us = 0.5 - std::fabs(u), k = std::floor((2 * a / us + b) * u + c);
    if (us >= 0.07 && v <= accept) return k;
    if (k < 0 || k > n) continue;
    v = std::log(v * alpha / (a / (us * us) + b));
    const double bound = (m + 0.5) * std::log((m + 1) / (r * (n - m + 1))) + (n + 1) * std::log((n - m + 1) / (n - k + 1)) +
                         (k + 0.5) * std::log(r * (n - k + 1) / (k + 1)) + stirling_rest(m) + stirling_rest(n - m) -
                         stirling_rest(k) - stirling_rest(n - k);
    if (v <= bound) return k;
  }
}

// Counts geometric steps until they pass n.
double binomial_inversion(double n, double p, Generator& g) {
  const double log_miss = std::log1p(-p);
  double sum = 0, count = 0;
  for (;; count++) {
    sum += std::ceil(std::log(g.uniform53()) / log_miss);
    if (sum > n) return count;
  }
}

double binomial_sample(double n, double p, Generator& g) {
  if (n <= 0 || p <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - binomial_sample(n, 1 - p, g);
  if (p != p) return std::numeric_limits<double>::quiet_NaN();
  return n * p >= 10 ? binomial_rejection(n, p, g) : binomial_inversion(n, p, g);
}

// G. Marsaglia and W. Tsang, A simple method for generating gamma variables, 2000. The shape is of type A, the third a float,
// as in the stream that is reproduced.
template <class A>
double gamma_sample(A alpha, Generator& g) {
  if (alpha == 0) return 0;
  double scale = 1;
  if (alpha < 1) {
    scale = std::pow(1 - g.uniform53(), double(A(1) / alpha));
    alpha += 1;
  }
  const double d = alpha - 1.0f / 3.0f, c = 1 / std::sqrt(9 * d);
  for (;;) {
    double x, y;
    do {
      x = g.normal();
      y = 1 + c * x;
    } while (y <= 0);
    const double v = y * y * y, u = 1 - g.uniform53(), xx = x * x;
    if (u < 1 - 0.0331 * xx * xx || std::log(u) < 0.5 * xx + d * (1 - v + std::log(v))) return scale * d * v;
  }
}

// One row with replacement: the first category whose cumulative probability is not below a uniform.
template <class T>
void sample_row(const T* weights, compute_t<T>* cumulative, int64_t n, int64_t* out, int64_t samples, Generator& g) {
  using C = compute_t<T>;
  C sum = 0;
  for (int64_t i = 0; i < n; i++) {
    const C w = load(weights[i]);
    KD_CHECK(w >= 0, Runtime, "invalid multinomial distribution (encountering probability entry < 0)");
    KD_CHECK(std::isfinite(w), Runtime, "invalid multinomial distribution (encountering probability entry = infinity or NaN)");
    cumulative[i] = sum += w;
  }
  KD_CHECK(sum > 0, Runtime, "invalid multinomial distribution (sum of probabilities <= 0)");
  for (int64_t i = 0; i < n; i++) cumulative[i] /= sum;
  cumulative[n - 1] = 1;
  for (int64_t j = 0; j < samples; j++) {
    const double u = g.uniform53();
    out[j] = std::lower_bound(cumulative, cumulative + n, u, [](C c, double x) { return double(c) < x; }) - cumulative;
  }
}

}  // namespace

namespace kernels {

Tensor rand_generator(IntList size, Generator* generator, DType dtype, std::optional<Layout>, std::optional<Device> device,
                      std::optional<bool>) {
  return uniform_(make(size, dtype, device, default_dtype()), 0, 1, generator);
}

Tensor randn_generator(IntList size, Generator* generator, DType dtype, std::optional<Layout>, std::optional<Device> device,
                       std::optional<bool>) {
  return normal_(make(size, dtype, device, default_dtype()), 0, 1, generator);
}

Tensor randint_low_generator(int64_t low, int64_t high, IntList size, Generator* generator, DType dtype, std::optional<Layout>,
                             std::optional<Device> device, std::optional<bool>) {
  return random__from(make(size, dtype, device, DType::int64), low, high, generator);
}

Tensor rand(IntList size, DType dtype, std::optional<Layout> layout, std::optional<Device> device,
            std::optional<bool> pin_memory) {
  return rand_generator(size, nullptr, dtype, layout, device, pin_memory);
}
Tensor randn(IntList size, DType dtype, std::optional<Layout> layout, std::optional<Device> device,
             std::optional<bool> pin_memory) {
  return randn_generator(size, nullptr, dtype, layout, device, pin_memory);
}
Tensor randint(int64_t high, IntList size, DType dtype, std::optional<Layout> layout, std::optional<Device> device,
               std::optional<bool> pin_memory) {
  return randint_low_generator(0, high, size, nullptr, dtype, layout, device, pin_memory);
}
Tensor randint_low(int64_t low, int64_t high, IntList size, DType dtype, std::optional<Layout> layout,
                   std::optional<Device> device, std::optional<bool> pin_memory) {
  return randint_low_generator(low, high, size, nullptr, dtype, layout, device, pin_memory);
}
Tensor randint_generator(int64_t high, IntList size, Generator* generator, DType dtype, std::optional<Layout> layout,
                         std::optional<Device> device, std::optional<bool> pin_memory) {
  return randint_low_generator(0, high, size, generator, dtype, layout, device, pin_memory);
}
Tensor randperm(int64_t n, DType dtype, std::optional<Layout> layout, std::optional<Device> device,
                std::optional<bool> pin_memory) {
  return randperm_generator(n, nullptr, dtype, layout, device, pin_memory);
}

Tensor rand_like_generator(const Tensor& self, Generator* generator, DType dtype, std::optional<Layout> layout,
                           std::optional<Device> device, std::optional<bool> pin_memory, std::optional<MemoryFormat> format) {
  return uniform_(ops::empty_like(self, dtype, layout, device, pin_memory, format), 0, 1, generator);
}
Tensor randn_like_generator(const Tensor& self, Generator* generator, DType dtype, std::optional<Layout> layout,
                            std::optional<Device> device, std::optional<bool> pin_memory, std::optional<MemoryFormat> format) {
  return normal_(ops::empty_like(self, dtype, layout, device, pin_memory, format), 0, 1, generator);
}
Tensor rand_like(const Tensor& self, DType dtype, std::optional<Layout> layout, std::optional<Device> device,
                 std::optional<bool> pin_memory, std::optional<MemoryFormat> format) {
  return rand_like_generator(self, nullptr, dtype, layout, device, pin_memory, format);
}
Tensor randn_like(const Tensor& self, DType dtype, std::optional<Layout> layout, std::optional<Device> device,
                  std::optional<bool> pin_memory, std::optional<MemoryFormat> format) {
  return randn_like_generator(self, nullptr, dtype, layout, device, pin_memory, format);
}
Tensor randint_like_low_generator_dtype(const Tensor& self, int64_t low, int64_t high, Generator* generator, DType dtype,
                                        std::optional<Layout> layout, std::optional<Device> device,
                                        std::optional<bool> pin_memory, std::optional<MemoryFormat> format) {
  return random__from(ops::empty_like(self, dtype, layout, device, pin_memory, format), low, high, generator);
}
Tensor randint_like_low_dtype(const Tensor& self, int64_t low, int64_t high, DType dtype, std::optional<Layout> layout,
                              std::optional<Device> device, std::optional<bool> pin_memory, std::optional<MemoryFormat> format) {
  return randint_like_low_generator_dtype(self, low, high, nullptr, dtype, layout, device, pin_memory, format);
}
Tensor randint_like(const Tensor& self, int64_t high, DType dtype, std::optional<Layout> layout, std::optional<Device> device,
                    std::optional<bool> pin_memory, std::optional<MemoryFormat> format) {
  return randint_like_low_generator_dtype(self, 0, high, nullptr, dtype, layout, device, pin_memory, format);
}
Tensor randint_like_generator(const Tensor& self, int64_t high, Generator* generator, DType dtype, std::optional<Layout> layout,
                              std::optional<Device> device, std::optional<bool> pin_memory, std::optional<MemoryFormat> format) {
  return randint_like_low_generator_dtype(self, 0, high, generator, dtype, layout, device, pin_memory, format);
}
Tensor randint_like_Tensor(const Tensor& self, const Tensor& high, DType dtype, std::optional<Layout> layout,
                           std::optional<Device> device, std::optional<bool> pin_memory, std::optional<MemoryFormat> format) {
  return randint_like_low_generator_dtype(self, 0, item(high).to_int(), nullptr, dtype, layout, device, pin_memory, format);
}

// ---- normal with tensors for its parameters: z * std + mean, two roundings ----
Tensor normal_Tensor_Tensor(const Tensor& mean, const Tensor& std, Generator* generator) {
  KD_CHECK(!std.is_complex(), Runtime, "normal expects standard deviation to be non-complex");
  Tensor result = empty(broadcast_shapes(mean.sizes(), std.sizes()), mean.options());
  if (!result.is_meta() && std.numel() > 0)
    KD_CHECK(item(ops::min(std)).to_double() >= 0, Runtime, "normal expects all elements of std >= 0.0");
  normal_(result, 0, 1, generator);
  if (result.is_meta()) return result;
  return ops::add__Tensor(ops::mul__Tensor(result, std), mean);
}
Tensor normal_Tensor_float(const Tensor& mean, double std, Generator* generator) {
  Tensor result = normal_(empty_like(mean), 0, std, generator);
  return result.is_meta() ? result : ops::add__Tensor(result, mean);
}
Tensor normal_float_Tensor(double mean, const Tensor& std, Generator* generator) {
  KD_CHECK(!std.is_complex(), Runtime, "normal expects standard deviation to be non-complex");
  Tensor result = empty_like(std);
  if (!result.is_meta() && std.numel() > 0)
    KD_CHECK(item(ops::min(std)).to_double() >= 0, Runtime, "normal expects all elements of std >= 0.0");
  normal_(result, 0, 1, generator);
  return result.is_meta() ? result : ops::add__Scalar(ops::mul__Tensor(result, std), mean);
}
Tensor normal_float_float(double mean, double std, IntList size, Generator* generator, DType dtype, std::optional<Layout>,
                          std::optional<Device> device, std::optional<bool>) {
  return normal_(make(size, dtype, device, default_dtype()), mean, std, generator);
}

// ---- Bernoulli with a tensor of probabilities: one 24-bit uniform an element, 53-bit when they are float64 ----
Tensor bernoulli__Tensor(const Tensor& self, const Tensor& p, Generator* generator) {
  check_writable(self);
  if (!is_floating(p.dtype())) fail_dtype("bernoulli_tensor_cpu_p_", p.dtype());
  if (self.is_meta()) return self;
  if (p.numel() > 0) {
    const double low = item(ops::min(p)).to_double(), high = item(ops::max(p)).to_double();
    KD_CHECK(low >= 0 && high <= 1, Runtime, "Expected p_in >= 0 && p_in <= 1 to be true, but got false. ",
             "The probabilities lie in [", low, ", ", high, "]");
  }
  Tensor u = empty_like(self, p.dtype() == DType::float64 ? DType::float64 : DType::float32);
  {
    Draws draws(generator);
    if (u.dtype() == DType::float64) fill<double, kFloatsT>(u, "bernoulli", [&](double* x, int64_t n) { draws.g.fill53(x, n); });
    else fill<float, kFloatsT>(u, "bernoulli", [&](float* x, int64_t n) { draws.g.fill24(x, n); });
  }
  return ops::copy_(self, ops::lt_Tensor(u, p));
}
Tensor bernoulli(const Tensor& self, Generator* generator) { return bernoulli__Tensor(empty_like(self), self, generator); }
Tensor bernoulli_p(const Tensor& self, double p, Generator* generator) {
  return bernoulli__float(empty_like(self), p, generator);
}
Tensor bernoulli_Tensor(const Tensor& self, const Tensor& p, Generator* generator) {
  return bernoulli__Tensor(empty_like(self), p, generator);
}

Tensor multinomial(const Tensor& self, int64_t num_samples, bool replacement, Generator* generator) {
  KD_CHECK(self.dim() == 1 || self.dim() == 2, Runtime, "prob_dist must be 1 or 2 dim");
  KD_CHECK(is_floating(self.dtype()), Runtime,
           "multinomial only supports floating-point dtypes for input, got: ", legacy_name(self.dtype()));
  KD_CHECK(num_samples > 0, Runtime, "cannot sample n_sample <= 0 samples");
  const int64_t n = self.size(-1);
  KD_CHECK(replacement || num_samples <= n, Runtime, "cannot sample n_sample > prob_dist.size(-1) samples without replacement");
  KD_CHECK(n <= (int64_t(1) << 24), Runtime, "number of categories cannot exceed 2^24");
  Dims sizes(self.sizes());
  sizes.back() = num_samples;
  Tensor result = empty(sizes, {DType::int64, self.device()});
  if (result.is_meta() || result.numel() == 0) return result;
  if (replacement && num_samples > 1) {
    Tensor weights = ops::contiguous(self);
    Draws draws(generator);
    visit<kFloatsT | kHalvesT>(self.dtype(), "multinomial", [&]<class T>(Of<T>) {
      std::vector<compute_t<T>> cumulative(n);
      for (int64_t row = 0; row < self.numel() / n; row++)
        sample_row(weights.data<T>() + row * n, cumulative.data(), n, result.data<int64_t>() + row * num_samples, num_samples,
                   draws.g);
    });
    return result;
  }
  // The k largest of w / q with q exponential are k draws without replacement.
  const double low = item(ops::min(self)).to_double(), high = item(ops::max(self)).to_double();
  KD_CHECK(low >= 0 && high < std::numeric_limits<double>::infinity(), Runtime,
           "probability tensor contains either `inf`, `nan` or element < 0");
  KD_CHECK(item(ops::min(ops::sum_dim_IntList(self, Dims{-1}, false, DType::none))).to_double() > 0, Runtime,
           "invalid multinomial distribution (sum of probabilities <= 0)");
  Tensor race = ops::div_Tensor(self, exponential_(empty_like(self), 1, generator));
  if (num_samples == 1) return ops::argmax(race, -1, true);
  return std::get<1>(ops::topk(race, num_samples, -1, true, true));
}

Tensor poisson(const Tensor& self, Generator* generator) {
  return sample_each(self, "poisson_cpu", generator,
                     [](double rate, Generator& g, auto) { return double(poisson_sample(rate, g)); });
}

Tensor binomial(const Tensor& count, const Tensor& prob, Generator* generator) {
  const Dims sizes = broadcast_shapes(count.sizes(), prob.sizes());
  Tensor n = ops::contiguous(ops::expand(count, sizes)),
         p = ops::contiguous(ops::expand(ops::to_dtype(prob, count.dtype()), sizes));
  Tensor result = empty_like(n);
  if (result.is_meta()) return result;
  Draws draws(generator);
  visit<kFloatsT | kHalvesT>(n.dtype(), "binomial_cpu", [&]<class T>(Of<T>) {
    for (int64_t i = 0; i < result.numel(); i++)
      result.data<T>()[i] =
          store_as<T>(binomial_sample(load_as<double>(n.data<T>()[i]), load_as<double>(p.data<T>()[i]), draws.g));
  });
  return result;
}

Tensor _standard_gamma(const Tensor& self, Generator* generator) {
  return sample_each(self, "gamma", generator, [](double alpha, Generator& g, auto tag) {
    using T = typename decltype(tag)::type;
    const double least = std::same_as<T, double> ? std::numeric_limits<double>::min()
                         : std::same_as<T, half> ? 0x1p-14
                                                 : double(std::numeric_limits<float>::min());
    return std::max(least, gamma_sample(compute_t<T>(alpha), g));
  });
}

// The derivative of a gamma sample by its shape, other things equal: -(dP/da) / p with P the distribution function and p its density.
// P = x^a e^-x / Gamma(a + 1) * sum of x^n / ((a + 1) ... (a + n)), differentiated term by term; for large shapes, where the series
// is long, the derivative of Marsaglia and Tsang's cube.
static double gamma_sample_grad(double a, double x) {
  if (x <= 0 || a <= 0) return 0;
  if (a > 500) {
    const double d = a - 1.0 / 3, c = 1 / std::sqrt(9 * d), cube = std::cbrt(x / d), z = (cube - 1) / c;
    return cube * cube * cube - 1.5 * cube * cube * z * c;
  }
  double term = 1, slope = 0, sum = 1, slopes = 0;  // of one term: value, and minus its logarithmic derivative
  for (int n = 1; n < 20000; n++) {
    term *= x / (a + n);
    slope += 1 / (a + n);
    sum += term;
    slopes += term * slope;
    if (n > x && term < 1e-17 * sum) break;
  }
  constexpr double h = 1e-5;
  const double digamma = a > 1 ? (std::lgamma(a + 1 + h) - std::lgamma(a + 1 - h)) / (2 * h)
                               : (std::lgamma(a + 2 + h) - std::lgamma(a + 2 - h)) / (2 * h) - 1 / (a + 1);
  // P / p = x / a * sum, since p = x^(a - 1) e^-x / Gamma(a)
  return -(x / a) * (sum * (std::log(x) - digamma) - slopes);
}

Tensor _standard_gamma_grad(const Tensor& self, const Tensor& output) {
  const Tensor shape = ops::contiguous(self), sample = ops::contiguous(output);
  Tensor result = empty_like(shape);
  if (result.is_meta()) return result;
  visit<kFloatsT | kHalvesT>(shape.dtype(), "_standard_gamma_grad_cpu", [&]<class T>(Of<T>) {
    for (int64_t i = 0; i < result.numel(); i++)
      result.data<T>()[i] =
          store_as<T>(gamma_sample_grad(load_as<double>(shape.data<T>()[i]), load_as<double>(sample.data<T>()[i])));
  });
  return result;
}

Tensor _sample_dirichlet(const Tensor& self, Generator* generator) {
  Tensor gamma = _standard_gamma(self, generator);
  return gamma.is_meta() ? gamma : ops::div_Tensor(gamma, ops::sum_dim_IntList(gamma, Dims{-1}, true, DType::none));
}

std::tuple<Tensor, Tensor> native_dropout(const Tensor& input, double p, std::optional<bool> train) {
  if (input.numel() == 0) return {ops::clone(input), empty_like(input, DType::bool_)};
  if (!train.value_or(true)) return {ops::clone(input), ops::fill__Scalar(empty_like(input, DType::bool_), true)};
  if (p == 1) return {ops::zeros_like(input), ops::fill__Scalar(empty_like(input, DType::bool_), false)};
  Tensor mask = bernoulli__float(empty_like(input, DType::bool_), 1 - p, nullptr);
  return {ops::mul_Tensor(input, ops::mul_Scalar(ops::to_dtype(mask, input.dtype()), 1 / (1 - p))), mask};
}

// Negative inputs times a slope drawn from [lower, upper), which `noise` keeps; without training, the slope in the middle.
Tensor rrelu_with_noise(const Tensor& self, const Tensor& noise, const Scalar& lower, const Scalar& upper, bool training,
                        Generator* generator) {
  const double low = lower.to_double(), high = upper.to_double();
  KD_CHECK(low <= high, Runtime, "Lower bound should be less than or equal to the upper bound, got lower bound: ", low,
           " and upper bound: ", high);
  if (!training) return ops::leaky_relu(self, (low + high) / 2);
  KD_CHECK(same(self.sizes(), noise.sizes()), Runtime, "rrelu_with_noise: noise must have the shape of self, ", self.sizes(),
           ", but has ", noise.sizes());
  Tensor source = ops::contiguous(self), slopes = empty(self.sizes(), self.options()), result = empty_like(slopes);
  if (result.is_meta()) return result;
  Draws draws(generator);
  visit<kFloatsT | kHalvesT>(self.dtype(), "rrelu_with_noise_out_cpu", [&]<class T>(Of<T>) {
    const T* in = source.data<T>();
    for (int64_t i = 0; i < result.numel(); i++) {
      const compute_t<T> x = load(in[i]);
      const T slope = store_as<T>(x <= 0 ? compute_t<T>(draws.g.uniform53() * (high - low) + low) : compute_t<T>(1));
      slopes.data<T>()[i] = slope;
      result.data<T>()[i] = store_as<T>(x * load(slope));
    }
  });
  ops::copy_(noise, slopes);
  return result;
}

}  // namespace kernels
}  // namespace kindling
