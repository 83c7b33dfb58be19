"""torch.fx: a traced program is the program, and stays so through code, pickles, copies, interpreters and rewriting."""

import copy
import inspect
import math
import operator
import pickle
from collections import namedtuple

import pytest

import torch
import torch.nn.functional as F
from torch import fx, nn

Pair = namedtuple("Pair", "a b")


class Block(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.scale = nn.Parameter(torch.ones(width))
        self.register_buffer("shift", torch.arange(float(width)))

    def forward(self, x, bias: torch.Tensor = None, *, power: int = 2):
        y = self.mlp(self.norm(x)) * self.scale + self.shift
        a, b = y.split(2, -1)
        y = torch.cat([b, a], dim=-1)
        return {"y": F.relu(y) ** power, "parts": (a, [b[..., 0], x.shape[0]])}


def functions():
    const = torch.tensor([1.0, 2.0, 3.0, 4.0])
    return {
        "operators": lambda x: (abs(x) @ x.T @ x - 2 / (x + 3) * x // 2, x[0, :2, None], ~(x > 1), -x % 2, 2 ** x),
        "methods": lambda x: x.view(-1).softmax(0).reshape(x.shape).transpose(0, 1).contiguous(),
        "functional": lambda x: F.dropout(F.layer_norm(F.gelu(x), (4,)), 0.5, training=False),
        "constants": lambda x: x * const + torch.ones(4) + math.pi,
        "mutation": lambda x: torch.relu_(x * 1).add_(1),
        "nested": lambda x: {"a": [x + 1, (x, None)], "b": slice(1, 2), "c": x.dtype},
        "split": lambda x: torch.split(x, 2, dim=1)[0] + torch.einsum("ij,kj->ik", x, x)[:, :2],
    }


X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))


