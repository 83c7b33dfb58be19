"""GraphModule: a module whose forward is generated from a graph."""

from __future__ import annotations

import copy
import itertools
import linecache
import sys
import traceback
import warnings
import weakref
from pathlib import Path
from typing import Any, Callable

import torch

from ._codegen import PythonCode, _PyTreeCodeGen
from ._names import CUSTOM_BUILTINS
from .graph import Graph

__all__ = ["reduce_graph_module", "reduce_package_graph_module", "GraphModule"]

_HOOKS = ("_replace_hooks", "_create_node_hooks", "_erase_node_hooks", "_deepcopy_hooks")
_serial = itertools.count()


def _function_of(source: str, name: str, namespace: dict[str, Any], origin: str = "") -> Callable:
    """The function that generated source defines; tracebacks, debuggers and `inspect` find the source as long as the function lives."""
    file = f"<eval_with_key>.{next(_serial)}{origin}"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec", dont_inherit=True), namespace)  # noqa: S102
    weakref.finalize(namespace[name], linecache.cache.pop, file, None).atexit = False
    return namespace[name]


class _Forward:
    """`forward` of one GraphModule's class: compiled when it is first looked up, for a graph is often rewritten before it runs."""

    def __init__(self, code: PythonCode, name: str, origin: str):
        self.code, self.name, self.origin = code, name, origin

    def __get__(self, instance, owner):
        function = _function_of(self.code.src, self.name, dict(self.code.globals), self.origin)
        for cls in owner.__mro__:
            if vars(cls).get("forward") is self:
                cls.forward = function
        return function if instance is None else function.__get__(instance, owner)


def _parent_of(module: torch.nn.Module, path: str, make: bool = False) -> tuple[Any, str]:
    *prefix, name = path.split(".")
    for part in prefix:
        child = getattr(module, part, None)
        if child is None and make:
            child = torch.nn.Module()
            module.add_module(part, child)
        module = child
    return module, name


def _assign(value: Any, module: torch.nn.Module, path: str):
    """Makes `value` the attribute at this path, a plain tensor as a buffer."""
    owner, name = _parent_of(module, path, make=True)
    if isinstance(value, torch.Tensor) and not isinstance(value, torch.nn.Parameter):
        owner.register_buffer(name, value)
    else:
        setattr(owner, name, value)


def _copy_attr(source: torch.nn.Module, target: torch.nn.Module, path: str):
    """The attribute at this path of `source` also in `target`."""
    value: Any = source
    for part in path.split("."):
        value = getattr(value, part)
    _assign(value, target, path)


