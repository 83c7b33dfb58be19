#include "widen.h"

#include <vector>

#include "convert.h"
#include "copy.h"
#include "views.h"

namespace kindling {

namespace {

bool is_wide_unsigned(DType d) { return d == DType::uint16 || d == DType::uint32 || d == DType::uint64; }

DType signed_of(DType d) { return d == DType::uint16 ? DType::int16 : d == DType::uint32 ? DType::int32 : DType::int64; }

struct Widening {
  DType given, wide;

  explicit Widening(DType d) : given(d), wide(is_wide_unsigned(d) ? signed_of(d) : compute_dtype(d)) {}

  // complex32 and float16 go together, as the real and imaginary parts of one are the other
  bool serves(DType d) const { return d == given || (!is_float8(d) && to_complex(d) == to_complex(given)); }
  bool mixes(DType d) const {
    return is_integral(given) ? d != given && is_integral(d) && d == wide : is_differentiable(d) && !serves(d);
  }
  Tensor in(const Tensor& t) const {
    if (is_integral(given)) return t.dtype() == given ? reinterpreted(t, wide) : t;
    return serves(t.dtype()) ? converted(t, compute_dtype(t.dtype())) : t;
  }
  Tensor back(const Tensor& t) const {
    if (is_integral(given)) return t.dtype() == wide ? reinterpreted(t, given) : t;
    if (t.dtype() == to_real(wide)) return converted(t, to_real(given));
    return t.is_complex() && is_complex(to_complex(given)) ? converted(t, to_complex(given)) : t;
  }
};

template <class F>
void each_tensor(const Op& op, const Value* args, F&& f) {
  for (int i = 0; i < op.nargs; i++) {
    if (args[i].is_tensor()) f(args[i].tensor_->dtype);
    for (const Value& v : args[i].list())
      if (v.is_tensor()) f(v.tensor_->dtype);
  }
}

}  // namespace

bool call_widened(const Op& op, const Value* args, OwnedValue* rets, uint32_t narrow) {
  DType given = DType::none;
  each_tensor(op, args, [&](DType d) {
    if (given == DType::none && narrow >> int(d) & 1) given = d;
  });
  const Widening w(given);
  bool mixed = false;
  each_tensor(op, args, [&](DType d) { mixed |= w.mixes(d); });
  if (mixed) return false;

  std::vector<Tensor> kept;
  std::vector<std::vector<Value>> lists;
  std::vector<Value> wide(args, args + op.nargs);
  auto widen = [&](Value& v) {
    if (!v.is_tensor()) return;
    kept.push_back(w.in(v.tensor()));
    v = Value(kept.back());
  };
  for (Value& v : wide) {
    widen(v);
    if (v.tag != Tag::List) continue;
    lists.emplace_back(v.list().begin(), v.list().end());
    for (Value& element : lists.back()) widen(element);
    v = Value(std::span<const Value>(lists.back()));
  }
  op.kernel(op, wide.data(), rets);
  for (int i = 0; i < op.nrets; i++) {
    if (rets[i].is_tensor()) rets[i] = OwnedValue(w.back(rets[i].tensor()));
    if (rets[i].tag != Tag::List) continue;
    std::vector<Tensor> results;
    for (const Value& v : rets[i].list()) results.push_back(w.back(v.tensor()));
    rets[i] = OwnedValue::tensors(results);
  }
  for (int i = 0, written = 0; i < op.nargs; i++) {  // results of in-place operators are what they wrote to
    if (!op.args[i].write) continue;
    const Tensor target = args[i].tensor();
    if (wide[i].tensor_ != target.get() && !is_integral(given)) copy_into(target, wide[i].tensor());
    if (written < op.nrets) rets[written++] = OwnedValue(target);
  }
  return true;
}

}  // namespace kindling
