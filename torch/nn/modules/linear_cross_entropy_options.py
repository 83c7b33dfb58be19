"""How a linear cross entropy may be computed in pieces."""

__all__ = ["LinearCrossEntropyOptions"]


class LinearCrossEntropyOptions:
    """Hints for memory: size and method of chunks, precision of accumulation. The result does not depend on them."""

    def __init__(self, allow_retain_graph=False, batch_chunk_size=None, chunking_method="auto", acc_policy="auto",
                 acc_dtype=None):
        self.allow_retain_graph, self.batch_chunk_size = allow_retain_graph, batch_chunk_size
        self.chunking_method, self.acc_policy, self.acc_dtype = chunking_method, acc_policy, acc_dtype

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"