class GraphModule(torch.nn.Module):
    """A module that runs a :class:`Graph`.

    `GraphModule(root, graph, class_name="GraphModule")` takes the parameters and submodules that the graph names from `root`: a module,
    or a dictionary from paths to values. Its `code` is the Python source of `forward`. After changing `graph` in place call
    :meth:`recompile`; assigning to `graph` does it.

    Every instance has a class of its own, since `forward` belongs to a class.
    """

    def __new__(cls, *args, **kwargs):
        own = next(base for base in cls.__mro__ if base.__qualname__ != "GraphModuleImpl")
        impl = type("GraphModuleImpl", (own,), {"__module__": own.__module__, "__qualname__": "GraphModuleImpl"})
        return super().__new__(impl)

    def __init__(self, root: torch.nn.Module | dict[str, Any], graph: Graph, class_name: str = "GraphModule"):
        super().__init__()
        type(self).__name__ = class_name
        named = dict.fromkeys(n.target for n in graph.nodes if n.op in ("get_attr", "call_module"))
        if isinstance(root, torch.nn.Module):
            if hasattr(root, "training"):
                self.training = root.training
            for path in named:
                _copy_attr(root, self, path)
        elif isinstance(root, dict):
            for node in graph.nodes:
                if node.op in ("get_attr", "call_module") and node.target not in root:
                    raise RuntimeError(f"Node {node} referenced target {node.target} but that target was not provided in ``root``!")
            for path in sorted(named, key=lambda path: path.count(".")):
                _assign(root[path], self, path)
        else:
            raise RuntimeError(f"Unsupported type {root} passed for root!")
        self.meta: dict[str, Any] = {}
        if isinstance(root, GraphModule):
            self.meta.update(root.meta)
        for hooks in _HOOKS:
            object.__setattr__(self, hooks, [])
        self._tracer_cls = graph._tracer_cls if graph._tracer_cls and "<locals>" not in graph._tracer_cls.__qualname__ else None
        self._tracer_extras = graph._tracer_extras
        self.graph = graph

    # ---- graph and code ----

    @property
    def graph(self) -> Graph:
        """The graph that this module runs."""
        return self._graph

    @graph.setter
    def graph(self, graph: Graph):
        if not isinstance(graph, Graph):
            raise AssertionError(f"Expected a Graph instance, but got {type(graph)}")
        self._graph = graph
        graph.owning_module = self
        self.recompile()

    def recompile(self) -> PythonCode:
        """Generates `forward` from the graph again; call it after changing the graph. Returns the generated code."""
        codegen = self._graph._codegen
        if isinstance(codegen, _PyTreeCodeGen):
            self._in_spec, self._out_spec = codegen.pytree_info.in_spec, codegen.pytree_info.out_spec
        code = self._graph.python_code(root_module="self")
        self._code, self._lineno_map, self._prologue_start = code.src, code._lineno_map, code._prologue_start
        type(self).forward = _Forward(code, codegen._func_name, self._graph._origin)
        return code

    @property
    def code(self) -> str:
        """The generated source. Raises RuntimeError before there is any."""
        if not hasattr(self, "_code"):
            raise RuntimeError("Code has not been generated! Please report a bug to PyTorch")
        return self._code

    def __call__(self, *args, **kwargs):
        try:
            return super().__call__(*args, **kwargs)
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            if frames and frames[-1].filename.startswith("<eval_with_key>"):
                print(_pointed_out(frames[-1]), file=sys.stderr)
                raise error.with_traceback(None)  # noqa: B904
            raise

    def print_readable(self, print_output: bool = True, include_stride: bool = False, include_device: bool = False, colored: bool = False, *,
                       fast_sympy_print: bool = False, expanded_def: bool = False, additional_meta: list[str] | None = None) -> str:
        """The generated code with types and origins, of this module and of the GraphModules in it; printed and returned."""
        text = _readable(self, self._get_name(), print_output=False, include_stride=include_stride, include_device=include_device,
                         colored=colored, expanded_def=expanded_def, additional_meta=additional_meta)
        if print_output:
            print(text)
        return text

    def __str__(self):
        return "\n".join([super().__str__(), self._code, "# To see more debug info, please use `graph_module.print_readable()`"])

    # ---- submodules ----

    def add_submodule(self, target: str, m: torch.nn.Module) -> bool:
        """Installs `m` at a path, making empty modules on the way; False if the path leads through something that is no module."""
        *prefix, name = target.split(".")
        owner: torch.nn.Module = self
        for part in prefix:
            child = getattr(owner, part, None)
            if child is None:
                child = torch.nn.Module()
                setattr(owner, part, child)
            if not isinstance(child, torch.nn.Module):
                return False
            owner = child
        owner.add_module(name, m)
        return True

    def delete_submodule(self, target: str) -> bool:
        """Removes the submodule at a path; False if there is none."""
        *prefix, name = target.split(".")
        owner: Any = self
        for part in prefix:
            owner = getattr(owner, part, None)
            if not isinstance(owner, torch.nn.Module):
                return False
        if not isinstance(getattr(owner, name, None), torch.nn.Module):
            return False
        delattr(owner, name)
        return True

    def delete_all_unused_submodules(self) -> None:
        """Removes the submodules that no node calls or reads from."""
        used: set[str] = set()
        for node in self.graph.nodes:
            if node.op in ("call_module", "get_attr"):
                parts = node.target.split(".")
                used.update(".".join(parts[:i]) for i in range(1, len(parts) + 1))
                if node.op == "call_module" and isinstance(called := self.get_submodule(node.target), torch.nn.Module):
                    used.update(f"{node.target}.{name}" for name, _ in called.named_modules() if name)
        for name in [name for name, _ in self.named_modules() if name and name not in used]:
            self.delete_submodule(name)

    # ---- copies and files ----

    def _state(self) -> dict[str, Any]:
        state = {k: v for k, v in self.__dict__.items() if k not in ("_graph", *_HOOKS)}
        state["_graphmodule_cls_name"] = type(self).__name__
        return state

    def __reduce__(self):
        """Modules are pickled as their code, from which loading traces the graph again."""
        state = self._state()
        code = self._graph.python_code("self")
        names = {name: value for name, value in code.globals.items() if name not in CUSTOM_BUILTINS}
        return reduce_graph_module, (state, _import_lines(names))

    def __reduce_package__(self, exporter):
        state = self._state()
        code = self._graph.python_code("self")
        names = {name: value for name, value in code.globals.items() if name not in CUSTOM_BUILTINS}
        module_name = f"fx-generated._{exporter.get_unique_id()}"
        exporter.save_source_string(module_name, _import_lines(names) + code.src)
        return reduce_package_graph_module, (state, module_name)

    def __deepcopy__(self, memo):
        made = type(self).__new__(type(self))
        memo[id(self)] = made
        made.__dict__.update(copy.deepcopy({k: v for k, v in self.__dict__.items() if k not in ("_graph", *_HOOKS)}, memo))
        made.__dict__.update((hooks, list(self.__dict__[hooks])) for hooks in _HOOKS)
        type(made).__name__ = type(self).__name__
        made.graph = copy.deepcopy(self._graph, memo)
        for hook in made._deepcopy_hooks:
            hook(made)
        return made

    def __copy__(self):
        made = GraphModule(self, self.graph, self._get_name())
        made.__dict__["meta"] = self.meta.copy()
        return made

    def _replicate_for_data_parallel(self):
        made = self.__copy__()
        made._is_replica = True
        return made

    def to_folder(self, folder: str | Path, module_name: str = "FxModule"):
        """Writes the module as a Python package: the source of its class, its parameters, and pickles of submodules."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(self.state_dict(), folder / "state_dict.pt")
        code = self._graph.python_code("self")
        lines = ["import torch", *(builtin.import_str for builtin in CUSTOM_BUILTINS.values()), "from torch.nn import *",
                 _import_lines({k: v for k, v in code.globals.items() if k not in CUSTOM_BUILTINS}),
                 f"class {module_name}(torch.nn.Module):", "    def __init__(self):", "        super().__init__()"]
        pickled = []
        for name, child in self.named_children():
            if type(child).__module__.startswith("torch.nn.") and not list(child.children()):
                lines.append(f"        setattr(self, {name!r}, {child!r})")
            else:
                torch.save(child, folder / f"{name}.pt")
                pickled.append(name)
                lines.append(f"        setattr(self, {name!r}, torch.load(r'{folder / name}.pt', weights_only=False)) # {type(child).__name__}")
        for kind, values in (("Buffer", self._buffers), ("Parameter", self._parameters)):
            for name, value in values.items():
                if value is None:
                    lines.append(f"        setattr(self, {name!r}, None)")
                    continue
                text = f"torch.empty({list(value.shape)}, dtype={value.dtype})"
                lines.append(f"        self.register_buffer({name!r}, {text})" if kind == "Buffer" else
                             f"        setattr(self, {name!r}, torch.nn.Parameter({text}))")
        lines += [f"        self.load_state_dict(torch.load(r'{folder / 'state_dict.pt'}'))", ""]
        if isinstance(self._graph._codegen, _PyTreeCodeGen):
            torch.save((self._in_spec, self._out_spec), folder / "specs.pt")
            lines.insert(-1, f"        self._in_spec, self._out_spec = torch.load(r'{folder / 'specs.pt'}', weights_only=False)")
        lines += ["    " + line if line else "" for line in code.src.split("\n")]
        (folder / "module.py").write_text("\n".join(lines) + "\n")
        (folder / "__init__.py").write_text("from .module import *\n")
        if pickled:
            warnings.warn(f"Was not able to save the following children modules as reprs -saved as pickled files instead: {pickled}",
                          stacklevel=2)


def _pointed_out(frame: traceback.FrameSummary) -> str:
    """The generated lines around the one that failed."""
    lines = linecache.getlines(frame.filename)
    at = frame.lineno or 1
    before, after = "".join(lines[max(0, at - 4):at]).rstrip("\n"), "".join(lines[at:at + 2])
    return (f"Call using an FX-traced Module, line {at} of the traced Module's generated forward function:\n"
            f"{before}\n~~~~~~~~~~~~~~~~~~~~~~~~~~~ <--- HERE\n{after}")


def _readable(module: GraphModule, name: str, **options) -> str:
    text = module._graph.python_code("self", verbose=True, include_stride=options["include_stride"], include_device=options["include_device"],
                                     colored=options["colored"], expanded_def=options["expanded_def"],
                                     additional_meta=options["additional_meta"]).src
    lines = [f"class {name}(torch.nn.Module):", *("    " + line for line in text.lstrip("\n").split("\n"))]
    parts = ["\n".join(lines).rstrip() + "\n"]
    for child_name, child in module.named_children():
        if hasattr(child, "_graph") and isinstance(child, GraphModule):
            inner = _readable(child, child_name, **options)
            parts.append("\n".join("    " + line if line else "" for line in inner.rstrip().split("\n")) + "\n")
    return "\n".join(parts)


def _import_line(name: str, value: Any) -> str:
    from ._names import qualified_name

    if name in CUSTOM_BUILTINS:
        return CUSTOM_BUILTINS[name].import_str
    if isinstance(value, type(sys)):
        return f"import {value.__name__} as {name}"
    if isinstance(value, type) or not callable(value):
        module, attribute = getattr(value, "__module__", "typing"), getattr(value, "__qualname__", str(value).split(".")[-1])
    else:
        module, _, attribute = qualified_name(value).rpartition(".")
    if not module or module == "builtins":
        return ""
    owner = module if module in sys.modules else module.rpartition(".")[0]
    if owner != module:
        return f"import {owner}; {name} = {module}.{attribute}"
    return f"from {module} import {attribute} as {name}" if name != attribute else f"from {module} import {attribute}"


def _import_lines(names: dict[str, Any]) -> str:
    return "".join(line + "\n" for name, value in names.items() if (line := _import_line(name, value)))


def _from_code(state: dict[str, Any], forward: Callable) -> GraphModule:
    """A GraphModule of this state whose graph is traced from its own `forward`."""
    from ._symbolic_trace import Tracer

    holder = type("CodeOnlyModule", (torch.nn.Module,), {"forward": forward})()
    holder.__dict__.update(state)

    class KeepModules(state.get("_tracer_cls") or Tracer):
        """Calls of modules stay calls, as they were in the pickled graph."""

        def is_leaf_module(self, m, qualified_name):
            return True

    graph = KeepModules().trace(holder, **(state.get("_tracer_extras") or {}))
    graph._tracer_cls = state.get("_tracer_cls")
    made = GraphModule(holder, graph, class_name=state.get("_graphmodule_cls_name", "GraphModule"))
    for name, value in state.items():
        made.__dict__.setdefault(name, value)
    made.__dict__["meta"] = state.get("meta", {})
    return made


def reduce_graph_module(body: dict[Any, Any], import_block: str) -> GraphModule:
    """The GraphModule that was pickled as its fields and the imports of its code."""
    source = body.get("_code") or body["code"]
    return _from_code(body, _function_of(import_block + source, "forward", {name: b.obj for name, b in CUSTOM_BUILTINS.items()}))


def reduce_package_graph_module(importer: Any, body: dict[Any, Any], generated_module_name: str) -> GraphModule:
    """The GraphModule whose code is a module of a package."""
    return _from_code(body, importer.import_module(generated_module_name).forward)