def equal(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


def same(a, b):
    if isinstance(a, torch.Tensor):
        equal(a, b)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            same(x, y)
    else:
        assert a == b


def traced():
    torch.manual_seed(0)
    block = Block()
    yield "module", block, fx.symbolic_trace(block)
    for name, f in functions().items():
        yield name, f, fx.symbolic_trace(f)


TRACED = list(traced())
ALL = pytest.mark.parametrize("f, gm", [(f, gm) for _, f, gm in TRACED], ids=[name for name, _, _ in TRACED])


@ALL
def test_a_trace_runs_like_the_program(f, gm):
    gm.graph.lint()
    same(f(X), gm(X))
    same(f(X), fx.Interpreter(gm).run(X))
    if not isinstance(f, nn.Module):
        same(f(X), fx.Interpreter(gm).boxed_run([X]))
    same(f(X), fx.Transformer(gm).transform()(X))


@ALL
def test_copies_run_like_the_original(f, gm):
    expected = f(X)
    loaded = pickle.loads(pickle.dumps(gm))
    assert type(loaded).__name__ == type(gm).__name__
    for other in (loaded, copy.deepcopy(gm), copy.copy(gm), fx.GraphModule(gm, copy.deepcopy(gm.graph)),
                  fx.GraphModule(gm, pickle.loads(pickle.dumps(gm.graph))), fx.symbolic_trace(gm)):
        other.graph.lint()
        same(expected, other(X))
    assert str(copy.deepcopy(gm).graph) == str(gm.graph) and str(pickle.loads(pickle.dumps(gm.graph))) == str(gm.graph)


@ALL
def test_generated_code_is_the_program(f, gm):
    code = gm.graph.python_code("self")
    assert gm.code == code.src and inspect.getsource(gm.forward).strip() == code.src.strip()
    for options in ({"verbose": True}, {"expanded_def": True}, {"record_func": True}, {"verbose": True, "additional_meta": ["seq_nr"]}):
        code = gm.graph.python_code("self", **options)
        namespace = dict(code.globals)
        exec(code.src, namespace)
        same(f(X), namespace["forward"](gm, X))


def test_the_printed_graph():
    gm = fx.symbolic_trace(lambda x, y=None: F.relu(torch.add(x, 1, alpha=2), inplace=True).view(-1, 2)[0])
    assert str(gm.graph) == """graph():
    %x : [num_users=1] = placeholder[target=x]
    %y : [num_users=0] = placeholder[target=y](default=None)
    %add : [num_users=1] = call_function[target=torch.add](args = (%x, 1), kwargs = {alpha: 2})
    %relu : [num_users=1] = call_function[target=torch.nn.functional.relu](args = (%add,), kwargs = {inplace: True})
    %view : [num_users=1] = call_method[target=view](args = (%relu, -1, 2), kwargs = {})
    %getitem : [num_users=1] = call_function[target=operator.getitem](args = (%view, 0), kwargs = {})
    return getitem"""
    assert gm.code == """


def forward(self, x, y = None):
    add = torch.add(x, 1, alpha = 2);  x = None
    relu = torch.nn.functional.relu(add, inplace = True);  add = None
    view = relu.view(-1, 2);  relu = None
    getitem = view[0];  view = None
    return getitem
    """


def test_leaf_modules_parameters_and_constants():
    gm = TRACED[0][2]
    targets = [(n.op, n.target) for n in gm.graph.nodes if n.op in ("call_module", "get_attr")]
    assert targets == [("call_module", "norm"), ("call_module", "mlp.0"), ("call_module", "mlp.1"), ("call_module", "mlp.2"),
                       ("get_attr", "scale"), ("get_attr", "shift")]
    assert list(gm.state_dict()) == ["scale", "shift", "norm.weight", "norm.bias", "mlp.0.weight", "mlp.0.bias", "mlp.2.weight", "mlp.2.bias"]
    stack = next(n for n in gm.graph.nodes if n.target == "mlp.0").meta["nn_module_stack"]
    assert list(stack.values()) == [("mlp", nn.Sequential), ("mlp.0", nn.Linear)]
    inside = fx.GraphModule(TRACED[0][1], Deep().trace(TRACED[0][1]))
    assert not [n for n in inside.graph.nodes if n.op == "call_module"]
    same(TRACED[0][1](X), inside(X))


class Deep(fx.Tracer):
    def is_leaf_module(self, m, module_qualified_name):
        return False


def test_what_needs_a_value_is_refused():
    for f in (lambda x: x if x.sum() > 0 else -x, lambda x: [y for y in x], lambda x: g(*x), lambda x: x in [1]):  # noqa: F821
        with pytest.raises((fx.proxy.TraceError, NameError)):
            fx.symbolic_trace(f)
    with pytest.raises(RuntimeError, match="'len' is not supported"):
        fx.symbolic_trace(lambda x: x.__len__())
    with pytest.raises(NotImplementedError, match="argument of type"):
        fx.symbolic_trace(lambda x: x.f(object()))
    with pytest.raises(TypeError):
        fx.symbolic_trace(lambda x: int(x))


def test_asserts_can_be_recorded():
    class Asserting(fx.Tracer):
        trace_asserts = True

    namespace = {}
    exec("def f(x):\n    assert x.sum() > 0, 'message'\n    return x", namespace)   # pytest rewrites the asserts of this file
    gm = fx.GraphModule({}, Asserting().trace(namespace["f"]))
    assert torch._assert in [n.target for n in gm.graph.nodes]
    with pytest.raises(AssertionError):
        gm(-torch.ones(2))


@fx.wrap
def recorded(x, n):
    return x * n if n > 1 else x


fx.wrap("len")


def test_wrapped_functions_are_one_node():
    gm = fx.symbolic_trace(lambda x: recorded(x, 3) + math.sqrt(x.sum()) + len(x))
    assert [n.name for n in gm.graph.nodes] == ["x", "recorded", "sum_1", "sqrt", "add", "len_1", "add_1", "output"]
    equal(gm(torch.ones(4)), torch.ones(4) * 3 + 2 + 4)
    assert len(X) == 3 and math.sqrt(4) == 2
    again = fx.symbolic_trace(gm)
    assert [n.target for n in again.graph.nodes] == [n.target for n in gm.graph.nodes]
    with pytest.raises(NotImplementedError):
        fx.wrap("abs")


class Point(metaclass=fx.ProxyableClassMeta):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def sum(self):
        return self.x + self.y


@fx.wrap
def moved(point, by):
    return point.sum() + by


def test_classes_may_be_made_of_proxies():
    gm = fx.symbolic_trace(lambda x, y: moved(Point(x, y), 1) + moved(Point(1, 2), x))
    assert [n.op for n in gm.graph.nodes] == ["placeholder"] * 2 + ["call_function"] * 2 + ["get_attr"] + ["call_function"] * 2 + ["output"]
    assert gm(1, 2) == 4 + 4


def test_concrete_arguments_are_checked_and_nests_keep_their_inputs():
    def f(x, d, n=2):
        return {"y": d["a"] + x * n if n > 1 else x, "z": [d["b"][0]]}

    gm = fx.symbolic_trace(f, {"n": 3})
    equal(gm(X, {"a": X, "b": [X]}, 3)["y"], 4 * X)
    with pytest.raises(AssertionError, match="n has been specialized to have value 3"):
        gm(X, {"a": X, "b": [X]}, 4)
    gm = fx.symbolic_trace(f, {"d": {"a": fx.PH, "b": [fx.PH, None]}, "n": 2})
    d = {"a": X, "b": [X, None]}
    same(gm(X, d, 2), f(X, d))
    same(fx.Interpreter(gm).run(X, d, 2), f(X, d))
    same(pickle.loads(pickle.dumps(gm))(X, d, 2), f(X, d))
    assert sum(n.op == "placeholder" for n in gm.graph.nodes) == 5


def test_variadic_functions():
    gm = fx.symbolic_trace(lambda *args, scale=2, **options: args[0] * scale + options["bias"])
    equal(gm(X, bias=X), 3 * X)


def test_parameter_shapes_as_constants():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(4, 2))

        def forward(self, x):
            return x @ self.w if self.w.shape[0] == 4 else x

    net = Net()
    with pytest.raises(fx.proxy.TraceError):
        fx.symbolic_trace(net)
    equal(fx.GraphModule(net, fx.Tracer(param_shapes_constant=True).trace(net))(X), net(X))


