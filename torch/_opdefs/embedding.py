"""Tables looked up by index: embedding, bags of embeddings, one-hot rows."""

# Gradient formulas name aten operators.
# ruff: noqa: F821

from .language import FLOATING, HALF, UNKNOWN, composite, decomposed, kernel


@kernel("embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor",
        grad={"weight": "embedding_dense_backward(grad, indices, weight.size(0), padding_idx, scale_grad_by_freq)"}, python="function", vmap="embedding")
def embedding():
    """The rows of weight that indices name: (n, d) and (...) to (..., d).

    >>> torch.embedding(torch.tensor([[0., 0.], [1., 1.]]), torch.tensor([1, 0]))
    tensor([[1., 1.],
            [0., 0.]])
    """


@kernel("embedding_dense_backward(Tensor grad_output, Tensor indices, SymInt num_weights, SymInt padding_idx, bool scale_grad_by_freq) -> Tensor",
        compute=HALF, grad={"grad_output": "embedding_dense_double_backward(grad, indices, padding_idx)"}, python="function", vmap="embedding_backward")
def embedding_dense_backward():
    """Sums the gradients of each row; the row padding_idx gets none, scale_grad_by_freq divides by how often a row was used."""


@composite("embedding_dense_double_backward(Tensor grad, Tensor indices, SymInt padding_idx) -> Tensor", python="")
def embedding_dense_double_backward(grad, indices, padding_idx):
    """The rows again, zero where they are padding."""
    rows = grad.index_select(0, indices.reshape([-1]))
    if padding_idx >= 0:
        rows = rows.masked_fill((indices == padding_idx).reshape([-1, 1]), 0)
    shape = list(indices.shape)
    shape.append(grad.size(1))
    return rows.view(shape)


@kernel("embedding_renorm_(Tensor(a!) self, Tensor indices, float max_norm, float norm_type) -> Tensor(a!)", grad=None, python="function", vmap="loop")
def embedding_renorm_():
    """Scales the rows that indices name down to max_norm where their norm is larger."""


@kernel("_embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, "
        "Tensor? per_sample_weights=None, bool include_last_offset=False, int padding_idx=-1) -> (Tensor, Tensor, Tensor, Tensor)",
        kinds=FLOATING, compute=HALF, grad={"weight": "_embedding_bag_backward(grad, indices, offsets, result1, result2, result3, weight.size(0), scale_grad_by_freq, mode, "
                        "sparse, per_sample_weights, padding_idx)",
              "per_sample_weights": "_embedding_bag_per_sample_weights_backward(grad, weight, indices, offsets, result1, mode, padding_idx)"},
        out="below", python="function", vmap="loop")
def _embedding_bag():
    """Sum, mean or maximum (mode 0, 1, 2) of the rows in each bag of indices; bags begin at the offsets."""


@kernel("_embedding_bag_forward_only(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, "
        "Tensor? per_sample_weights=None, bool include_last_offset=False, int padding_idx=-1) -> (Tensor, Tensor, Tensor, Tensor)",
        kinds=FLOATING, compute=HALF, grad=UNKNOWN, out="below", python="function", vmap="loop")
def _embedding_bag_forward_only():
    """_embedding_bag without a gradient."""


def _bags_of(grads, indices, offset2bag, bag_size, maximum_indices, scale_grad_by_freq, mode, per_sample_weights, padding_idx):
    g = grads[0]     # the argument is called grad, too
    if mode == 2:
        return g.gather(0, maximum_indices.clamp_min(0)).masked_fill(maximum_indices < 0, 0)
    flat = indices.reshape([-1])
    rows = g.index_select(0, flat)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(1)
    if scale_grad_by_freq:
        uses = zeros([g.size(0)], dtype=g.dtype, device=g.device).index_add(0, flat, ones(flat.shape, dtype=g.dtype, device=g.device))
        rows = rows / uses.index_select(0, flat).unsqueeze(1)
    if padding_idx >= 0:
        rows = rows.masked_fill((flat == padding_idx).unsqueeze(1), 0)
    bags = zeros([bag_size.size(0), g.size(1)], dtype=g.dtype, device=g.device).index_add(0, offset2bag, rows)
    return bags / bag_size.clamp_min(1).unsqueeze(1) if mode == 1 else bags


