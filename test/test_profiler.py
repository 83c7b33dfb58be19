"""The profiler: what it records, how it nests, and the steps it records."""

import json

import pytest

import torch
from torch.profiler import ProfilerAction, profile, record_function, schedule


def test_records_operators_and_ranges():
    x = torch.ones(4, 4, requires_grad=True)
    with profile(record_shapes=True) as prof:
        with record_function("mine"):
            y = (x @ x).relu()
        y.sum().backward()
    events = {e.name: e for e in prof.events()}
    assert events["aten::relu"].cpu_parent is events["mine"] and events["mine"].is_user_annotation
    assert events["aten::relu"].input_shapes == [[4, 4]]
    assert sum(e.count for e in prof.key_averages() if e.key == "aten::mm") == 3
    total = sum(e.cpu_time_total for e in prof.events() if e.cpu_parent is None)
    assert sum(e.self_cpu_time_total for e in prof.events()) == pytest.approx(total)
    assert "aten::mm" in prof.key_averages().table(sort_by="self_cpu_time_total")


def test_traces_are_json(tmp_path):
    with profile() as prof:
        torch.ones(2).exp()
    prof.export_chrome_trace(str(tmp_path / "trace.json"))
    trace = json.loads((tmp_path / "trace.json").read_text())
    assert [e["name"] for e in trace["traceEvents"]] == ["aten::ones", "aten::exp"]


def test_schedules_say_which_steps_are_recorded():
    plan = schedule(wait=1, warmup=1, active=2, repeat=1, skip_first=1)
    A = ProfilerAction
    assert [plan(i) for i in range(6)] == [A.NONE, A.NONE, A.WARMUP, A.RECORD, A.RECORD_AND_SAVE, A.NONE]
    ready = []
    with profile(schedule=plan, on_trace_ready=lambda p: ready.append(len(p.events()))) as prof:
        for _ in range(8):
            torch.ones(1)
            prof.step()
    assert ready == [2]


def test_ranges_outside_of_profilers_cost_nothing_and_decorate():
    @record_function("named")
    def f():
        return torch.ones(1)

    f()
    with torch.autograd.profiler.profile() as prof:
        f()
    assert [e.name for e in prof.function_events] == ["named", "aten::ones"]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
