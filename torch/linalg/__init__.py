"""Linear algebra over batches of matrices, which lie in the last two dimensions. Each function is the operator `linalg_<name>`.

Factorisations come from LAPACK (the package scipy-openblas32); a failed one raises `LinAlgError`.

>>> torch.linalg.solve(torch.tensor([[2., 0.], [0., 4.]]), torch.tensor([2., 4.]))
tensor([1., 1.])
"""

from torch import _C
from torch._C import _LinAlgError as LinAlgError

_PREFIX = "linalg_"
_functions = {name.removeprefix(_PREFIX): getattr(_C._linalg, name) for name in dir(_C._linalg) if name.startswith(_PREFIX)}
globals().update(_functions)

__all__ = ["LinAlgError", *sorted(_functions)]
