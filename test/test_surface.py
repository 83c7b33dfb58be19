"""Names beside the operators: streams, legacy types, storages, factors of large matrices, fake quantization, tools of torch.utils."""

import logging

import pytest

import torch
import torch.utils.benchmark as benchmark
import torch.utils.collect_env
from torch.testing import assert_close
from torch.utils import _pytree as pytree


def test_streams_and_events_of_the_cpu():
    stream = torch.Stream(device="cpu")
    assert stream.query() and stream == torch.Stream() and hash(stream) == hash(torch.Stream()) and stream.device == torch.device("cpu")
    assert torch.Event().query() and torch.Event().wait(stream) is None
    with pytest.raises(RuntimeError, match="support events"):
        stream.record_event()
    with pytest.raises(RuntimeError, match="not linked with support for cuda"):
        torch.Stream(device="cuda")


def test_there_is_no_accelerator():
    assert torch.accelerator.current_accelerator() is None and not torch.accelerator.is_available() and torch.accelerator.device_count() == 0
    with pytest.raises(RuntimeError, match="Cannot access accelerator"):
        torch.accelerator.synchronize()
    with torch.accelerator.device_index(None):
        pass


def test_legacy_tensor_types_have_the_methods_of_tensors():
    assert torch.FloatTensor.add is torch.Tensor.add and "matmul" in dir(torch.FloatTensor) and torch.FloatTensor.dtype is torch.float32
    assert isinstance(torch.FloatTensor([1.0]), torch.FloatTensor)


def test_storages_convert_their_elements(tmp_path):
    bytes_ = torch.tensor([1, 2, 250], dtype=torch.uint8).untyped_storage()
    assert bytes_.float().tolist() == [1.0, 2.0, 250.0] and bytes_.type(torch.int16).dtype is torch.int16
    storage = torch.FloatStorage([1.5, 2.5])
    assert storage.type("torch.DoubleStorage").dtype is torch.float64 and storage.int().tolist() == [1, 2] and storage.get_device() is None
    path = str(tmp_path / "numbers")
    shared = torch.from_file(path, shared=True, size=4, dtype=torch.float64)
    shared.copy_(torch.arange(4.0))
    again = torch.DoubleStorage.from_file(path, False, 4)
    assert again.tolist() == [0, 1, 2, 3] and again.filename == path


def test_results_with_names_are_trees():
    result = torch.ones(2, 3).max(0)
    leaves, spec = pytree.tree_flatten(result)
    assert len(leaves) == 2 and type(pytree.tree_unflatten(leaves, spec)) is torch.return_types.max
    assert torch.return_types.max in torch.return_types.all_return_types
    assert pytree.is_structseq(result) and not pytree.is_namedtuple(result) and pytree.tree_is_leaf(3)


def test_ranges_of_sizes():
    torch.sym_constrain_range(5, min=1, max=10)
    for check, size, limits in ((torch.sym_constrain_range, 50, {"max": 10}), (torch.sym_constrain_range_for_size, -1, {})):
        with pytest.raises(RuntimeError, match="Invalid value range"):
            check(size, **limits)
    assert torch.sym_sum([1, 2]) == torch.sym_sum(1, 2) == 3


@pytest.mark.parametrize("shape", [(40, 15), (15, 40), (2, 20, 30)])
def test_low_rank_factors(shape):
    torch.manual_seed(0)
    A = torch.randn(*shape[:-1], 4, dtype=torch.float64) @ torch.randn(*shape[:-2], 4, shape[-1], dtype=torch.float64)
    U, S, V = torch.svd_lowrank(A, q=6)
    assert_close(U * S.unsqueeze(-2) @ V.mH, A)
    assert_close(S[..., :4], torch.linalg.svdvals(A)[..., :4])
    U, S, V = torch.pca_lowrank(A, q=4)
    assert_close(U * S.unsqueeze(-2) @ V.mH, A - A.mean(-2, keepdim=True))


@pytest.mark.parametrize("largest", [True, False])
def test_extreme_eigenpairs(largest):
    torch.manual_seed(0)
    B = torch.randn(2, 20, 20, dtype=torch.float64)
    A, M = B @ B.mT + torch.eye(20), torch.eye(20, dtype=torch.float64) * 2 + 0.1
    values, vectors = torch.lobpcg(A, k=2, largest=largest, tol=1e-9)
    expected = torch.linalg.eigvalsh(A)
    assert_close(values, expected[:, -2:].flip(1) if largest else expected[:, :2])
    assert_close(A @ vectors, vectors * values.unsqueeze(-2), rtol=1e-5, atol=1e-5)
    values, vectors = torch.lobpcg(A, k=2, B=M.expand(2, 20, 20), largest=largest, tol=1e-9)
    assert_close(A @ vectors, M @ vectors * values.unsqueeze(-2), rtol=1e-5, atol=1e-5)
    start = torch.randn(20, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda S: torch.lobpcg((S + S.mT) / 2, X=start, largest=largest, tol=1e-13)[0], A[0].clone().requires_grad_())


