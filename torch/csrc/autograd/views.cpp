// Views and in-place writes: what a write to a view means for its base, and the other way round.
#include "views.h"

#include "../dispatch/state.h"
#include "freelist.h"
#include "ops.h"

namespace kindling {

namespace {

std::vector<OwnedValue> copy_args(const Value* args, int n) {
  std::vector<OwnedValue> copies;
  copies.reserve(n);
  copies.emplace_back();
  for (int i = 1; i < n; i++) copies.emplace_back(args[i]);
  return copies;
}

ViewMeta& new_view_meta(const Tensor& view, const Tensor& parent, bool multi_output) {
  AutogradMeta& m = autograd_meta(view);
  if (!m.view) m.view = new (Freelist<ViewMeta>::take()) ViewMeta;
  ViewMeta& v = *m.view;
  const ViewMeta* outer = view_of(parent);
  v.base = outer ? outer->base : parent;
  v.creation = tls.inference_mode ? CreationKind::Inference
               : multi_output     ? CreationKind::MultiOutput
               : tls.grad_enabled ? CreationKind::Default
                                  : CreationKind::NoGrad;
  if (outer && v.creation == CreationKind::Default) v.creation = outer->creation;
  v.attr_version = view.version();
  return v;
}

// Forbids in-place writes to views whose gradient would be wrong. `through_base`: the write went to the base or a sibling.
void check_creation(const Tensor& t, const ViewMeta& v, bool through_base) {
  if (v.creation == CreationKind::Default) return;
  const Ref<Node>& fn = t->autograd->grad_fn;
  std::string what =
      fn ? concat("Output ", int(t->autograd->output_nr), " of ", base_name(*fn), " is a view and ")
         : concat("A view was created in ", v.creation == CreationKind::Inference ? "inference" : "no_grad", " mode and ");
  const char* how = through_base ? "its base or another view of its base has been modified inplace" : "is being modified inplace";
  switch (v.creation) {
    case CreationKind::MultiOutput:
      fail(
          ErrorKind::Runtime, what, how,
          ". This view is the output of a function that returns multiple views. Such functions do not allow the output views to be "
          "modified inplace. You should replace the inplace operation by an out-of-place one.");
    case CreationKind::InCustomFunction:
      fail(
          ErrorKind::Runtime, what, how,
          ". This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic to handle "
          "view+inplace would override the custom backward associated with the custom Function, leading to incorrect gradients. This "
          "behavior is forbidden. You can fix this by cloning the output of the custom Function.");
    default: {
      bool inference = v.creation == CreationKind::Inference;
      fail(
          ErrorKind::Runtime, what, how, inference ? " in normal mode" : " with grad mode enabled",
          ". Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view "
          "and the inplace either both inside the ",
          inference ? "inference_mode" : "no_grad",
          " block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked).");
    }
  }
}

// Backward of a write to part of a tensor: the gradient of the part goes through the write, the rest passes by.
struct CopySlices final : Node {
  Dims sizes, strides;  // of the base
  DType dtype;
  Device device;
  ViewPath path;
  Ref<Node> fn;
  int self_edge;

  CopySlices(const Tensor& base, const Tensor& view, Ref<Node> node, int self)
      : sizes(base.sizes()),
        strides(base.strides()),
        dtype(base.dtype()),
        device(base.device()),
        path(ViewPath::of(view)),
        fn(std::move(node)),
        self_edge(self) {
    outputs.push_back(OutputMeta(base));
    next.push_back(gradient_edge(base));
    for (int64_t i = 0; i < fn->next.size(); i++)
      if (i != self_edge) next.push_back(fn->next[i]);
  }
  const char* name() const override { return "torch::autograd::CopySlices"; }
  // A second derivative may lead to `fn` itself, which then frees what it saved when it has run.
  void release_saved() override {
    if (fn->refs.load() == 1) fn->release_saved();
  }

