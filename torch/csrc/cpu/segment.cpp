// Reductions of runs of rows: sum, mean, max, min, prod over segments along one axis.
#include <cmath>
#include <limits>
#include <vector>

#include "copy.h"
#include "dispatch.h"
#include "kernels.h"
#include "threads.h"

namespace kindling::kernels {
namespace {

enum class Rule { Sum, Mean, Max, Min, Prod };

Rule rule_of(std::string_view name) {
  if (name == "sum") return Rule::Sum;
  if (name == "mean") return Rule::Mean;
  if (name == "max") return Rule::Max;
  if (name == "min") return Rule::Min;
  KD_CHECK(name == "prod", Runtime, "unsupported reduction given: ", name, "; it is one of sum, mean, max, min, prod");
  return Rule::Prod;
}

// data as [outer, rows, inner]; segment s of outer block o is rows [starts[o][s], starts[o][s + 1]).
struct Segments {
  int64_t outer = 1, rows = 1, inner = 1, count = 0;
  std::vector<int64_t> bounds;  // (count + 1) for each outer block

  Segments(const Tensor& data, const Tensor& lengths, const Tensor& offsets, int64_t axis, bool check) {
    KD_CHECK(lengths.defined() || offsets.defined(), Runtime, "segment_reduce(): Either lengths or offsets must be defined.");
    const Tensor given = contiguous_of(converted(lengths.defined() ? lengths : offsets, DType::int64));
    KD_CHECK(axis == given.dim() - 1, Runtime, "segment_reduce(): Expected axis to be the last dimension of ",
             lengths.defined() ? "lengths" : "offsets", " but got ", axis, ".");
    KD_CHECK(data.dim() > axis, Runtime, "segment_reduce(): Expected the data to have more dimensions than axis, got ",
             data.dim(), " and ", axis);
    for (int64_t d = 0; d < axis; d++) outer *= data.size(d);
    rows = data.size(axis);
    for (int64_t d = axis + 1; d < data.dim(); d++) inner *= data.size(d);
    const int64_t width = given.size(-1);
    count = lengths.defined() ? width : width - 1;
    if (given.is_meta()) return;
    const int64_t* p = given.data<int64_t>();
    for (int64_t o = 0; o < outer; o++) {
      int64_t at = 0;
      bounds.push_back(lengths.defined() ? 0 : p[o * width]);
      for (int64_t s = 0; s < count; s++) {
        at = lengths.defined() ? at + p[o * width + s] : p[o * width + s + 1];
        KD_CHECK(at >= bounds.back(), Runtime, "lengths contains negative value!");
        bounds.push_back(at);
      }
      KD_CHECK(!check || at == rows, Runtime,
               "segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when !unsafe.");
      KD_CHECK(at <= rows, Runtime, "segment_reduce(): segments end at row ", at, " of ", rows);
    }
  }
  int64_t begin(int64_t o, int64_t s) const { return bounds[o * (count + 1) + s]; }
  int64_t end(int64_t o, int64_t s) const { return bounds[o * (count + 1) + s + 1]; }

  // fn(o, s) for all segments, in several threads.
  template <class F>
  void each(F&& fn) const {
    const int64_t work = std::max<int64_t>(1, rows * inner / std::max<int64_t>(count, 1));
    parallel_for(0, outer * count, std::max<int64_t>(1, 32768 / work), [&](int64_t b, int64_t e) {
      for (int64_t i = b; i < e; i++) fn(i / count, i % count);
    });
  }
};

double start_of(Rule rule) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  return rule == Rule::Max ? -inf : rule == Rule::Min ? inf : rule == Rule::Prod ? 1 : 0;
}

template <class C>
C joined(Rule rule, C a, C b) {
  switch (rule) {
    case Rule::Max: return std::isnan(a) || a > b ? a : b;
    case Rule::Min: return std::isnan(a) || a < b ? a : b;
    case Rule::Prod: return a * b;
    default: return a + b;
  }
}

template <class C>
C reduced(Rule rule, C total, int64_t n, bool has_initial) {
  if (rule != Rule::Mean) return total;
  if (n) return total / C(n);
  return has_initial ? total : std::numeric_limits<C>::quiet_NaN();
}

// The product of all rows of a segment but `skip`, times the initial value.
template <class T>
compute_t<T> product_without(const T* p, int64_t step, int64_t begin, int64_t end, int64_t skip, compute_t<T> product) {
  for (int64_t r = begin; r < end; r++)
    if (r != skip) product *= load(p[r * step]);
  return product;
}

}  // namespace