def test_fake_quantization_rounds_to_the_grid_and_passes_gradients_within_it():
    x = torch.tensor([-1.0, 0.04, 0.06, 1.5, 100.0, float("nan")], requires_grad=True)
    y = torch.fake_quantize_per_tensor_affine(x, 0.1, 3, 0, 255)
    assert_close(y, torch.tensor([-0.3, 0.0, 0.1, 1.5, 25.2, -0.3]))
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 0, 0]
    scale, zero = torch.tensor([0.1, 0.2]), torch.tensor([0, 1], dtype=torch.int32)
    rows = torch.randn(2, 5)
    both = torch.fake_quantize_per_channel_affine(rows, scale, zero, 0, -128, 127)
    for i in range(2):
        assert_close(both[i], torch.fake_quantize_per_tensor_affine(rows[i], scale[i], zero[i], -128, 127))
    with pytest.raises(RuntimeError, match="`zero_point` must be between"):
        torch.fake_quantize_per_tensor_affine(x, 0.1, 300, 0, 255)


def test_running_statistics_move_towards_those_of_the_batch():
    x, mean, var = torch.randn(8, 3, 4), torch.zeros(3), torch.ones(3)
    got = torch.batch_norm_update_stats(x, mean, var, 0.25)
    assert_close(got[0], x.mean((0, 2)))
    assert_close(got[1], x.var((0, 2), correction=0))
    assert_close(mean, 0.25 * x.mean((0, 2)))
    assert_close(var, 0.75 + 0.25 * x.var((0, 2)))


def test_fuzzed_tensors_keep_their_limits():
    parameters = [benchmark.FuzzedParameter("n", 4, 64, "loguniform"), benchmark.FuzzedParameter("m", 1, 50, "uniform"),
                  benchmark.FuzzedParameter("k", distribution={2: 0.5, benchmark.ParameterAlias("m"): 0.5})]
    fuzzer = benchmark.Fuzzer(parameters, [benchmark.FuzzedTensor("x", size=("n", "m", "k"), steps=(1, 2), max_elements=2000)],
                              constraints=[lambda n, m, k: n > m], seed=3)
    for tensors, drawn, params in fuzzer.take(20):
        assert tensors["x"].shape == (params["n"], params["m"], params["k"]) and params["n"] > params["m"] and drawn["x"]["numel"] <= 2000
        assert params["k"] in (2, params["m"])
    assert 0 < fuzzer.rejection_rate < 1


def test_tables_of_times_can_be_coloured():
    times = [benchmark.Timer("x + 1", "x = 1", label="add", sub_label=s, description="plain").timeit(20) for s in ("a", "b")]
    table = benchmark.Compare(times)
    plain = str(table)
    table.colorize()
    assert "\033[" in str(table) and "\033[" not in plain and benchmark.unit_to_english("us") == "microsecond"


def test_the_environment_is_told():
    info = torch.utils.collect_env.get_env_info()
    assert info.torch_version == str(torch.__version__) and "numpy" in info.pip_packages
    text = torch.utils.collect_env.pretty_str(info)
    assert text.startswith("PyTorch version: 2.13.0") and "[conda]" in text


def test_throughput_trackers_batons_and_logs(tmp_path, caplog):
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    throughput = torch.utils.ThroughputBenchmark(module)
    throughput.add_input(torch.ones(1, 2))
    assert throughput.benchmark(num_calling_threads=2, num_warmup_iters=1, num_iters=10).num_iters == 10

    from torch.utils.file_baton import FileBaton
    from torch.utils.module_tracker import ModuleTracker

    with ModuleTracker() as tracker:
        seen = []
        module[0].register_forward_pre_hook(lambda *_: seen.append(set(tracker.parents)))
        module(torch.ones(1, 2)).sum().backward()
    assert seen == [{"Global", "Sequential", "Sequential.0"}]
    first, second = FileBaton(str(tmp_path / "lock")), FileBaton(str(tmp_path / "lock"))
    assert first.try_acquire() and not second.try_acquire()
    first.release()
    second.wait()
    assert second.try_acquire()

    from torch.utils.debug_log import debug_grad_log

    x = torch.ones(4, requires_grad=True)
    with caplog.at_level(logging.INFO):
        debug_grad_log(x)
        (2 * x).sum().backward()
    assert "t0_grad_norm=4.0000" in caplog.text


