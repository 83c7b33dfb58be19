"""What type checkers know of modules; checked by `.ci/lint`."""

from typing_extensions import assert_type

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, x: torch.Tensor, times: int = 1) -> tuple[torch.Tensor, int]:
        return x, times


net = Net()
x = torch.ones(2)
assert_type(net(x), tuple[torch.Tensor, int])
assert_type(net(x, times=2)[1], int)
assert_type(net.train().to("cpu").eval(), Net)
assert_type(list(net.parameters()), list[nn.Parameter])
net("x")  # type: ignore[arg-type]
net(x, repeat=3)  # type: ignore[call-arg]


def any_module(module: nn.Module) -> None:
    module(1, key=2)
