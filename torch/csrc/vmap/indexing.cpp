// Rules of operators that find elements by index.
#include "../dispatch/state.h"
#include "rules.h"

namespace kindling {

namespace {

Tensor numbers(const VmapCall& c, const Tensor& like) {
  return ops::arange(Scalar(c.batch), DType::int64, std::nullopt, like.device(), std::nullopt);
}

// 0, 1, ... along the batch, shaped to broadcast against `rank` more dimensions.
Tensor batch_numbers(const VmapCall& c, const Tensor& like, int64_t rank) {
  Dims sizes(rank + 1, 1);
  sizes[0] = c.batch;
  return ops::view(numbers(c, like), sizes);
}

// The list self[indices] of one example: masks as the indices of their true elements, missing ones at the end left out.
struct Indices {
  std::vector<Tensor> list;
  bool any_batched = false;
  int64_t first = 0;     // position of the first tensor
  int64_t rank = 0;      // of the broadcast indices
  int64_t used = 0;      // dimensions of self that are indexed
  bool adjacent = true;  // no full slice between tensors: the result has the index dimensions at `first`, else in front

  Indices(const VmapCall& c, const Value& v) {
    for (const Value& e : v.list()) {
      Tensor t = e.tensor();
      bool mask = t.defined() && (t.dtype() == DType::bool_ || t.dtype() == DType::uint8);
      KD_CHECK(
          !mask || !c.batched(e), Runtime,
          "vmap: We do not support batching operators that can support dynamic shape. Attempting to batch over indexing with a "
          "boolean mask.");
      if (!mask) {
        list.push_back(t);
        continue;
      }
      Tensor places = ops::nonzero(t);
      for (int64_t d = 0; d < t.dim(); d++) list.push_back(ops::select_int(places, 1, d));
    }
    while (!list.empty() && !list.back().defined()) list.pop_back();
    int64_t last = -1;
    for (size_t i = 0; i < list.size(); i++) {
      if (!list[i].defined()) continue;
      if (last < 0) first = int64_t(i);
      else adjacent &= int64_t(i) == last + 1;
      last = int64_t(i);
      used++;
      rank = std::max(rank, list[i].dim());
      any_batched |= c.batched(Value(list[i]));
    }
  }
  int64_t place() const { return adjacent ? first : 0; }  // of the index dimensions in the result
  // With the batch as another indexed dimension in front.
  std::vector<Tensor> with_batch(const VmapCall& c, const Tensor& self) const {
    std::vector<Tensor> all{batch_numbers(c, self, rank)};
    for (const Tensor& t : list) all.push_back(t.defined() && c.batched(Value(t)) ? with_rank(c.front(t), rank) : t);
    return all;
  }
};

// Moves `count` dimensions that begin at `from` so that they begin at `to`.
Tensor move_dims(const Tensor& t, int64_t from, int64_t to, int64_t count) {
  if (from == to || !count) return t;
  Dims source, target;
  for (int64_t i = 0; i < count; i++) {
    source.push_back(from + i);
    target.push_back(to + i);
  }
  return ops::movedim_intlist(t, source, target);
}

Tensor call_index(const Op& op, const Tensor& self, TensorList indices) {
  ListOf list(indices);
  const Value args[] = {self, Value(list)};
  OwnedValue result;
  call(op, args, &result);
  return result.take();
}

}  // namespace

void vmap_index(VmapCall& c) {
  BelowLevel below(c.level);
  Tensor self = c.tensor(0);
  Indices at(c, c.args[1]);
  if (!c.batched(0)) {  // the batch is one more index dimension
    std::vector<Tensor> indices;
    for (const Tensor& t : at.list) indices.push_back(t.defined() && c.batched(Value(t)) ? with_rank(c.front(t), at.rank) : t);
    return c.set(0, call_index(c.op, self, indices), at.place());
  }
  Tensor value = c.front(0);
  if (!at.any_batched && at.adjacent) {
    std::vector<Tensor> indices{Tensor()};
    indices.insert(indices.end(), at.list.begin(), at.list.end());
    return c.set(0, call_index(c.op, value, indices));
  }
  // the batch and the index dimensions come out in front, wherever the indices stood
  Tensor result = call_index(c.op, value, at.with_batch(c, value));
  c.set(0, move_dims(result, 1, 1 + at.place(), at.rank));
}

void vmap_index_put(VmapCall& c) {
  Tensor value = c.spread(0);
  Indices at(c, c.args[1]);
  Arguments a(c.op, c.args);
  {
    BelowLevel below(c.level);
    std::vector<Tensor> indices;
    Tensor values = c.tensor(2);
    const int64_t rank = c.tensor(0).dim() - at.used + at.rank;  // of what is written
    if (!at.any_batched && at.adjacent) {
      indices.push_back(Tensor());
      indices.insert(indices.end(), at.list.begin(), at.list.end());
      if (c.batched(2)) values = with_rank(c.front(2), rank);
    } else {
      indices = at.with_batch(c, value);
      values = move_dims(with_rank(c.spread(2), rank), 1 + at.place(), 1, at.rank);
    }
    a.set(0, OwnedValue(value));
    a.set(1, OwnedValue::tensors(indices));
    a.set(2, OwnedValue(values));
  }
  c.run(a);
}

// ---- one vector of indices ----

// op(self, dim, index, ...) where the examples have indices of their own: what an index tensor in that place means.
void vmap_index_dim(VmapCall& c) {
  std::string_view name = c.op.name;
  const Tensor self = c.tensor(0);
  const int value = c.op.nargs > 3 && std::string_view(c.op.args[3].name) == "value" && c.args[3].is_tensor() ? 3 : -1;
  if (!c.batched(2) && !(value > 0 && c.batched(value))) {
    Arguments a(c.op, c.args);
    {
      BelowLevel below(c.level);
      for (int i = 0; i < c.op.nargs; i++) {
        if (!c.args[i].is_tensor() || i == 2 || i == value) continue;
        a.set(i, OwnedValue(self.dim() ? c.spread(i) : ops::unsqueeze(c.spread(i), 1)));
      }
    }
    a.set(1, OwnedValue(wrap_dim(c.args[1].to_int(), std::max<int64_t>(self.dim(), 1)) + 1));
    c.run(a);
    if (self.dim() || c.op.inplace) return;
    BelowLevel below(c.level);
    return c.set(0, ops::squeeze_dim(c.front(c.rets[0].tensor()), 1));
  }
  if (self.dim() == 0 || name.starts_with("index_reduce")) return vmap_loop(c);
  BelowAutograd below;
  std::vector<Tensor> places(size_t(wrap_dim(c.args[1].to_int(), self.dim())));
  places.push_back(ops::reshape(c.tensor(2), Dims{-1}));
  if (name == "index_select") {
    c.rets[0] = OwnedValue(ops::index_Tensor(self, places));
    return;
  }
  bool adds = name.starts_with("index_add");
  Tensor source = c.args[3].tensor();
  if (adds) source = ops::mul_Scalar(source, c.args[4].scalar());
  if (!self.is_complex() && source.dtype() != self.dtype())
    source = ops::to_dtype(source, self.dtype(), false, false, std::nullopt);
  if (c.op.inplace) ops::index_put_(self, places, source, adds);
  else c.rets[0] = OwnedValue(ops::index_put(self, places, source, adds));
}

// ---- tables ----

void vmap_elements(VmapCall& c) {
  Arguments a(c.op, c.args);
  for (int i = 0; i < c.op.nargs; i++) {
    if (!c.args[i].is_tensor()) continue;
    std::string_view name = c.op.args[i].name;
    if (name == "self" || name == "elements") a.set(i, OwnedValue(c.front(i)));
    else if (c.batched(i) || (name == "sorted_sequence" && c.tensor(i).dim() > 1)) return vmap_loop(c);
  }
  c.run(a);
}

void vmap_embedding(VmapCall& c) {
  if (c.batched(0)) {
    BelowAutograd below;
    const Tensor rows[] = {c.tensor(1)};
    c.rets[0] = OwnedValue(ops::index_Tensor(c.tensor(0), rows));
    return;
  }
  Arguments a(c.op, c.args);
  a.set(1, OwnedValue(c.front(1)));
  c.run(a);
}

// The tables of all examples are one long table.
void vmap_embedding_backward(VmapCall& c) {
  BelowLevel below(c.level);
  Tensor grad = c.spread(0), indices = c.spread(1);
  const int64_t rows = c.args[2].to_int(), padding = c.args[3].to_int();
  if (padding >= 0) grad = ops::masked_fill_Scalar(grad, ops::unsqueeze(ops::eq_Scalar(indices, Scalar(padding)), -1), Scalar(0));
  Tensor shift = ops::mul_Scalar(batch_numbers(c, indices, indices.dim() - 1), Scalar(rows));
  indices = ops::add_Tensor(indices, shift, Scalar(1));
  Tensor all = ops::embedding_dense_backward(grad, indices, rows * c.batch, -1, c.args[4].to_bool());
  c.set(0, ops::view(all, Dims{c.batch, rows, all.size(1)}));
}

}  // namespace kindling
