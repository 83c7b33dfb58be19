// Rules of matrix products and of the layers of networks.
#include "../dispatch/state.h"
#include "rules.h"

namespace kindling {

// mm and bmm: with the batch in front they are products of stacks, of which one operand may be shared.
void vmap_mm(VmapCall& c) {
  BelowLevel below(c.level);
  const int64_t rank = c.tensor(0).dim();
  auto stack = [&](int i) { return c.batched(i) ? with_rank(c.front(i), rank) : c.tensor(i); };
  c.set(0, ops::matmul(stack(0), stack(1)));
}

// One matrix for all and an offset that broadcasts: the rows of all examples at once.
void vmap_addmm(VmapCall& c) {
  const Tensor self = c.tensor(0), a = c.tensor(1), b = c.tensor(2);
  const Scalar beta = c.args[3].scalar(), alpha = c.args[4].scalar();
  if (a.dim() == 2 && !c.batched(0) && !c.batched(2) && self.dim() < 2) {
    BelowLevel below(c.level);
    Tensor all = ops::addmm(self, merged(c.front(1)), b, beta, alpha);
    return c.set(0, parted(all, c.batch, a.size(0)));
  }
  BelowAutograd recorded;
  Tensor product = a.dim() == 2 ? ops::mm(a, b) : ops::bmm(a, b);
  if (!(alpha == Scalar(1))) product = ops::mul_Scalar(product, alpha);
  if (!(beta == Scalar(0))) product = ops::add_Tensor(product, beta == Scalar(1) ? self : ops::mul_Scalar(self, beta), Scalar(1));
  c.rets[0] = OwnedValue(product);
}

// ---- solvers ----

void vmap_matrices(VmapCall& c) {
  const Tensor first = c.tensor(0);
  for (int i = 1; i < c.op.nargs; i++) {
    if (!c.args[i].is_tensor() || std::string_view(c.op.args[i].name) == "pivots") continue;
    const Tensor t = c.tensor(i);
    bool vector = t.dim() == first.dim() - 1 && same(t.sizes(), first.sizes().first(size_t(t.dim())));
    if (t.dim() != first.dim() && !vector) return vmap_loop(c);
  }
  vmap_shift(c);
}

void vmap_check_errors(VmapCall& c) {
  Arguments a(c.op, c.args);
  a.set(0, OwnedValue(c.front(0)));
  a.set(2, OwnedValue(false));
  c.run(a);
}

// ---- attention ----

void vmap_attention(VmapCall& c) {
  SmallVec<Value, 16> args(std::span<const Value>(c.args, c.op.nargs));
  Tensor mask;
  for (int i = 0; i < c.op.nargs; i++) {
    if (std::string_view(c.op.args[i].name) != "attn_mask" || !c.args[i].is_tensor()) continue;
    BelowAutograd recorded;
    Dims sizes(c.tensor(i).sizes());
    while (sizes.size() < 4) sizes.insert(0, 1);
    sizes[0] = c.tensor(0).size(0);
    mask = ops::expand(c.tensor(i), sizes);
    args[i] = Value(mask);
  }
  VmapCall inner{c.op, args.data(), c.rets, c.level, c.batch};
  vmap_merge_items(inner, 3);
}

// ---- convolution ----

namespace {

// Dimensions 0 and 1 of `t` exchanged and joined: (B, N, C, ...) to (N, B C, ...).
Tensor channels_of(const Tensor& t) { return ops::flatten_using_ints(ops::transpose_int(t, 0, 1), 1, 2); }

// (N, B C, ...) to (N, B, C, ...)
Tensor split_channels(const Tensor& t, int64_t batch) {
  Dims sizes(t.sizes());
  sizes[1] = batch ? sizes[1] / batch : 0;
  sizes.insert(1, batch);
  return ops::reshape(t, sizes);
}

// A vector as a factor of channels, dimension 1 of `rank`.
Tensor for_channels(const Tensor& vector, int64_t rank) {
  Dims sizes(rank, 1);
  sizes[1] = vector.size(0);
  return ops::view(vector, sizes);
}

Tensor sum_but(const Tensor& t, int64_t kept) {
  Dims dims;
  for (int64_t d = 0; d < t.dim(); d++)
    if (d != kept) dims.push_back(d);
  return ops::sum_dim_IntList(t, dims, false, DType::none);
}

}  // namespace

// One weight: the batch joins the images. Weights of their own: it joins the channels, in groups.
void vmap_convolution(VmapCall& c) {
  Tensor bias = c.tensor(2);
  Arguments a(c.op, c.args);
  if (c.batched(1)) {
    BelowLevel below(c.level);
    a.set(0, OwnedValue(channels_of(c.spread(0))));
    a.set(1, OwnedValue(merged(c.front(1))));
    a.values[2] = Value();
    a.set(8, OwnedValue(c.args[8].to_int() * c.batch));
    OwnedValue out;
    call(c.op, a.values.data(), &out);
    c.set(0, split_channels(out.take(), c.batch), 1);
  } else {
    Tensor input = c.tensor(0);
    if (c.batched(0)) {
      BelowLevel below(c.level);
      a.set(0, OwnedValue(merged(c.front(0))));
      if (c.batched(2)) a.values[2] = Value();
      OwnedValue out;
      call(c.op, a.values.data(), &out);
      c.set(0, parted(out.take(), c.batch, input.size(0)));
      if (!c.batched(2)) return;
    } else {
      a.values[2] = Value();
      BelowLevel below(c.level);
      OwnedValue out;
      call(c.op, a.values.data(), &out);
      c.rets[0] = std::move(out);
    }
  }
  if (!bias.defined()) return;
  Tensor out = c.rets[0].take();
  c.rets[0] = OwnedValue(ops::add_Tensor(out, for_channels(bias, out.dim()), Scalar(1)));
}

void vmap_convolution_backward(VmapCall& c) {
  const Tensor grad = c.tensor(0), input = c.tensor(1);
  auto mask = c.args[10].list();
  auto with_mask = [&](Arguments& a, bool to_input, bool to_weight) {
    const Value flags[] = {to_input, to_weight, false};
    a.set(10, OwnedValue(Value(std::span<const Value>(flags))));
  };
  BelowLevel below(c.level);
  const bool own_weights = c.batched(2);
  Tensor to_input, to_weight;
  if (mask[0].to_bool() && !own_weights) {
    Arguments a(c.op, c.args);
    a.set(0, OwnedValue(merged(c.spread(0))));
    a.set(1, OwnedValue(merged(c.spread(1))));
    with_mask(a, true, false);
    OwnedValue out[3];
    call(c.op, a.values.data(), out);
    c.set(0, parted(out[0].take(), c.batch, input.size(0)));
  }
  if ((mask[0].to_bool() && own_weights) || mask[1].to_bool()) {
    Arguments a(c.op, c.args);
    a.set(0, OwnedValue(channels_of(c.spread(0))));
    a.set(1, OwnedValue(channels_of(c.spread(1))));
    a.set(2, OwnedValue(merged(c.spread(2))));
    a.set(9, OwnedValue(c.args[9].to_int() * c.batch));
    with_mask(a, mask[0].to_bool() && own_weights, mask[1].to_bool());
    OwnedValue out[3];
    call(c.op, a.values.data(), out);
    if (Tensor g = out[0].take(); g.defined()) c.set(0, split_channels(g, c.batch), 1);
    if (Tensor g = out[1].take(); g.defined()) c.set(1, parted(g, c.batch, c.tensor(2).size(0)));
  }
  if (mask[2].to_bool()) c.rets[2] = OwnedValue(sum_but(grad, 1));
}

// ---- normalisation ----

// The batch joins the channels, each of which is normalised by itself.
void vmap_batch_norm(VmapCall& c) {
  const bool training = c.args[5].to_bool();
  for (int i = 3; i <= 4; i++)
    KD_CHECK(
        !training || c.args[i].is_none() || c.batched(i), Runtime,
        "Batch norm got a batched tensor as input while the running_mean or running_var, which will be updated in place, were "
        "not batched.\nIf you are using a module and do not need eval mode, please set `track_running_stats` to be False.");
  BelowLevel below(c.level);
  Arguments a(c.op, c.args);
  a.set(0, OwnedValue(channels_of(c.spread(0))));
  Tensor statistics[2];
  for (int i = 1; i <= 4; i++) {
    if (c.args[i].is_none()) continue;
    Tensor t = merged(c.spread(i));
    if (i >= 3) statistics[i - 3] = t;
    a.set(i, OwnedValue(t));
  }
  OwnedValue out[3];
  call(c.op, a.values.data(), out);
  for (int i = 3; i <= 4 && training; i++) {
    Tensor own = c.front(i);
    if (own.defined() && own.storage() != statistics[i - 3].storage())
      ops::copy_(own, ops::view(statistics[i - 3], own.sizes()), false);
  }
  c.set(0, split_channels(out[0].take(), c.batch), 1);
  for (int i = 1; i < 3; i++) {
    Tensor t = out[i].take();
    c.set(i, ops::view(t, Dims{c.batch, c.batch ? t.numel() / c.batch : 0}));
  }
}

void vmap_batch_norm_backward(VmapCall& c) {
  BelowLevel below(c.level);
  Arguments a(c.op, c.args);
  for (int i = 0; i < 2; i++) a.set(i, OwnedValue(channels_of(c.spread(i))));
  for (int i = 2; i <= 6; i++) {
    Tensor t = c.tensor(i);
    if (t.defined()) a.set(i, OwnedValue(merged(c.spread(i))));
  }
  OwnedValue out[3];
  call(c.op, a.values.data(), out);
  const int64_t channels = c.tensor(1).size(1);
  if (Tensor g = out[0].take(); g.defined()) c.set(0, split_channels(g, c.batch), 1);
  for (int i = 1; i < 3; i++)
    if (Tensor g = out[i].take(); g.defined()) c.set(i, ops::view(g, Dims{c.batch, channels}));
}

namespace {

OwnedValue flags(bool a, bool b, bool c) {
  const Value values[] = {a, b, c};
  return OwnedValue(Value(std::span<const Value>(values)));
}

// factor and offset as a normalisation without them leaves to be done
void scale(VmapCall& c, const Tensor& weight, const Tensor& bias) {
  Tensor out = c.rets[0].take();
  if (weight.defined()) out = ops::mul_Tensor(out, weight);
  if (bias.defined()) out = ops::add_Tensor(out, bias, Scalar(1));
  c.rets[0] = OwnedValue(std::move(out));
}

}  // namespace

// native_layer_norm(input, normalized_shape, weight, bias, eps)
void vmap_layer_norm(VmapCall& c) {
  BelowAutograd recorded;
  const bool own = c.batched(2) || c.batched(3);
  Arguments a(c.op, c.args);
  a.set(0, OwnedValue(c.spread(0)));
  if (own) a.values[2] = a.values[3] = Value();
  c.run(a);
  if (own) scale(c, c.tensor(2), c.tensor(3));
}

// native_layer_norm_backward(grad_out, input, normalized_shape, mean, rstd, weight, bias, output_mask)
void vmap_layer_norm_backward(VmapCall& c) {
  BelowAutograd recorded;
  const Tensor grad = c.tensor(0), weight = c.tensor(5);
  auto mask = c.args[7].list();
  if (mask[0].to_bool()) {
    Arguments a(c.op, c.args);
    for (int i : {0, 1, 3, 4}) a.set(i, OwnedValue(c.spread(i)));
    if (c.batched(5)) {
      a.set(0, OwnedValue(c.spread(ops::mul_Tensor(grad, weight))));
      a.values[5] = Value();
    }
    a.values[6] = Value();
    a.set(7, flags(true, false, false));
    c.run(a);
  }
  IntList shape = c.args[2].ints();
  if (mask[1].to_bool()) {
    Tensor normal = ops::mul_Tensor(ops::sub_Tensor(c.tensor(1), c.tensor(3), Scalar(1)), c.tensor(4));
    c.rets[1] = OwnedValue(sum_to(ops::mul_Tensor(grad, normal), shape));
  }
  if (mask[2].to_bool()) c.rets[2] = OwnedValue(sum_to(grad, shape));
}

// native_group_norm(input, weight, bias, N, C, HxW, group, eps)
void vmap_group_norm(VmapCall& c) {
  BelowAutograd recorded;
  const bool own = c.batched(1) || c.batched(2);
  const int64_t items = c.args[3].to_int();
  const Tensor weight = c.tensor(1), bias = c.tensor(2);
  Arguments a(c.op, c.args);
  OwnedValue out[3];
  {
    BelowLevel below(c.level);
    a.set(0, OwnedValue(merged(c.spread(0))));
    a.set(3, OwnedValue(items * c.batch));
    if (own) a.values[1] = a.values[2] = Value();
    call(c.op, a.values.data(), out);
    for (int i = 0; i < 3; i++) c.set(i, parted(out[i].take(), c.batch, items));
  }
  const int64_t rank = c.tensor(0).dim();
  auto factor = [&](const Tensor& t) { return t.defined() ? for_channels(t, rank) : t; };
  if (own) scale(c, factor(weight), factor(bias));
}

// native_group_norm_backward(grad_out, input, mean, rstd, weight, N, C, HxW, group, output_mask)
void vmap_group_norm_backward(VmapCall& c) {
  BelowAutograd recorded;
  const Tensor grad = c.tensor(0), input = c.tensor(1), weight = c.tensor(4);
  const int64_t items = c.args[5].to_int(), groups = c.args[8].to_int();
  auto mask = c.args[9].list();
  if (mask[0].to_bool()) {
    Arguments a(c.op, c.args);
    Tensor scaled = c.batched(4) ? ops::mul_Tensor(grad, for_channels(weight, grad.dim())) : grad;
    BelowLevel below(c.level);
    a.set(0, OwnedValue(merged(c.spread(scaled))));
    for (int i = 1; i <= 3; i++) a.set(i, OwnedValue(merged(c.spread(i))));
    if (c.batched(4)) a.values[4] = Value();
    a.set(5, OwnedValue(items * c.batch));
    a.set(9, flags(true, false, false));
    OwnedValue out[3];
    call(c.op, a.values.data(), out);
    c.set(0, parted(out[0].take(), c.batch, items));
  }
  if (mask[1].to_bool()) {
    Tensor rows = ops::reshape(input, Dims{items, groups, -1});
    Tensor normal =
        ops::mul_Tensor(ops::sub_Tensor(rows, ops::unsqueeze(c.tensor(2), -1), Scalar(1)), ops::unsqueeze(c.tensor(3), -1));
    c.rets[1] = OwnedValue(sum_but(ops::mul_Tensor(grad, ops::reshape(normal, input.sizes())), 1));
  }
  if (mask[2].to_bool()) c.rets[2] = OwnedValue(sum_but(grad, 1));
}

}  // namespace kindling
