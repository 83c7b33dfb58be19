"""Memory stays flat: training, graphs that are dropped, errors, files."""

import gc
import io
import os

import pytest

import torch
from torch import nn


def resident():
    """Bytes of memory that this process holds."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def growth(action, warm_up, count):
    """Bytes by which memory grew over `count` calls after `warm_up` of them."""
    for _ in range(warm_up):
        action()
    gc.collect()
    before = resident()
    for _ in range(count):
        action()
    gc.collect()
    return resident() - before


pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")


def test_a_thousand_training_steps_keep_memory_flat():
    net = nn.Sequential(nn.Linear(64, 128), nn.BatchNorm1d(128), nn.GELU(), nn.Dropout(0.1), nn.Linear(128, 10))
    optimizer = torch.optim.AdamW(net.parameters())
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 100)
    x, y = torch.randn(32, 64), torch.randint(0, 10, (32,))

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()

    assert growth(step, 200, 1000) < 2 << 20


def test_dropped_graphs_and_hooks_are_freed():
    layer = nn.Linear(256, 256)
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: None)
    x = torch.randn(64, 256, requires_grad=True)

    def graph():
        y = layer(x)
        for _ in range(5):
            y = y * y.detach() + x
        y.register_hook(lambda grad: grad * 2)

    assert growth(graph, 50, 300) < 4 << 20


def test_errors_do_not_hold_on_to_tensors():
    def fail():
        big = torch.zeros(1 << 18)
        try:
            big @ torch.zeros(3)
        except RuntimeError:
            return
        raise AssertionError("sizes do not fit")

    assert growth(fail, 20, 200) < 4 << 20


@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="the address sanitizer keeps freed memory for a while")
def test_files_and_modules_are_freed():
    def round_trip():
        net, buffer = nn.LSTM(32, 64, 2), io.BytesIO()
        torch.save(net.state_dict(), buffer)
        buffer.seek(0)
        net.load_state_dict(torch.load(buffer))

    assert growth(round_trip, 20, 60) < 4 << 20


def test_tensors_that_refer_to_themselves_are_collected():
    def cycle():
        tensor = torch.zeros(1 << 16, requires_grad=True)
        tensor.myself = tensor
        (tensor * 2).sum().backward()
        tensor.grad.owner = tensor

    assert growth(lambda: (cycle(), gc.collect(0)), 50, 300) < 16 << 20