@decomposed("_embedding_bag_backward(Tensor grad, Tensor indices, Tensor offsets, Tensor offset2bag, Tensor bag_size, Tensor maximum_indices, "
           "SymInt num_weights, bool scale_grad_by_freq, int mode, bool sparse, Tensor? per_sample_weights, int padding_idx=-1) -> Tensor",
            grad={"grad": _bags_of, "per_sample_weights": UNKNOWN}, out=False, python="")
def _embedding_bag_backward(grad, indices, offsets, offset2bag, bag_size, maximum_indices, num_weights, scale_grad_by_freq, mode, sparse,
                            per_sample_weights, padding_idx):
    """The gradient of the table."""
    return _embedding_bag_dense_backward(grad, indices, offset2bag, bag_size, maximum_indices, num_weights, scale_grad_by_freq, mode,
                                         per_sample_weights, padding_idx)


@kernel("_embedding_bag_dense_backward(Tensor grad, Tensor indices, Tensor offset2bag, Tensor bag_size, Tensor maximum_indices, SymInt num_weights, "
        "bool scale_grad_by_freq, int mode, Tensor? per_sample_weights, int padding_idx=-1) -> Tensor",
        kinds=FLOATING, compute=HALF, grad={"grad": _bags_of, "per_sample_weights": UNKNOWN}, out="below", python="", vmap="loop")
def _embedding_bag_dense_backward():
    """Each row's share of the gradients of its bags."""


@kernel("_embedding_bag_per_sample_weights_backward(Tensor grad, Tensor weight, Tensor indices, Tensor offsets, Tensor offset2bag, int mode, "
        "int padding_idx=-1) -> Tensor", kinds=FLOATING, compute=HALF, grad=UNKNOWN, out="below", python="", vmap="loop")
def _embedding_bag_per_sample_weights_backward():
    """The product of each row with its bag's gradient."""


@composite("embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, "
           "Tensor? per_sample_weights=None, bool include_last_offset=False) -> (Tensor, Tensor, Tensor, Tensor)", python="function")
def embedding_bag(weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset):
    """Sum, mean or maximum of the rows in each bag of indices.

    >>> torch.embedding_bag(torch.tensor([[1.], [2.]]), torch.tensor([0, 1, 1]), torch.tensor([0, 2]))[0]
    tensor([[3.],
            [2.]])
    """
    return _embedding_bag(weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset, -1)


@composite("embedding_bag.padding_idx(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq, int mode, bool sparse, "
           "Tensor? per_sample_weights, bool include_last_offset, int? padding_idx) -> (Tensor, Tensor, Tensor, Tensor)", python="function")
def embedding_bag_padded(weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset, padding_idx):
    """embedding_bag without the rows of padding_idx."""
    place = -1
    if padding_idx is not None:
        place = padding_idx if padding_idx >= 0 else padding_idx + weight.size(0)
    return _embedding_bag(weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset, place)


@composite("one_hot(Tensor self, int num_classes=-1) -> Tensor", kinds="busfc", python="nn")
def one_hot(self, num_classes):
    """Rows of zeros with a one at each index: (...) to (..., num_classes).

    >>> F.one_hot(torch.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if self.dtype != torch.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    shape = list(self.shape)
    if self.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        shape.append(num_classes)
        return empty(shape, dtype=self.dtype, device=self.device)
    low, high = aminmax(self)
    if low.item() < 0:
        raise RuntimeError("Class values must be non-negative.")
    most = high.item()
    n = num_classes
    if n == -1:
        n = int(most) + 1
    elif n < 1:
        raise RuntimeError("num_classes should be positive")
    elif not most < n:
        raise RuntimeError("Class values must be smaller than num_classes.")
    shape.append(n)
    ones = zeros(shape, dtype=self.dtype, device=self.device)
    return ones.scatter_(-1, self.unsqueeze(-1), 1)
