"""The profiler: what it records, how it nests, and the steps it records."""

import gzip
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


def test_memory_flops_and_callers_are_noted(tmp_path):
    a = torch.ones(10, 10)
    with profile(record_shapes=True, profile_memory=True, with_flops=True, with_stack=True) as prof, record_function("outer"):
        b = a @ a + 1
    prof.add_metadata("note", "text")
    events = {e.name: e for e in prof.events()}
    assert events["aten::mm"].flops == 2000 and events["aten::mm"].self_cpu_memory_usage == b.nbytes == 400
    assert events["outer"].cpu_memory_usage == 800 and events["outer"].self_cpu_memory_usage == 0
    assert "test_profiler.py" in events["aten::mm"].stack[0] or any("test_profiler.py" in line for line in events["aten::mm"].stack)
    table = prof.key_averages(group_by_input_shape=True).table(sort_by="flops", time_unit="ms")
    assert "Total FLOPs" in table and "2000.000" in table and "400 B" in table and "[[10, 10], [10, 10]]" in table
    prof.export_chrome_trace(str(tmp_path / "trace.json.gz"))
    with gzip.open(tmp_path / "trace.json.gz", "rt") as file:
        trace = json.load(file)
    assert trace["note"] == "text" and trace["trace_id"] == prof.get_trace_id()
    prof.export_stacks(str(tmp_path / "stacks"))
    assert "test_profiler.py" in (tmp_path / "stacks").read_text()
    prof.export_memory_timeline(str(tmp_path / "memory.json"))
    assert json.loads((tmp_path / "memory.json").read_text())[1][-1] == 800


def test_execution_traces_hold_calls_with_arguments_and_results(tmp_path):
    path = str(tmp_path / "trace.json")
    observer = torch.profiler.ExecutionTraceObserver().register_callback(path)
    with profile(execution_trace_observer=observer):
        torch.ones(2, 3).add(1)
    assert not observer.is_running() and not observer.is_registered
    nodes = json.loads((tmp_path / "trace.json").read_text())["nodes"]
    add = next(node for node in nodes if node["name"] == "aten::add")
    assert add["inputs"]["shapes"][0] == [2, 3] and add["outputs"]["types"] == ["Tensor(float32)"]


def test_recording_can_pause():
    with profile() as prof:
        torch.ones(1)
        prof.toggle_collection_dynamic(False, [torch.profiler.ProfilerActivity.CPU])
        torch.zeros(1)
        prof.toggle_collection_dynamic(True, [torch.profiler.ProfilerActivity.CPU])
        torch.ones(1)
    assert [e.name for e in prof.events()] == ["aten::ones", "aten::ones"]


def test_steps_are_counted_for_all():
    tracker = torch.autograd.profiler.KinetoStepTracker
    tracker.init_step_count("one")
    start = tracker.current_step()
    assert tracker.increment_step("one") == start + 1 and tracker.increment_step("two") == start + 2 and tracker.erase_step_count("one")
    assert tracker.erase_step_count("two") and not tracker.erase_step_count("two")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