Tensor segment_reduce(const Tensor& data, std::string_view reduce, const Tensor& lengths, const Tensor& indices,
                      const Tensor& offsets, int64_t axis, bool unsafe, std::optional<Scalar> initial) {
  KD_CHECK(!indices.defined(), Runtime, "segment_reduce(): indices based reduction is not supported yet.");
  axis = wrap_dim(axis, data.dim());
  const Rule rule = rule_of(reduce);
  const Segments s(data, lengths, offsets, axis, !unsafe && lengths.defined());
  Dims shape(data.sizes());
  shape[axis] = s.count;
  Tensor out = empty(shape, data.options());
  if (out.is_meta() || !out.numel()) return out;
  const Tensor x = contiguous_of(data);
  visit<kFloatsT | kHalvesT>(data.dtype(), "segment_reduce", [&](auto of) {
    using T = typename decltype(of)::type;
    using C = compute_t<T>;
    const C first = C(initial ? initial->to_double() : start_of(rule));
    s.each([&](int64_t o, int64_t k) {
      const T* p = x.data<T>() + o * s.rows * s.inner;
      T* to = out.data<T>() + (o * s.count + k) * s.inner;
      const int64_t begin = s.begin(o, k), end = s.end(o, k);
      for (int64_t i = 0; i < s.inner; i++) {
        C total = first;
        for (int64_t r = begin; r < end; r++) total = joined<C>(rule, total, load(p[r * s.inner + i]));
        to[i] = store_as<T>(reduced<C>(rule, total, end - begin, initial.has_value()));
      }
    });
  });
  return out;
}

Tensor _segment_reduce_backward(const Tensor& grad, const Tensor& output, const Tensor& data, std::string_view reduce,
                                const Tensor& lengths, const Tensor& offsets, int64_t axis, std::optional<Scalar> initial) {
  axis = wrap_dim(axis, data.dim());
  const Rule rule = rule_of(reduce);
  const Segments s(data, lengths, offsets, axis, false);
  Tensor out = empty(data.sizes(), data.options());
  if (out.is_meta() || !out.numel()) return out;
  fill_with(out, Scalar(0.0));
  const Tensor g = contiguous_of(grad), y = contiguous_of(output), x = contiguous_of(data);
  visit<kFloatsT | kHalvesT>(data.dtype(), "segment_reduce", [&](auto of) {
    using T = typename decltype(of)::type;
    using C = compute_t<T>;
    const C first = C(initial ? initial->to_double() : 1);
    s.each([&](int64_t o, int64_t k) {
      const int64_t begin = s.begin(o, k), end = s.end(o, k), at = (o * s.count + k) * s.inner, base = o * s.rows * s.inner;
      for (int64_t i = 0; i < s.inner; i++) {
        const C slope = load(g.data<T>()[at + i]), result = load(y.data<T>()[at + i]);
        const T* p = x.data<T>() + base + i;
        T* to = out.data<T>() + base + i;
        const auto attains = [&](int64_t r) {
          return load(p[r * s.inner]) == result || (is_nan(p[r * s.inner]) && std::isnan(result));
        };
        int64_t ties = 0;
        if (rule == Rule::Max || rule == Rule::Min)
          for (int64_t r = begin; r < end; r++) ties += attains(r);
        for (int64_t r = begin; r < end; r++) {
          const C value = load(p[r * s.inner]);
          C part = slope;
          if (rule == Rule::Mean) part = slope / C(end - begin);
          else if (rule == Rule::Prod)
            part =
                slope * (value == 0 || std::isnan(value) ? product_without<T>(p, s.inner, begin, end, r, first) : result / value);
          else if (rule != Rule::Sum) part = attains(r) ? slope / C(ties) : C(0);
          to[r * s.inner] = store_as<T>(part);
        }
      }
    });
  });
  return out;
}

}  // namespace kindling::kernels
