"""Distances within one set of points."""

from .language import composite


@composite("pdist(Tensor self, float p=2) -> Tensor")
def pdist(self, p):
    """The p-norm distances of all pairs of rows, in the order (0, 1), (0, 2), ..., (1, 2), ...: shape [n (n - 1) / 2].

    >>> torch.pdist(torch.tensor([[0., 0.], [3., 4.]]))
    tensor([5.])
    """
    if self.dim() != 2:
        raise RuntimeError("pdist only supports 2D tensors, got: ", self.dim(), "D")
    pairs = triu_indices(self.size(0), self.size(0), 1, device=self.device)
    difference = self.index_select(0, pairs.select(0, 0)) - self.index_select(0, pairs.select(0, 1))
    return linalg_vector_norm(difference, p, [1])
