"""Passes of torch.fx: what they make computes the same, and what they promise about its form holds."""

import copy
import operator

import pytest

import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.fx.experimental.const_fold import split_const_subgraphs
from torch.fx.experimental.merge_matmul import merge_matmul
from torch.fx.experimental.meta_tracer import symbolic_trace as trace_with_shapes
from torch.fx.experimental.normalize import NormalizeArgs, NormalizeOperators
from torch.fx.experimental.optimization import fuse, optimize_for_inference
from torch.fx.experimental.rewriter import RewritingTracer
from torch.fx.operator_schemas import normalize_function
from torch.fx.passes.dialect.common.cse_pass import CSEPass
from torch.fx.passes.graph_manipulation import get_size_of_all_nodes, replace_target_nodes_with
from torch.fx.passes.graph_transform_observer import GraphTransformObserver
from torch.fx.passes.infra.partitioner import CapabilityBasedPartitioner
from torch.fx.passes.infra.pass_base import PassBase, PassResult
from torch.fx.passes.infra.pass_manager import PassManager, pass_result_wrapper, this_before_that_pass_constraint
from torch.fx.passes.net_min_base import _MinimizerBase, _MinimizerSettingBase
from torch.fx.passes.operator_support import OperatorSupport, OpSupports, any_chain, chain, create_op_support
from torch.fx.passes.shape_prop import ShapeProp
from torch.fx.passes.split_module import split_module, split_module_simple
from torch.fx.passes.split_utils import split_by_tags
from torch.fx.passes.splitter_base import _SplitterBase, _SplitterSettingBase
from torch.fx.passes.tools_common import legalize_graph, stable_topological_sort
from torch.fx.passes.utils import compare_graphs
from torch.fx.passes.utils.matcher_utils import SubgraphMatcher
from torch.fx.passes.utils.matcher_with_name_node_map_utils import SubgraphMatcherWithNameNodeMap
from torch.fx.passes.utils.source_matcher_utils import check_subgraphs_connected, get_source_partitions

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.scale = nn.Parameter(torch.full((4,), 2.0))

    def forward(self, x):
        a = F.relu(self.first(x)) + x
        b = a.sum(-1, keepdim=True)
        c = torch.sigmoid(b) * a
        d, e = self.second(c).split(2, -1)
        return (d * self.scale[:2]).exp(), [e, b]


torch.manual_seed(0)
NET = Net()


def net():
    return fx.symbolic_trace(NET)


def same(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=0)


def steps(gm):
    return [node for node in gm.graph.nodes if node.op.startswith("call_")]


# ---- patterns ----

def test_replacing_a_pattern_keeps_what_it_computes():
    gm = fx.symbolic_trace(lambda x, y: torch.relu(torch.add(x, y)) + torch.relu(torch.add(y, 2 * x)))
    before = copy.deepcopy(gm)
    matches = fx.replace_pattern(gm, lambda a, b: torch.relu(torch.add(a, b)), lambda a, b: (a + b).clamp(min=0))
    gm.graph.lint()
    assert len(matches) == 2 and torch.relu not in [n.target for n in steps(gm)]
    assert matches[0].anchor.target is torch.relu and len(matches[1].nodes_map) == 4
    same(gm(X, X.cos()), before(X, X.cos()))


def test_replacements_may_be_chained_and_use_the_same_input_twice():
    gm = fx.symbolic_trace(lambda x: torch.sin(torch.sin(torch.sin(x))))
    fx.replace_pattern(gm, lambda a: torch.sin(a), lambda a: torch.cos(a) * a)
    same(gm(X), fx.symbolic_trace(lambda x: (y := (z := x.cos() * x).cos() * z).cos() * y)(X))


def test_patterns_with_several_results():
    def pattern(x):
        a = torch.sin(x)
        return a, torch.cos(a)

    gm = fx.symbolic_trace(lambda x: (lambda a: a + torch.cos(a))(torch.sin(x)))
    fx.replace_pattern(gm, pattern, lambda x: (x.sin(), x.sin().cos()))
    assert [n.op for n in steps(gm)] == ["call_method", "call_method", "call_method", "call_function"]
    same(gm(X), X.sin() + X.sin().cos())


