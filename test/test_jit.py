"""The decorators and annotations of torch.jit, on code that Python runs."""


import pytest

import torch


@pytest.mark.parametrize("value, kind, answer", [
    ([1, 2], list[int], True), ([1, "a"], list[int], False), ({"a": 1}, dict[str, int], True), ({1: 1}, dict[str, int], False),
    ((1, "a"), tuple[int, str], True), ((1,), tuple[int, str], False), (None, int | None, True), (1.0, int | None, False),
    ([[1]], list[list[int]], True), ([["a"]], list[list[int]], False), (3, (str, int), True), ("a", int | list[str], False),
])
def test_isinstance_looks_into_containers(value, kind, answer):
    assert torch.jit.isinstance(value, kind) is answer


def test_isinstance_wants_element_types():
    with pytest.raises(RuntimeError, match="Attempted to use List without a contained type"):
        torch.jit.isinstance([1], list)


def test_decorators_leave_functions_as_they_are():
    for decorator in (torch.jit.unused, torch.jit.ignore, torch.jit.ignore(drop=True), torch.jit.export, torch.jit.script_if_tracing):
        assert decorator(lambda x: x + 1)(1) == 2
    with pytest.raises(RuntimeError):
        torch.jit.ignore(3)
    assert torch.jit.wait(torch.jit.fork(torch.add, torch.ones(1), 1)) == 2


def test_script_hands_back_what_it_is_given(monkeypatch):
    monkeypatch.setattr(torch.jit, "_warned", False)
    with pytest.warns(UserWarning, match="run as written"):
        assert torch.jit.script(torch.sin) is torch.sin
    layer = torch.nn.Linear(2, 2)
    assert torch.jit.script(layer) is layer and not isinstance(layer, torch.jit.ScriptModule)


def test_indexing_without_reading_the_index():
    from torch._dynamo._trace_wrapped_higher_order_op import TransformGetItemToIndex

    x, i = torch.arange(12).view(3, 4), torch.tensor(2)
    with TransformGetItemToIndex():
        assert x[i, 1] == 9 and torch.equal(x[i], torch.arange(8, 12)) and torch.equal(x[i:], x[2:]) and torch.equal(x[0], torch.arange(4))