  TensorVec apply(TensorVec grads) override {
    TensorVec out(next.size());
    if (!grads[0].defined()) return out;
    Tensor result = ops::new_empty_strided(grads[0], sizes, strides, dtype, std::nullopt, device, std::nullopt);
    ops::copy_(result, grads[0], false);
    Tensor slice = path.apply(result);
    TensorVec inner_grads(fn->outputs.size());
    inner_grads[0] = ops::clone(slice, MemoryFormat::contiguous);
    TensorVec inner = fn->apply(std::move(inner_grads));
    int64_t at = 1;
    for (int64_t i = 0; i < inner.size(); i++)
      if (i != self_edge) out[at++] = std::move(inner[i]);
    if (next[0].fn) {
      if (self_edge >= 0 && inner[self_edge].defined()) {
        Tensor& g = inner[self_edge];
        ops::copy_(slice, same(g.sizes(), slice.sizes()) ? g : sum_to(g, slice.sizes()), false);
      } else {
        ops::fill__Scalar(slice, Scalar(0));
      }
      out[0] = std::move(result);
    }
    return out;
  }
};

}  // namespace

ViewPath ViewPath::of(const Tensor& view) {
  const ViewMeta* v = view_of(view);
  if (!v) return {};
  if (!v->op) {
    ViewPath path;
    path.strided = true;
    path.sizes = Dims(view.sizes());
    path.strides = Dims(view.strides());
    path.offset = view.offset() - v->base.offset();
    return path;
  }
  ViewPath path = of(v->via);
  Step step{v->op, {}, v->index};
  step.args.emplace_back();
  for (size_t i = 1; i < v->args.size(); i++) step.args.emplace_back(static_cast<const Value&>(v->args[i]));
  path.steps.push_back(std::move(step));
  return path;
}

Tensor ViewPath::apply(const Tensor& base) const {
  Tensor t = strided ? ops::as_strided(base, sizes, strides, offset + base.offset()) : base;
  for (const Step& s : steps) {
    SmallVec<Value, 8> args;
    args.push_back(t);
    for (size_t i = 1; i < s.args.size(); i++) args.push_back(s.args[i]);
    OwnedValue ret;
    call(*s.op, args.data(), &ret);
    t = ret.tag == Tag::List ? Tensor::share(ret.list()[s.index].tensor_) : ret.take();
  }
  return t;
}

void mark_view(const Tensor& view, const Tensor& parent, bool multi_output) {
  if (view->has(TensorImpl::Inference)) return;
  new_view_meta(view, parent, multi_output);
}

void mark_view(const Tensor& view, const Tensor& parent, bool multi_output, const Op& op, const Value* args, int index) {
  if (parent->has(TensorImpl::Inference)) return;
  ViewMeta& v = new_view_meta(view, parent, multi_output);
  constexpr uint16_t bits = TensorImpl::Conj | TensorImpl::Neg;
  const ViewMeta* outer = view_of(parent);
  if (view.dtype() == parent.dtype() && !((view->flags ^ parent->flags) & bits) && !(outer && outer->op)) return;
  v.via = parent;
  v.op = &op;
  v.args = copy_args(args, op.nargs);
  v.index = uint32_t(index);
}

Ref<Node> grad_fn(const Tensor& t) {
  AutogradMeta* m = t->autograd;
  if (!m) return nullptr;
  if (!m->view) return m->grad_fn;
  ViewMeta& v = *m->view;
  if (!m->grad_fn && !v.base.requires_grad()) return nullptr;
  uint32_t now = t.version();
  if (now == v.attr_version) return m->grad_fn;
  check_creation(t, v, true);
  AboveAutograd above;
  GradMode on(true);
  if (v.op || tls.view_replay) {
    Tensor again = ViewPath::of(t).apply(v.base);
    m->grad_fn = again->autograd ? again->autograd->grad_fn : nullptr;
    m->output_nr = again->autograd ? again->autograd->output_nr : 0;
  } else {
    static const Op* op = find_op("as_strided", "");
    Value args[] = {v.base, t.sizes(), t.strides(), t.offset()};
    Ref<OpNode> node = record(*op, *op->derivative, args, false);
    node->outputs.push_back(OutputMeta(t));
    m->grad_fn = node;
    m->output_nr = 0;
  }
  v.attr_version = now;
  return m->grad_fn;
}

void check_inplace(const Tensor& t) {
  if (const ViewMeta* v = view_of(t)) {
    check_creation(t, *v, false);
    KD_CHECK(!t.requires_grad() || !is_leaf(v->base), Runtime,
             "a view of a leaf Variable that requires grad is being used in an in-place operation.");
  }
  KD_CHECK(!t.requires_grad() || !is_leaf(t), Runtime,
           "a leaf Variable that requires grad is being used in an in-place operation.");
}

void set_history(const Tensor& result, const Ref<Node>& node, uint32_t output) {
  AutogradMeta& m = autograd_meta(result);
  m.grad_fn = node;
  m.output_nr = output;
}

void rebase_history(const Tensor& changed, const Ref<Node>& node, int self_edge) {
  ViewMeta* v = view_of(changed);
  if (!v) return set_history(changed, node, 0);
  check_creation(changed, *v, false);
  set_history(v->base, Ref<CopySlices>::make(v->base, changed, node, self_edge), 0);
  grad_fn(changed);
}

}  // namespace kindling