def test_names_are_unique_identifiers():
    graph = fx.Graph()
    names = [graph.placeholder(name).name for name in ("x", "x", "x_1", "x_5", "x", "input", "len", "lambda", "a.b", "1a", "FooBar", "torch")]
    assert names == ["x", "x_1", "x_2", "x_5", "x_6", "input_1", "len_1", "lambda_1", "a_b", "_1a", "foo_bar", "torch_1"]


def chain():
    graph = fx.Graph()
    x = graph.placeholder("x")
    a = graph.call_function(torch.relu, (x,))
    b = graph.call_function(torch.neg, (a,))
    graph.output(b)
    return graph, x, a, b


def test_editing():
    graph, x, a, b = chain()
    with graph.inserting_after(a):
        c = graph.call_function(torch.add, (a, 1), {"alpha": x})
    assert [n.name for n in graph.nodes] == ["x", "relu", "add", "neg", "output"] and a < c < b and c.prev is a and c.next is b
    assert a.replace_all_uses_with(c, lambda user: user is not c) == [b]
    graph.lint()
    assert list(a.users) == [c] and list(c.users) == [b] and c.all_input_nodes == [a, x]
    b.update_arg(0, a)
    c.update_kwarg("alpha", 2)
    b.insert_arg(1, None)
    assert b.args == (a, None) and list(c.users) == [] and list(x.users) == [a]
    b.args = (a,)
    with pytest.raises(RuntimeError, match="still had 2 users"):
        graph.erase_node(a)
    graph.erase_node(c)
    x.append(graph.call_function(torch.sin, (x,)))
    assert [n.name for n in reversed(graph.nodes)] == ["output", "neg", "relu", "sin", "x"] and len(graph.nodes) == 5
    assert graph.find_nodes(op="call_function", target=torch.neg) == [b] and graph.output_node().args == (b,)
    graph.lint()
    equal(fx.GraphModule({}, graph)(X), -X.relu())