def test_a_value_used_outside_prevents_a_match():
    gm = fx.symbolic_trace(lambda x: torch.relu(a := x.neg()) + a)
    assert not fx.replace_pattern(gm, lambda x: torch.relu(x.neg()), lambda x: x)


def test_filters_literals_and_callbacks():
    from torch.fx.subgraph_rewriter import replace_pattern_with_filters

    gm = fx.symbolic_trace(lambda x: torch.add(x, 3).relu() + torch.add(x, 4).relu())
    assert not fx.replace_pattern(gm, lambda x: torch.add(x, 5).relu(), lambda x: x)

    def is_three(match, graph, pattern):
        return any(n.target is torch.add and n.args[1] == 3 for n in match.nodes_map.values())

    def halved(match, graph, pattern):
        return fx.symbolic_trace(lambda x: x / 2).graph

    replaced = replace_pattern_with_filters(gm, lambda x: torch.add(x, 5).relu(), match_filters=[is_three], ignore_literals=True,
                                            replacement_callback=halved)
    assert len(replaced) == 1 and [n.name for n in replaced[0].replacements] == ["truediv"]
    same(gm(X), X / 2 + (X + 4).relu())


def test_replacements_bring_their_modules():
    class New(nn.Module):
        def __init__(self):
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, x):
            return self.act(x)

    gm = fx.symbolic_trace(lambda x: torch.sigmoid(x))
    fx.replace_pattern(gm, lambda x: torch.sigmoid(x), fx.symbolic_trace(New()))
    same(gm(X), X.relu())


def test_matchers():
    graph = fx.symbolic_trace(lambda x, y: F.relu(x + y) * (x + y)).graph
    pattern = fx.symbolic_trace(lambda a, b: a + b).graph
    assert len(SubgraphMatcher(pattern).match(graph)) == 2
    with pytest.raises(ValueError, match="empty pattern"):
        SubgraphMatcher(fx.Graph())
    assert compare_graphs(graph, copy.deepcopy(graph)) and not compare_graphs(graph, pattern)
    named = SubgraphMatcherWithNameNodeMap(fx.symbolic_trace(lambda a, b: (F.relu(c := a + b), {"sum": c})))
    (match,) = named.match(graph)
    assert match.name_node_map["sum"].name == "add" and [n.name for n in match.placeholder_nodes] == ["x", "y"]


# ---- splitting ----

