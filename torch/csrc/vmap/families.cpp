// Rules that serve whole families of operators.
#include "../dispatch/state.h"
#include "rules.h"

namespace kindling {

namespace {

// Calls `f(tensor)` for the tensor arguments, elements of lists too.
template <class F>
void each_tensor(const VmapCall& c, F&& f) {
  for (int i = 0; i < c.op.nargs; i++) {
    if (c.args[i].is_tensor()) f(c.args[i].tensor());
    for (const Value& e : c.args[i].list())
      if (e.is_tensor()) f(e.tensor());
  }
}

// Replaces the tensor arguments by `f(tensor)`.
template <class F>
void replace_tensors(const VmapCall& c, Arguments& a, F&& f) {
  for (int i = 0; i < c.op.nargs; i++) {
    if (c.args[i].is_tensor()) {
      a.set(i, OwnedValue(f(c.args[i].tensor())));
    } else if (c.args[i].tag == Tag::List && c.op.args[i].type == Type::Tensor) {
      SmallVec<Tensor, 8> list;
      for (const Value& e : c.args[i].list()) list.push_back(e.is_tensor() ? f(e.tensor()) : Tensor());
      a.set(i, OwnedValue::tensors({list.data(), size_t(list.size())}));
    }
  }
}

// A layout of four or five dimensions means nothing with one more in front.
void drop_formats(const VmapCall& c, Arguments& a) {
  for (int i = 0; i < c.op.nargs; i++)
    if (c.args[i].tag == Tag::MemoryFormat && c.args[i].memory_format() != MemoryFormat::contiguous &&
        c.args[i].memory_format() != MemoryFormat::preserve)
      a.values[i] = Value();
}

}  // namespace

// ---- element-wise ----

// A batch of 0-dim tensors has one dimension, which must not weigh more in type promotion than none.
static void keep_promotion(const VmapCall& c, Arguments& a) {
  ResultType example;
  for (int i = 0; i < c.op.nargs; i++)
    if (c.args[i].is_tensor()) example.add(c.tensor(i));
    else if (c.args[i].is_number() && c.op.args[i].type == Type::Tensor) example.add(c.args[i].scalar());
  DType meant = example.get();
  for (int i = 0; i < c.op.nargs; i++) {
    if (!c.args[i].is_tensor() || !c.batched(i) || c.tensor(i).dim()) continue;
    Tensor t = a.values[i].tensor();
    if (t.dtype() != meant && promote(t.dtype(), meant) != meant)
      a.set(i, OwnedValue(ops::to_dtype(t, meant, false, false, std::nullopt)));
  }
}

void vmap_broadcast(VmapCall& c) {
  int64_t rank = 0;
  bool scalars = false;
  each_tensor(c, [&](const Tensor& t) {
    rank = std::max(rank, t.dim());
    scalars |= t.dim() == 0 && c.batched(Value(t));
  });
  Arguments a(c.op, c.args);
  {
    BelowLevel below(c.level);
    replace_tensors(c, a, [&](const Tensor& t) { return c.batched(Value(t)) ? with_rank(c.front(t), rank) : t; });
    if (scalars && rank && c.op.family == Family::Pointwise && !c.op.inplace) keep_promotion(c, a);
  }
  drop_formats(c, a);
  c.run(a);
}

// ---- one more leading dimension ----

namespace {

// The number of dimensions that the numbers of dimensions count.
int64_t counted_rank(const VmapCall& c) {
  std::string_view name = c.op.name;
  bool grows = name == "unsqueeze" || name == "unsqueeze_" || name == "stack";
  for (int i = 0; i < c.op.nargs; i++) {
    const Value& v = c.args[i];
    if (c.op.args[i].role == ArgRole::Size && std::string_view(c.op.args[i].name) == "input_sizes")
      return int64_t(v.ints().size());
    if (v.tag == Tag::List && v.len && v.list()[0].is_tensor()) return v.list()[0].tensor().dim() + grows;
  }
  for (int i = 0; i < c.op.nargs; i++)
    if (c.args[i].is_tensor()) return c.tensor(i).dim() + grows;
  return 0;
}

Dims moved(IntList dims, int64_t rank) {
  Dims out;
  for (int64_t d : dims) out.push_back(wrap_dim(d, rank) + 1);
  return out;
}

Dims all_dims(int64_t rank) {
  Dims out;
  for (int64_t d = 1; d <= rank; d++) out.push_back(d);
  return out;
}

}  // namespace

// Sizes as they are with the batch in front; `pad` is the rank that the tensor itself needs where new dimensions come first.
static OwnedValue sizes_with_batch(const VmapCall& c, int i, int64_t& pad) {
  IntList sizes = c.args[i].ints();
  std::string_view name = c.op.args[i].name;
  if (name == "size" || name == "repeats") pad = std::max(pad, int64_t(sizes.size()));
  return OwnedValue(Value(prepended(name == "repeats" ? 1 : c.batch, sizes)));
}

// A reduction over everything is one over everything but the batch; keepdim puts the dimensions back.
static void reduce_all(VmapCall& c, Arguments& a, int dim, int64_t rank) {
  {
    BelowLevel below(c.level);
    a.set(0, OwnedValue(ops::reshape(a.values[0].tensor(), Dims{c.batch, c.batch ? -1 : c.tensor(0).numel()})));
  }
  a.set(dim, OwnedValue(int64_t(1)));
  c.run(a);
  bool keepdim = false;
  for (int i = 0; i < c.op.nargs; i++)
    if (std::string_view(c.op.args[i].name) == "keepdim") keepdim = c.args[i].to_bool();
  if (!keepdim) return;
  BelowLevel below(c.level);
  for (int i = 0; i < c.op.nrets; i++) {
    Dims sizes(rank + 1, 1);
    sizes[0] = c.batch;
    c.set(i, ops::reshape(c.front(c.rets[i].tensor()), sizes));
  }
}

void vmap_shift(VmapCall& c) {
  const int64_t rank = counted_rank(c), counted = std::max<int64_t>(rank, 1);
  Arguments a(c.op, c.args);
  int64_t pad = 0;
  bool dims = false;
  int open = -1;  // an optional dim that is not given
  for (int i = 0; i < c.op.nargs; i++) {
    const ArgSchema& s = c.op.args[i];
    if (s.role == ArgRole::Size && c.args[i].tag == Tag::Ints) a.set(i, sizes_with_batch(c, i, pad));
    if (s.role != ArgRole::Dim) continue;
    dims = true;
    bool everything = c.op.family == Family::Reduction && (c.args[i].is_none() || (c.args[i].tag == Tag::Ints && !c.args[i].len));
    if (everything && s.list) a.set(i, OwnedValue(Value(all_dims(counted))));
    else if (everything) open = i;
    else if (c.args[i].tag == Tag::Ints) a.set(i, OwnedValue(Value(moved(c.args[i].ints(), counted))));
    else if (c.args[i].tag == Tag::Int) a.set(i, OwnedValue(wrap_dim(c.args[i].to_int(), counted) + 1));
  }
  const bool bare = dims && rank == 0;  // 0-dim tensors pass as tensors of one element
  {
    BelowLevel below(c.level);
    replace_tensors(c, a, [&](const Tensor& t) {
      Tensor v = c.spread(t);
      if (bare) return ops::unsqueeze(v, 1);
      return pad > t.dim() ? with_rank(v, pad) : v;
    });
  }
  drop_formats(c, a);
  if (open >= 0) return reduce_all(c, a, open, rank);
  c.run(a);
  if (!bare || c.op.inplace) return;
  BelowLevel below(c.level);
  for (int i = 0; i < c.op.nrets; i++) {
    if (c.rets[i].tag != Tag::Tensor) continue;
    Tensor v = c.front(c.rets[i].tensor());
    if (v.dim() == 2 && v.size(1) == 1) c.set(i, ops::squeeze_dim(v, 1));
  }
}

// The sizes of the examples change: the tensor goes over to a view of its value. resize_ is done to an alias of that.
void vmap_restride(VmapCall& c) {
  Tensor self = c.tensor(0);
  if (const Op* view = functional_of(c.op)) {
    BelowAutograd recorded;
    OwnedValue result;
    call(*view, c.args, &result);
    const BatchStorage& b = batch_of(result.tensor_);
    return set_batched(self, b.value, b.dim);
  }
  Tensor value;
  {
    BelowLevel below(c.level);
    value = ops::alias(c.front(self));
  }
  Tensor example = make_batched(value, 0, c.level);
  SmallVec<Value, 8> args(std::span<const Value>(c.args, c.op.nargs));
  args[0] = example;
  VmapCall inner{c.op, args.data(), c.rets, c.level, c.batch};
  vmap_shift(inner);
  set_batched(self, value, 0);
}

// ---- independent items ----

void vmap_merge_items(VmapCall& c, int sample) {
  Arguments a(c.op, c.args);
  int64_t items = -1;  // of one example; -1: an example is one item
  for (int i = 0; i < c.op.nargs; i++)
    if (c.args[i].is_tensor() && c.tensor(i).dim() == sample + 1) {
      items = c.tensor(i).size(0);
      break;
    }
  {
    BelowLevel below(c.level);
    replace_tensors(c, a, [&](const Tensor& t) {
      Tensor v = c.spread(t);
      return items < 0 ? v : merged(v);
    });
  }
  for (int i = 0; i < c.op.nargs; i++) {
    if (c.op.args[i].role != ArgRole::Size || c.args[i].tag != Tag::Ints) continue;
    Dims sizes(c.args[i].ints());
    if (items < 0) sizes.insert(0, c.batch);
    else sizes[0] *= c.batch;
    a.set(i, OwnedValue(Value(sizes)));
  }
  c.run(a);
  if (items < 0) return;
  BelowLevel below(c.level);
  for (int i = 0; i < c.op.nrets; i++)
    if (c.rets[i].is_tensor()) c.set(i, parted(c.front(c.rets[i].tensor()), c.batch, items));
}

// ---- operators that are written in others, or look at no values ----

const Op* functional_of(const Op& op) {
  if (op.functional) return op.functional;
  std::string_view name = op.name;
  name.remove_suffix(1);
  const Op* found = find_op(name, op.overload);
  return found ? found : find_op(name, "int");
}

void vmap_body(VmapCall& c) {
  BelowAutograd below;  // what it stands for has been recorded
  if (c.op.family == Family::PyComposite) return python_composite(c.op, c.args, c.rets);
  if (!c.op.inplace) return c.op.kernel(c.op, c.args, c.rets);
  const Op& functional = *functional_of(c.op);
  Arguments a(functional, c.args);
  OwnedValue result;
  call(functional, a.values.data(), &result);
  ops::copy_(c.tensor(0), result.tensor(), false);
}

void vmap_as_is(VmapCall& c) { c.op.kernel(c.op, c.args, c.rets); }

// ---- each example by itself ----

namespace {

// The arguments of example `i`.
Arguments example(const VmapCall& c, int64_t i) {
  Arguments a(c.op, c.args);
  replace_tensors(c, a, [&](const Tensor& t) {
    if (!is_batched_at(t.get(), c.level)) return t;
    const BatchStorage& b = batch_of(t.get());
    if (c.batch == 0) return ops::new_zeros(b.value, t.sizes(), DType::none, std::nullopt, std::nullopt, std::nullopt);
    return ops::select_int(b.value, b.dim, i);
  });
  return a;
}

Tensor stacked(const VmapCall& c, std::vector<Tensor>& parts) {
  if (!parts[0].defined()) return {};
  Tensor all = ops::stack(parts, 0);
  return c.batch == 0 ? ops::narrow(all, 0, 0, 0) : all;
}

}  // namespace

void loop_examples(VmapCall& c, const std::function<void()>& before) {
  const int64_t n = std::max<int64_t>(c.batch, 1);
  std::vector<std::vector<OwnedValue>> results;
  BelowLevel below(c.level);
  for (int64_t i = 0; i < n; i++) {
    Arguments a = example(c, i);
    if (before) before();
    results.emplace_back(size_t(c.op.nrets));
    call(c.op, a.values.data(), results.back().data());
  }
  if (c.op.inplace) return;
  for (int r = 0; r < c.op.nrets; r++) {
    if (c.op.rets[r].type != Type::Tensor) {
      vmap_refused(c);
    } else if (results[0][size_t(r)].tag == Tag::List) {
      std::vector<Tensor> list;
      for (size_t e = 0; e < results[0][size_t(r)].list().size(); e++) {
        std::vector<Tensor> parts;
        for (auto& one : results) parts.push_back(one[size_t(r)].list()[e].tensor());
        list.push_back(c.wrap(stacked(c, parts)));
      }
      c.rets[r] = OwnedValue::tensors(list);
    } else {
      std::vector<Tensor> parts;
      for (auto& one : results) parts.push_back(one[size_t(r)].tensor());
      c.set(r, stacked(c, parts));
    }
  }
}

void vmap_loop(VmapCall& c) { loop_examples(c, {}); }

void vmap_dynamic(VmapCall& c) {
  fail(ErrorKind::Runtime,
       "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over aten::", c.op.name,
       ". Please file an issue at https://github.com/pytorch/pytorch/issues if you need this feature.");
}

void vmap_refused(VmapCall& c) {
  fail(ErrorKind::Runtime, "Batching rule not implemented for aten::", c.op.name, *c.op.overload ? "." : "", c.op.overload,
       ". We could not generate a fallback.");
}

void vmap_item(VmapCall& c) { item(c.tensor(0)); }

void vmap_data_dependent(VmapCall& c) {
  fail(ErrorKind::Runtime, "vmap over torch.", c.op.name,
       " isn't supported yet: its result, a Python bool, would have to differ between the examples.");
}

}  // namespace kindling