def test_order_survives_many_insertions():
    graph, x, a, b = chain()
    for _ in range(200):
        with graph.inserting_before(b):
            graph.call_function(torch.sin, (a,))
    order = list(graph.nodes)
    assert all(p < q for p, q in zip(order, order[1:]))


def test_arguments_are_immutable():
    node = fx.symbolic_trace(lambda x: torch.cat([x, x])).graph.find_nodes(op="call_function")[0]
    with pytest.raises(TypeError, match="does not support mutation"):
        node.args[0].append(1)
    with pytest.raises(TypeError, match="does not support mutation"):
        node.kwargs["a"] = 1
    assert pickle.loads(pickle.dumps(node.args[0][:0])) == [] and copy.deepcopy(fx.immutable_collections.immutable_list([1])) == [1]


@pytest.mark.parametrize("broken", ["order", "foreign", "name", "target"])
def test_lint_finds(broken):
    graph, x, a, b = chain()
    gm = fx.GraphModule({}, graph)
    if broken == "order":
        b.append(a)
    elif broken == "foreign":
        b.args = (chain()[2],)
    elif broken == "name":
        b.name = a.name
    else:
        with pytest.warns(UserWarning):
            graph.inserting_before(b)
            graph.call_module("missing", (a,))
    with pytest.raises(RuntimeError):
        gm.graph.lint()


def test_dead_code_goes_but_effects_stay():
    def f(x):
        x + 1
        torch.nn.functional.relu(x)
        torch._assert(x.sum() > 0, "positive")
        torch.ops.aten.relu_.default(x)
        torch.rand_like(x)
        return x

    graph = fx.symbolic_trace(f).graph
    assert graph.eliminate_dead_code() and not graph.eliminate_dead_code()
    assert [n.name for n in graph.nodes] == ["x", "sum_1", "gt", "_assert", "relu__default", "rand_like", "output"]
    assert graph.eliminate_dead_code(lambda n: n.op in ("placeholder", "output"))
    assert len(graph.nodes) == 2

    @fx.has_side_effect
    def note(x):
        return x

    graph = fx.Graph()
    graph.call_function(note, (graph.placeholder("x"),))
    assert not graph.eliminate_dead_code()


def test_submodules():
    gm = copy.deepcopy(TRACED[0][2])
    assert gm.add_submodule("extra.deep", nn.ReLU()) and not gm.add_submodule("scale.x", nn.ReLU())
    assert isinstance(gm.extra.deep, nn.ReLU) and gm.delete_submodule("extra.deep") and not gm.delete_submodule("extra.deep")
    gm.delete_all_unused_submodules()
    assert [name for name, _ in gm.named_modules()] == ["", "norm", "mlp", "mlp.0", "mlp.1", "mlp.2"]
    same(gm(X), TRACED[0][1](X))


def test_code_can_be_changed():
    graph, *_ = chain()
    gm = fx.GraphModule({}, graph)
    with graph.on_generate_code(lambda before: lambda body: ["print_me = 1\n", *body]):
        gm.recompile()
        assert "print_me = 1" in gm.code
    gm.recompile()
    assert "print_me" not in gm.code

    class ListCodeGen(fx.CodeGen):
        def gen_fn_def(self, free_vars, maybe_return_annotation):
            return f"def forward(self, args_list){maybe_return_annotation}:\n    {', '.join(free_vars)}, = args_list"

        def generate_output(self, output_args):
            return f"return [{output_args!r}, offset]"

        def additional_globals(self):
            return [("offset", 7)]

        def process_inputs(self, *inputs):
            return inputs[0]

        def process_outputs(self, outputs):
            return [outputs, 7]

    graph.set_codegen(ListCodeGen())
    gm.recompile()
    same(gm([X]), [-X.relu(), 7])
    same(fx.Interpreter(gm).run([X]), [-X.relu(), 7])
    same(copy.deepcopy(gm)([X]), [-X.relu(), 7])