@pytest.mark.parametrize("scramble", [False, True])
def test_sobol_points_are_balanced(scramble):
    engine = torch.quasirandom.SobolEngine(20, scramble=scramble, seed=3)
    points = engine.draw_base2(6, dtype=torch.float64)
    assert ((points >= 0) & (points < 1)).all() and engine.num_generated == 64
    for cells in (2, 8, 64):    # every interval of length 1 / cells holds as many points
        counts = torch.stack([torch.bincount((column * cells).long(), minlength=cells) for column in points.T])
        assert (counts == 64 // cells).all()
    pairs = (points[:, :1] * 8).long() * 8 + (points[:, 1:2] * 8).long()
    assert len(pairs.unique()) == 64        # the first two dimensions together
    again = engine.reset().fast_forward(10).draw(5, dtype=torch.float64)
    assert torch.equal(again, points[10:15])
    with pytest.raises(ValueError, match="balance properties"):
        engine.draw_base2(3)
    with pytest.raises(ValueError, match="Supported range"):
        torch.quasirandom.SobolEngine(21202)
    assert torch.quasirandom.SobolEngine(2).draw(3).tolist() == [[0, 0], [0.5, 0.5], [0.75, 0.25]]


def test_operators_have_tags():
    aten, Tag = torch.ops.aten, torch.Tag
    assert aten.add.Tensor.tags == [Tag.core, Tag.pointwise, Tag.pt2_compliant_tag] and aten.add_.Tensor.tags[0] == Tag.inplace
    assert Tag.nondeterministic_seeded in aten.bernoulli.default.tags and Tag.dynamic_output_shape in aten.nonzero.default.tags
    assert Tag.reduction in aten.sum.dim_IntList.tags and Tag.out in aten.exp.out.tags and Tag.inplace_view in aten.transpose_.default.tags
    assert repr(Tag.core) == "<Tag.core: 0>" and torch.parse_schema("aten::f(Tensor x) -> Tensor").arguments[0].name == "x"


def test_the_cpu_as_a_device():
    assert torch.cpu.is_initialized() and torch.cpu.Event().query() and torch.cpu.get_capabilities()["num_logical_cores"] >= 1
    with pytest.warns(FutureWarning, match="deprecated"), torch.cpu.amp.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.bfloat16
    for name in ("eig", "lstsq", "solve", "symeig"):
        with pytest.raises(RuntimeError, match="is now removed"):
            getattr(torch.ones(2, 2), name)(torch.ones(2, 2))


def test_what_and_where_things_are():
    with torch.device("meta"):
        assert torch.get_default_device() == torch.device("meta")
    assert torch.get_default_device() == torch.device("cpu") and torch.typename(torch.nn) == "torch.nn"
    assert torch.get_file_path("torch", "version.py") == torch.version.__file__ and torch.compiled_with_cxx11_abi()
    with pytest.raises(ValueError, match="Expected 'owner/name"):
        torch.hub.load("a/b/c", "model")
    with pytest.raises(ValueError, match="Overflow"):
        torch.manual_seed(2**70)
    assert torch.serialization.StorageType("FloatStorage").dtype is torch.float32


MODULE = """
#include <Python.h>
static PyObject* twice(PyObject*, PyObject* args) {
  unsigned long long address;
  int n;
  if (!PyArg_ParseTuple(args, "Ki", &address, &n)) return nullptr;
  float* x = reinterpret_cast<float*>(address);
  for (int i = 0; i < n; i++) x[i] *= 2;
  Py_RETURN_NONE;
}
static PyMethodDef methods[] = {{"twice", twice, METH_VARARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "doubling", nullptr, -1, methods};
PyMODINIT_FUNC PyInit_doubling() { return PyModule_Create(&module); }
"""


def test_extensions_are_built_and_imported(tmp_path):
    from torch.utils import cpp_extension

    if not cpp_extension.check_compiler_ok_for_platform(cpp_extension.get_cxx_compiler()):
        pytest.skip("there is no C++ compiler")
    x = torch.tensor([1.0, 2.0])
    doubling = cpp_extension.load_inline("doubling", MODULE, build_directory=str(tmp_path), extra_cflags=["-O0"])
    doubling.twice(x.data_ptr(), 2)
    assert x.tolist() == [2, 4]
    built = (tmp_path / "doubling.so").stat().st_mtime_ns
    cpp_extension.load_inline("doubling", MODULE, build_directory=str(tmp_path), extra_cflags=["-O0"])
    assert (tmp_path / "doubling.so").stat().st_mtime_ns == built
    with pytest.raises(RuntimeError, match="Error building extension"):
        cpp_extension.load_inline("wrong", "nothing", build_directory=str(tmp_path))
    with pytest.raises(RuntimeError, match="no C\\+\\+ headers"):
        cpp_extension.load_inline("bound", "int f();", functions=["f"], build_directory=str(tmp_path))
    assert cpp_extension.get_compiler_abi_compatibility_and_version(cpp_extension.get_cxx_compiler())[1] > (5, 0, 0)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
