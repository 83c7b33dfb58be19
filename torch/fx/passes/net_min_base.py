"""Finding the nodes at which two ways of running a module differ."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Callable

from ..graph_module import GraphModule
from ..node import Node
from .shape_prop import ShapeProp
from .split_utils import split_by_tags
from .tools_common import CALLABLE_NODE_OPS, FxNetAccFusionsFinder

__all__ = ["FxNetMinimizerBadModuleError", "FxNetMinimizerRunFuncError", "FxNetMinimizerResultMismatchError"]

logger = logging.getLogger(__name__)


class FxNetMinimizerBadModuleError(Exception):
    """The nodes could not be cut out as a module."""


class FxNetMinimizerRunFuncError(Exception):
    """One of the two ways of running failed."""


class FxNetMinimizerResultMismatchError(Exception):
    """The results differ."""


@dataclass
class _MinimizerSettingBase:
    """Settings of a minimizer.

    Args:
        accumulate_error: give each part the results of the second way, so that errors add up.
        traverse_method: "sequential" (node by node), "binary" (halves), "accumulate" (longer and longer beginnings), "skip" or "block".
        find_all: go on after the first culprit.
        return_intermediate: :meth:`run_nodes` also returns the values inside.
        all_outputs: compare all results of a part and not only the first.
    """

    accumulate_error: bool = False
    traverse_method: str = "sequential"
    find_all: bool = False
    return_intermediate: bool = False
    all_outputs: bool = False


class _MinimizerBase:
    """Runs parts of a module in two ways, `run_a` and `run_b`, and finds the nodes whose results differ.

    Args:
        module: the module.
        sample_input: example inputs.
        compare_fn: (result a, result b, names) -> (a number, are they equal enough).
        settings: see :class:`_MinimizerSettingBase`.
        module_exporter: is given (inputs, part, name) of each part where the results differ.
        exclusion_fn: (nodes, start, end) takes nodes out of the list in place.
    """

    def __init__(self, module: GraphModule, sample_input: Any, compare_fn: Callable[[Any, Any, list[str]], tuple[float, bool]],
                 settings: _MinimizerSettingBase, module_exporter: Callable[[Any, GraphModule, str], None] | None = None,
                 exclusion_fn: Callable[[list[Node], int, int], None] | None = None):
        if not isinstance(module, GraphModule):
            raise AssertionError(f"expected a GraphModule, got {type(module)}")
        self.module, self.sample_input, self.compare_fn, self.settings = module, sample_input, compare_fn, settings
        self.module_exporter, self.exclusion_fn = module_exporter, exclusion_fn
        self.a_outputs: dict[str, Any] = {}
        self.b_outputs: dict[str, Any] = {}
        self.results: dict[Any, Any] = {}
        self.reports: list[list[str]] = []
        self.iteration = 0
        callable_nodes = {node for node in module.graph.nodes if node.op in CALLABLE_NODE_OPS}
        self.run_shape_prop()
        self.fusions = FxNetAccFusionsFinder(module, callable_nodes)()
        for placeholder, value in zip((n for n in module.graph.nodes if n.op == "placeholder"), sample_input):
            self.a_outputs[placeholder.name] = self.b_outputs[placeholder.name] = value

    def run_shape_prop(self) -> None:
        """Notes shapes down on the nodes."""
        ShapeProp(self.module).propagate(*self.sample_input)

    def run_a(self, mod: GraphModule, inputs: Any, report_idx: int = -1) -> Any:
        """The first way of running a part; subclasses define it."""
        raise RuntimeError("run_a() is not implemented.")

    def run_b(self, mod: GraphModule, inputs: Any, report_idx: int = -1) -> Any:
        """The second way of running a part; subclasses define it."""
        raise RuntimeError("run_b() is not implemented.")

    # ---- one part ----

    def _build_submodule(self, nodes: set[Node]) -> tuple[GraphModule, str]:
        """The module with these nodes as one part."""
        order = [node for node in self.module.graph.nodes if node.op in CALLABLE_NODE_OPS]
        last = max(nodes)
        needed_before = {n for n in order if n not in nodes and n < last and not _uses_any(n, nodes)}
        for node in order:
            node.tag = "minimize" if node in nodes else "main_0" if node in needed_before else "main_1"
        try:
            split = split_by_tags(self.module, ["main_0", "minimize", "main_1"])
        except AssertionError as error:
            raise FxNetMinimizerBadModuleError(f"the nodes {nodes} cannot be cut out: {error}") from error
        return split, "minimize"

    def _get_submod_inputs(self, main_module: GraphModule, submod_path: str) -> tuple[Any, Any]:
        """The inputs of the part in both ways."""
        placeholders = [n.name for n in getattr(main_module, submod_path).graph.nodes if n.op == "placeholder"]
        if self.settings.accumulate_error:
            known = self.b_outputs
            if all(name in known and name in self.a_outputs for name in placeholders):
                return [self.a_outputs[n] for n in placeholders], [known[n] for n in placeholders]
        seen: list[Any] = []
        handle = getattr(main_module, submod_path).register_forward_pre_hook(lambda module, inputs: seen.append(inputs))
        try:
            main_module(*self.sample_input)
        finally:
            handle.remove()
        return seen[0], seen[0]

    def _store_outputs(self, a_result: Any, b_result: Any, submodule: GraphModule):
        names = [n.name for n in submodule.graph.output_node().all_input_nodes]
        for results, kept in ((a_result, self.a_outputs), (b_result, self.b_outputs)):
            for name, value in zip(names, results if isinstance(results, (list, tuple)) else [results]):
                kept[name] = value

    def _run_and_compare(self, split_module: GraphModule, submod_name: str, output_names: list[str], report_idx: int = -1):
        """Runs a part in both ways. Raises FxNetMinimizerRunFuncError or FxNetMinimizerResultMismatchError."""
        submodule = getattr(split_module, submod_name)
        a_input, b_input = self._get_submod_inputs(split_module, submod_name)
        try:
            a_result = self.run_a(submodule, a_input, report_idx)
            b_result = self.run_b(submodule, b_input, report_idx)
        except Exception as error:
            raise FxNetMinimizerRunFuncError(f"running {output_names} failed: {error}") from error
        self._store_outputs(a_result, b_result, submodule)
        names = output_names or [str(submodule.graph.output_node().args[0])]
        number, equal = self.compare_fn(a_result, b_result, names)
        self.results[tuple(names)] = number
        self._note(f"Result of {', '.join(names)}: {number}")
        if not equal:
            if self.module_exporter:
                self.module_exporter(a_input, submodule, str(names[0]) + "_cpu")
            raise FxNetMinimizerResultMismatchError(f"Result mismatch for {names}")

    def _differs(self, nodes: list[Node]) -> bool:
        """Do the results differ when these nodes are one part?"""
        chosen = set(nodes)
        for node in nodes:
            chosen |= self.fusions.get(node, set())
        split, name = self._build_submodule(chosen)
        try:
            self._run_and_compare(split, name, [str(getattr(split, name).graph.output_node().args[0])])
        except (FxNetMinimizerRunFuncError, FxNetMinimizerResultMismatchError):
            return True
        return False

    # ---- traversals ----

    def _sequential_traverse(self, nodes: list[Node]) -> set[Node]:
        culprits: set[Node] = set()
        for node in nodes:
            if node in culprits:
                continue
            self._report(f"Visit node: {node.name}")
            if self._differs([node]):
                culprits |= {node} | self.fusions.get(node, set())
                if not self.settings.find_all:
                    break
        return culprits

    def _binary_traverse(self, nodes: list[Node]) -> set[Node]:
        self._report(f"Visit nodes {[n.name for n in nodes]}")
        if not nodes or not self._differs(nodes):
            return set()
        if len(nodes) == 1:
            return set(nodes) | self.fusions.get(nodes[0], set())
        middle = len(nodes) // 2
        culprits = self._binary_traverse(nodes[:middle])
        if not culprits or self.settings.find_all:
            culprits |= self._binary_traverse(nodes[middle:])
        return culprits or set(nodes)

    def _accumulate_traverse(self, nodes: list[Node]) -> set[Node]:
        for i, node in enumerate(nodes):
            self._report(f"Visit nodes up to {node.name}")
            if self._differs(nodes[:i + 1]):
                return {node}
        return set()

    def _skip_traverse(self, nodes: list[Node], skip_nodes: list[str]) -> set[Node]:
        """The runs of nodes between those to skip, each as one part."""
        culprits: set[Node] = set()
        run: list[Node] = []
        for node in [*nodes, None]:
            if node is not None and node.name not in skip_nodes:
                run.append(node)
            elif run:
                if self._differs(run):
                    culprits.update(run)
                    if not self.settings.find_all:
                        break
                run = []
        return culprits

    def _block_traverse(self, nodes: list[Node], find_last_node: bool | None) -> set[Node]:
        """The first and last node of the shortest block that differs; only one of them if `find_last_node` is given."""
        found: set[Node] = set()
        low, high = 1, len(nodes)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._differs(nodes[:middle]) else (middle + 1, high)
        end = low
        if find_last_node is not False:
            found.add(nodes[end - 1])
        if find_last_node is not True:
            low, high = 0, end - 1
            while low < high:
                middle = (low + high + 1) // 2
                low, high = (middle, high) if self._differs(nodes[middle:end]) else (low, middle - 1)
            found.add(nodes[low])
        return found

    def _collect_nodes(self, start: str | None, end: str | None) -> list[Node]:
        """The nodes from `start` to `end`, both included."""
        nodes = [node for node in self.module.graph.nodes if node.op in CALLABLE_NODE_OPS]
        names = [node.name for node in nodes]
        first = names.index(start) if start is not None else 0
        last = names.index(end) if end is not None else len(nodes) - 1
        return nodes[first:last + 1]

    def run_nodes(self, start: str | None = None, end: str | None = None):
        """Runs the nodes from `start` to `end` as one part in both ways and compares."""
        nodes = self._collect_nodes(start, end)
        split, name = self._build_submodule(set(nodes))
        if self.settings.return_intermediate:
            graph = getattr(split, name).graph
            output = graph.output_node()
            output.args = (tuple(n for n in graph.nodes if n.op in CALLABLE_NODE_OPS),)
            getattr(split, name).recompile()
        self._report(f"Run nodes {[n.name for n in nodes]}")
        self._run_and_compare(split, name, [n.name for n in getattr(split, name).graph.output_node().all_input_nodes])

    def minimize(self, start: str | None = None, end: str | None = None, skip_nodes: list[str] | None = None,
                 find_last_node: bool | None = None) -> set[Node]:
        """The nodes at which the two ways differ, found as the settings say.

        Args:
            start, end: look only between these nodes.
            skip_nodes: names of nodes that "skip" leaves out.
            find_last_node: "block" looks only for the last (or the first) node of the block.
        """
        nodes = self._collect_nodes(start, end)
        if self.exclusion_fn:
            self.exclusion_fn(nodes, 0, len(nodes))
        method = self.settings.traverse_method
        if method == "sequential":
            return self._sequential_traverse(nodes)
        if method == "binary":
            return self._binary_traverse(nodes)
        if method == "accumulate":
            return self._accumulate_traverse(nodes)
        if method == "skip":
            if skip_nodes is None:
                raise RuntimeError("'skip_nodes' can't be None when 'traverse_method' is 'skip'.")
            return self._skip_traverse(nodes, skip_nodes)
        if method == "block":
            return self._block_traverse(nodes, find_last_node)
        raise RuntimeError(f"Unknown traverse method {method}!")

    # ---- reports ----

    def _report(self, title: str):
        self.iteration += 1
        self.reports.append([f"Iteration {self.iteration}: {title}"])

    def _note(self, line: str):
        if self.reports:
            self.reports[-1].append(line)

    def print_report(self, report: list[str]):
        """Logs one report."""
        for i, line in enumerate(report):
            logger.info("%s. %s" if i else "%s%s", i or "", line)

    def print_reports(self):
        """Logs all reports."""
        for report in self.reports:
            self.print_report(report)


def _uses_any(node: Node, nodes: set[Node]) -> bool:
    """Does the node need one of `nodes`, directly or not?"""
    waiting, seen = list(node.all_input_nodes), set()
    while waiting:
        used = waiting.pop()
        if used in nodes:
            return True
        if used not in seen:
            seen.add(used)
            waiting.extend(used.all_input_nodes)
    return False