def test_types_in_code():
    graph = fx.Graph()
    x = graph.placeholder("x", type_expr=torch.Tensor, default_value=None)
    y = graph.call_function(isinstance, (x, torch.Tensor), type_expr=bool)
    z = graph.call_function(operator.pos, (Pair(1, y),), type_expr=list[int])
    graph.output(Pair(y, [z]), type_expr=tuple[int, ...])
    code = graph.python_code("self")
    exec(code.src, dict(code.globals))
    assert "x : torch.Tensor = None) -> tuple[int, ...]:" in code.src and "isinstance_1 : bool = isinstance(x, torch.Tensor)" in code.src
    assert "return test_fx_Pair(isinstance_1, [pos])" in code.src.replace("__main__", "test_fx")


def test_readable_code_shows_shapes_and_origins(capsys):
    gm = fx.symbolic_trace(lambda x: (x + 1).sum(0))
    for node in gm.graph.nodes:
        node.meta["val"] = X
        node.stack_trace = '  File "a.py", line 3, in f\n    return x + 1\n'
    text = gm.print_readable(include_stride=True)
    assert capsys.readouterr().out == text + "\n"
    assert '    def forward(self, x: "f32[3, 4][4, 1]"):\n        # File: a.py:3 in f, code: return x + 1\n' in text
    assert '\x1b[' in gm.print_readable(print_output=False, colored=True)
    gm.graph.print_tabular()
    assert "call_function  add" in capsys.readouterr().out


def test_errors_tell_where(capsys):
    gm = fx.symbolic_trace(lambda x: x.view(7))
    with pytest.raises(RuntimeError):
        gm(X)
    assert "line 5 of the traced Module's generated forward function" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="While executing %view"):
        fx.Interpreter(gm).run(X)
    with pytest.raises(RuntimeError, match="Expected positional argument for parameter x"):
        fx.Interpreter(gm).run()


@pytest.mark.filterwarnings("ignore:Was not able")
def test_a_folder_can_be_imported(tmp_path, monkeypatch):
    gm = TRACED[0][2]
    gm.to_folder(tmp_path / "saved_block", "SavedBlock")
    monkeypatch.syspath_prepend(str(tmp_path))
    from saved_block import SavedBlock

    same(SavedBlock()(X), gm(X))


def test_graphs_as_expressions():
    graph = fx.Graph()
    x = fx.Proxy(graph.placeholder("x"))
    graph.output((torch.relu(x) + x.neg()).node)
    equal(fx.GraphModule({}, graph)(X), X.relu() - X)


def test_source_goes_with_the_function():
    import gc
    import linecache

    gm = fx.symbolic_trace(lambda x: x + 1)
    file = gm.forward.__code__.co_filename
    assert file in linecache.cache
    del gm
    gc.collect()
    assert file not in linecache.cache


@pytest.mark.parametrize("module", ["fx", "fx.graph", "fx.interpreter", "fx._symbolic_trace", "fx.subgraph_rewriter", "fx.operator_schemas",
                                    "fx.tensor_type", "fx.experimental.normalize", "fx.experimental.meta_tracer", "utils.checkpoint",
                                    "utils._checkpoint_policy", "utils.flop_counter", "utils.module_tracker", "functional", "overrides"])
def test_examples_of_the_documentation(module):
    import doctest
    import importlib

    assert doctest.testmod(importlib.import_module("torch." + module), extraglobs={"torch": torch}).failed == 0