@pytest.mark.parametrize("options", [{}, {"keep_original_order": True}, {"keep_original_node_name": True, "tuple_return": True},
                                     {"keep_original_input_name": False, "partition_affix": "x"}])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_parts_of_a_module_compose_to_it(count, options):
    gm = net()
    number = {node: i * count // len(steps(gm)) for i, node in enumerate(steps(gm))}
    names = {}
    split = split_module(gm, NET, number.__getitem__, names, **options)
    split.graph.lint()
    same(split(X), NET(X))
    assert len(list(split.children())) == count and {"first", "second"} <= set(names.values())
    assert sum(p.numel() for p in split.parameters()) == sum(p.numel() for p in NET.parameters())


def test_parts_in_a_circle_are_refused_and_unnamed_nodes_follow():
    gm = net()
    with pytest.raises(RuntimeError, match="cycle"):
        split_module(gm, gm, lambda node: steps(gm).index(node) % 2)
    split = split_module_simple(gm, {steps(gm)[4]: 1})
    assert len(list(split.children())) == 2
    same(split(X), NET(X))


def test_split_by_tags():
    gm = net()
    for i, node in enumerate(steps(gm)):
        node.tag = "ab"[i > 5]
    split, names = split_by_tags(gm, ["a", "b"], return_fqn_mapping=True)
    same(split(X), NET(X))
    assert names == {"first": "a.first", "second": "b.second", "scale": "b.scale"}


SUPPORTED = (torch.sigmoid, operator.mul, operator.add, F.relu)


class Pointwise(OperatorSupport):
    def is_node_supported(self, submodules, node):
        return node.op == "call_function" and node.target in SUPPORTED


def test_supported_nodes_become_calls():
    gm = net()
    partitioner = CapabilityBasedPartitioner(gm, Pointwise(), allows_single_node_partition=True)
    partitions = partitioner.propose_partitions()
    assert sorted(sorted(n.name for n in p.nodes) for p in partitions) == [["add", "relu"], ["mul", "sigmoid"], ["mul_1"]]
    fused = partitioner.fuse_partitions(partitions)
    fused.graph.lint()
    assert not [n for n in steps(fused) if n.target in SUPPORTED]
    same(fused(X), NET(X))
    assert len(CapabilityBasedPartitioner(net(), Pointwise()).propose_partitions()) == 2


def test_accelerated_parts_and_their_inputs():
    splitter = _SplitterBase(net(), [X], Pointwise(), _SplitterSettingBase(min_acc_module_size=2))
    result = splitter.generate_split_results()
    same(result.split_module(X), NET(X))
    names = [name for name, _ in result.split_module.named_children()]
    assert names[0].startswith("_run_on_cpu_") and names[1].startswith("_run_on_acc_") and set(result.submodule_inputs) == set(names)
    acc = [n for name, m in result.split_module.named_children() if "acc" in name for n in steps(m)]
    assert acc and all(n.target in SUPPORTED for n in acc)
    with pytest.raises(ValueError, match="max_acc_splits"):
        _SplitterBase(net(), [X], Pointwise(), _SplitterSettingBase(max_acc_splits=0))()


def test_supports():
    gm = net()
    ShapeProp(gm).propagate(X)
    modules = dict(gm.named_modules())
    table = OperatorSupport({"torch.nn.modules.linear.Linear": None, "torch.sigmoid": ([[torch.float64]], {})})
    assert [n.name for n in steps(gm) if table.is_node_supported(modules, n)] == ["first", "second"]
    yes, no = create_op_support(lambda modules, node: True), create_op_support(lambda modules, node: False)
    node = steps(gm)[0]
    assert not chain(yes, no).is_node_supported(modules, node) and any_chain(yes, no).is_node_supported(modules, node)
    assert not OpSupports.decline_if_input_dtype(torch.float32).is_node_supported(modules, node)
    assert not OpSupports.decline_if_node_in_names({"first"}).is_node_supported(modules, node)


@pytest.mark.parametrize("method", ["sequential", "binary", "accumulate", "block"])
def test_the_minimizer_finds_the_culprit(method):
    class Minimizer(_MinimizerBase):
        def run_a(self, mod, inputs, report_idx=-1):
            return mod(*inputs)

        def run_b(self, mod, inputs, report_idx=-1):
            changed = copy.deepcopy(mod)
            for node in changed.graph.find_nodes(op="call_function", target=torch.sigmoid):
                node.target = torch.tanh
            changed.recompile()
            return changed(*inputs)

    def compare(a, b, names):
        first = lambda v: v[0] if isinstance(v, (tuple, list)) else v  # noqa: E731
        return 0.0, torch.equal(first(a), first(b))

    gm = fx.symbolic_trace(lambda x: torch.sigmoid(x.exp() + 1).neg() * 2)
    found = Minimizer(gm, [X], compare, _MinimizerSettingBase(traverse_method=method)).minimize(find_last_node=True)
    assert [n.name for n in found] == ["sigmoid"]


# ---- single passes ----

def test_shapes_and_sizes():
    gm = net()
    ShapeProp(gm).propagate(X)
    for node in gm.graph.nodes:
        if node.op.startswith("call_") and node.name != "split":
            assert node.meta["tensor_meta"].dtype is torch.float32
    assert gm.graph.find_nodes(op="call_function", target=torch.sigmoid)[0].meta["tensor_meta"].shape == (3, 1)
    gm = fx.symbolic_trace(nn.Sequential(nn.Linear(4, 2)))
    get_size_of_all_nodes(gm, [X])
    assert [tuple(n.size_bytes) for n in gm.graph.nodes if n.op != "output"] == [(48, 48), (24, 24 + 40)]
    with pytest.raises(RuntimeError, match="ShapeProp error"):
        ShapeProp(gm).propagate(X[:, :1])


def test_common_subexpressions():
    gm = fx.symbolic_trace(lambda x: (x.cos() + x.cos(), torch.add(x, 1) - torch.add(x, 1.0), torch.rand_like(x) - torch.rand_like(x)))
    result = CSEPass()(gm)
    assert result.modified and len(steps(result.graph_module)) == len(steps(gm)) - 1
    same(result.graph_module(X)[:2], gm(X)[:2])
    assert not CSEPass()(result.graph_module).modified


@pytest.mark.parametrize("sort", [legalize_graph, stable_topological_sort])
def test_orders(sort):
    gm = fx.symbolic_trace(lambda x: x.cos() + x.sin())
    nodes = list(gm.graph.nodes)
    nodes[3].append(nodes[1])
    with pytest.raises(RuntimeError):
        gm.graph.lint()
    sort(gm).graph.lint()
    same(gm(X), X.cos() + X.sin())


def test_targets_can_be_replaced_and_changes_observed():
    gm = fx.symbolic_trace(lambda x: torch.sin(x))
    replace_target_nodes_with(gm, "call_function", torch.sin, "call_method", "cos")
    same(gm(X), X.cos())

    def to_relu(graph):
        node = steps(gm)[0]
        with graph.inserting_after(node):
            new = graph.call_function(torch.relu, node.args)
        node.replace_all_uses_with(new)
        graph.erase_node(node)

    observer = GraphTransformObserver(gm, "to_relu")
    observer.apply_graph_pass(to_relu)
    assert observer.created_nodes == {"relu"} and observer.erased_nodes == {"sin"}
    source = steps(gm)[0].meta["from_node"][-1]
    assert source.name == "sin" and source.pass_name == "to_relu" and not gm._create_node_hooks


def test_pass_managers():
    class Once(PassBase):
        def call(self, gm):
            changed = any(n.target is torch.sin for n in steps(gm))
            for node in steps(gm):
                node.target = torch.cos if node.target is torch.sin else node.target
            return PassResult(gm, changed)

    def recompile(gm):
        gm.recompile()

    once, recompiled = Once(), pass_result_wrapper(recompile)
    manager = PassManager([recompiled, once], [this_before_that_pass_constraint(once, recompiled)], steps=3, run_checks_after_each_pass=True)
    checks = []
    manager.add_checks(lambda gm: checks.append(gm))
    result = manager(fx.symbolic_trace(lambda x: torch.sin(x)))
    assert result.modified and manager.passes == [once, recompiled] and checks
    same(result.graph_module(X), X.cos())
    with pytest.raises(RuntimeError, match="Circular"):
        PassManager([once, recompiled], [this_before_that_pass_constraint(once, recompiled),
                                         this_before_that_pass_constraint(recompiled, once)]).solve_constraints()


def test_sources():
    gm = net()
    for node in steps(gm):
        if node.target in (F.relu, torch.sigmoid):
            node.meta["source_fn_stack"] = [(node.name, node.target)]
    found = get_source_partitions(gm.graph, [F.relu, torch.sigmoid])
    relu, sigmoid = found[F.relu][0], found[torch.sigmoid][0]
    assert [n.name for n in relu.input_nodes] == ["first"] and not check_subgraphs_connected(relu, sigmoid)


# ---- experimental ----

def test_normal_forms():
    gm = fx.symbolic_trace(lambda x: torch.add(F.relu(x), x, alpha=2) * torch.mul(x, 2))
    for node in gm.graph.nodes:
        node.meta["type"] = torch.Tensor
    normal = NormalizeArgs(gm).transform()
    relu = next(n for n in steps(normal) if n.target is F.relu)
    assert relu.args == () and list(relu.kwargs) == ["input", "inplace"]
    operators = NormalizeOperators(gm).transform()
    assert [n.target for n in steps(operators)].count(operator.mul) == 2
    same(normal(X), gm(X))
    same(operators(X), gm(X))
    assert normalize_function(torch.sum, (X, 1), arg_types=(torch.Tensor, int)) == ((X, 1), {"keepdim": False, "dtype": None})


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.drop = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Dropout()

    def forward(self, x):
        return self.drop(F.relu(self.norm(self.conv(x))))


def test_batch_normalisation_goes_into_the_convolution():
    torch.manual_seed(0)
    model, x = ConvNet(), torch.randn(2, 2, 5, 5)
    model(x)
    model.eval()
    for made, left in ((fuse(model), [nn.Conv2d, nn.Dropout]), (optimize_for_inference(model), [nn.Conv2d])):
        assert [type(made.get_submodule(n.target)) for n in made.graph.nodes if n.op == "call_module"] == left
        torch.testing.assert_close(made(x), model(x))


def test_constants_are_computed_once():
    class Folded(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Parameter(torch.ones(4)), nn.Parameter(torch.arange(4.0))

        def forward(self, x):
            return x * (self.a + self.b).exp() + self.b.sum() + x.sum()

    model = Folded()
    folded = split_const_subgraphs(model)
    assert [n.op for n in folded.graph.nodes].count("call_function") == 5 and not folded.has_folding_been_run
    torch.testing.assert_close(folded(X), model(X))
    assert folded.has_folding_been_run and len(split_const_subgraphs(fx.symbolic_trace(lambda x: x + 1)).graph.nodes) == 3


def test_products_are_merged():
    f = lambda x, y, z: torch.matmul(x, z) + torch.matmul(y, z)  # noqa: E731
    gm = merge_matmul(f)
    assert [n.target for n in steps(gm)].count(torch.matmul) == 1
    torch.testing.assert_close(gm(X, X + 1, X.T), f(X, X + 1, X.T))


def test_control_flow_on_shapes():
    gm = trace_with_shapes(lambda x: x.relu() if x.dim() == 2 and x.shape[0] == 3 else x, {"x": torch.empty(3, 4, device="meta")})
    same(gm(X), X.relu())


def test_rewritten_functions():
    def f(x):
        y: torch.Tensor = x + 1
        return y

    gm = fx.GraphModule({}, RewritingTracer().trace(f))
    assert steps(gm)[0].type is torch.Tensor
    same(gm(X), X + 1)


def test_drawings_need_pydot():
    from torch.fx.passes.graph_drawer import FxGraphDrawer

    try:
        import pydot  # noqa: F401
    except ImportError:
        with pytest.raises(RuntimeError, match="pydot"):
            FxGraphDrawer(net(), "net")
    else:
        assert "sigmoid" in FxGraphDrawer(net(), "net").get_dot_graph().to_string()


def test_sizes_are_unified():
    from torch.fx.experimental.refinement_types import Equality
    from torch.fx.experimental.unify_refinements import substitute_all_types, unify_eq
    from torch.fx.tensor_type import Dyn, TensorType, is_consistent, is_more_precise

    solution = unify_eq([Equality("n", "m"), Equality("m", 3), Equality(4, "k")])
    assert solution == {"n": 3, "m": 3, "k": 4} and unify_eq([Equality("n", 3), Equality("n", 4)]) is False
    graph = fx.Graph()
    node = graph.placeholder("x", type_expr=TensorType(("n", Dyn, 5)))
    substitute_all_types(graph, solution)
    assert node.type == TensorType((3, Dyn, 5)) and is_consistent(node.type, TensorType((3, 1, Dyn)))
    assert is_more_precise(TensorType((3, 1, 5)), node.type) and not is_more_precise(node.type, TensorType((3, 1, 5)))
