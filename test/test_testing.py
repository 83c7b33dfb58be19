"""torch.testing and its tools for test suites: FileCheck, cases over devices, dtypes and operators."""

import datetime
import unittest

import pytest

import torch
from torch.testing import FileCheck
from torch.testing._internal.common_device_type import (
    dtypes,
    expectedFailureCPU,
    instantiate_device_type_tests,
    onlyCUDA,
    ops,
    skipCPUIf,
    tol,
    toleranceOverride,
)
from torch.testing._internal.common_dtype import all_types_and_complex_and, floating_types_and
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_utils import TestCase, freeze_rng_state, instantiate_parametrized_tests, noncontiguous_like, parametrize, subtest


def run(cls):
    """(names of the tests that ran, result)."""
    suite = unittest.TestLoader().loadTestsFromTestCase(cls)
    result = unittest.TestResult()
    names = [test._testMethodName for test in suite]
    suite.run(result)
    return names, result


def test_a_parametrised_test_is_one_for_each_value():
    class Case(TestCase):
        @parametrize("x,y", [(1, 2), subtest((3, 4), name="big")])
        @parametrize("z", [True, False])
        def test_p(self, x, y, z):
            self.assertEqual(x + 1, y)

    names, result = run(instantiate_parametrized_tests(Case))
    assert names == ["test_p_big_z_False", "test_p_big_z_True", "test_p_x_1_y_2_z_False", "test_p_x_1_y_2_z_True"] and result.wasSuccessful()


def test_a_test_is_one_for_each_device_dtype_and_operator():
    class TestIt(TestCase):
        @dtypes(*floating_types_and(torch.half))
        @toleranceOverride({torch.half: tol(1e-2, 1e-2)})
        def test_d(self, device, dtype):
            self.assertEqual(torch.ones(2, device=device, dtype=dtype), torch.ones(2, dtype=dtype) + (1e-3 if dtype is torch.half else 0))

        @onlyCUDA
        def test_c(self, device):
            self.fail()

        @ops([op for op in op_db if op.name in ("add", "log")], allowed_dtypes=(torch.float32, torch.int64))
        def test_o(self, device, dtype, op):
            for sample in op.sample_inputs(device, dtype):
                self.assertEqual(op(sample.input, *sample.args), op(noncontiguous_like(sample.input), *sample.args))

        @expectedFailureCPU
        def test_f(self, device):
            self.fail()

        @skipCPUIf(True, "not here")
        @parametrize("k", [1, 2])
        def test_s(self, device, k):
            self.fail()

    scope = {}
    instantiate_device_type_tests(TestIt, scope)
    names, result = run(scope["TestItCPU"])
    assert names == ["test_c_cpu", "test_d_cpu_float16", "test_d_cpu_float32", "test_d_cpu_float64", "test_f_cpu", "test_o_add_cpu_float32",
                     "test_o_add_cpu_int64", "test_o_log_cpu_float32", "test_o_log_cpu_int64", "test_s_k_1_cpu", "test_s_k_2_cpu"]
    assert result.wasSuccessful() and len(result.skipped) == 3


def test_cases_compare_tensors_numbers_and_containers():
    case = TestCase()
    case.assertEqual([1, torch.ones(2)], [1, torch.ones(2)])
    case.assertEqual(torch.tensor(3), 3)
    case.assertEqual({"a": torch.float32}, {"a": torch.float32})
    case.assertNotEqual(torch.ones(2), torch.zeros(2))
    with pytest.raises(AssertionError, match="Tensor-likes are not close"):
        case.assertEqual(torch.ones(2), torch.zeros(2))
    with freeze_rng_state():
        first = torch.rand(2)
    assert torch.equal(first, torch.rand(2))
    assert torch.complex64 in all_types_and_complex_and(torch.bool) and op_db


@pytest.mark.parametrize("check, text, message", [
    (lambda c: c.check("a").check_next("b"), "xa\nyb\n", None),
    (lambda c: c.check("a").check_next("b"), "xa\n\nyb\n", r'Expected to not find "\\n"'),
    (lambda c: c.check("zz"), "xa\nyb\n", 'Expected to find "zz" but did not find it'),
    (lambda c: c.check_not("a"), "xa", 'Expected to not find "a" but found it'),
    (lambda c: c.check("x").check_not("b").check("c"), "x b c", 'not find "b"'),
    (lambda c: c.check_count("a", 2, exactly=True), "a a a", 'not find "a"'),
    (lambda c: c.check_count("a", 3, exactly=True), "a a a", None),
    (lambda c: c.check_count("a", 4), "a a a", 'find "a"'),
    (lambda c: c.check("x").check_same("b"), "xa\nb", 'not find'),
    (lambda c: c.check_dag("b").check_dag("a"), "a b", None),
    (lambda c: c.check_regex("a+b"), "xaaab", None),
    (lambda c: c.check_source_highlighted("b"), "a b c\n  ~", None),
    (lambda c: c.check_source_highlighted("b"), "a b c\n ~", "highlighting"),
    (lambda c: c, "text", "No checks"),
])
def test_file_check_demands_pieces_in_order(check, text, message):
    if message is None:
        check(FileCheck()).run(text)
    else:
        with pytest.raises(RuntimeError, match=message):
            check(FileCheck()).run(text)


def test_file_check_reads_its_demands_from_a_text():
    FileCheck().run("# CHECK: a\n# CHECK-NEXT: b\n# CHECK-NOT: c", "a\nb")
    with pytest.raises(RuntimeError, match="find \"b\""):
        FileCheck().run("# CHECK: a\n# CHECK: b", "a")


def test_calls_are_logged_as_a_graph_is_printed():
    from torch.testing._internal.logging_tensor import LoggingTensor, capture_logs, capture_logs_with_logging_tensor_mode, log_input

    with capture_logs() as lines:
        x = LoggingTensor(torch.tensor([3.0]), requires_grad=True)
        log_input("x", x)
        (x * x).sum().backward()
    assert lines[:3] == ["$0: f32[1] = input('x')", "$1: f32[1] = torch._ops.aten.mul.Tensor($0, $0)", "$2: f32[] = torch._ops.aten.sum.default($1)"]
    assert x.grad.elem.tolist() == [6.0]
    with capture_logs_with_logging_tensor_mode() as lines:
        torch.add(torch.zeros(2), 1, alpha=2)
    assert lines[-1] == "$1: f32[2] = torch._ops.aten.add.Tensor($0, 1, alpha=2)"


def test_statistics_are_logged_when_their_interval_is_full():
    seen = []
    handle = torch.monitor.register_event_handler(seen.append)
    A = torch.monitor.Aggregation
    stat = torch.monitor.Stat("loss", (A.SUM, A.MEAN, A.MAX), datetime.timedelta(hours=1), 2)
    stat.add(1)
    stat.add(3)
    torch.monitor.unregister_event_handler(handle)
    assert [(e.name, e.data) for e in seen] == [("torch.monitor.Stat", {"loss.sum": 4.0, "loss.mean": 2.0, "loss.max": 3.0})]
    assert stat.get() == {A.SUM: 4.0, A.MEAN: 2.0, A.MAX: 3.0} and stat.count == 0


def test_versions_compare_as_versions():
    V = torch.torch_version.TorchVersion
    assert V("1.10") > "1.9" and V("2.0a0") < "2.0" and V("2.0.dev1") < "2.0a1" and V("2.0.post1") > (2, 0) and V("2.0") == "2.0.0"
    assert V("2.0+cpu") > "2.0" and V("x") == "x" and torch.__version__ >= (2, 13) and hash(V("1.0")) == hash("1.0")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
