"""Python code from a graph."""

from __future__ import annotations

import builtins
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple

import torch
import torch.utils._pytree as pytree

from . import _pytree as fx_pytree
from ._names import CUSTOM_BUILTINS, Namespace, _register_custom_builtin, generic_alias_parts, qualified_name, snake_case, type_repr
from .immutable_collections import immutable_dict, immutable_list
from .node import Node, map_arg

_register_custom_builtin("fx_pytree", "import torch.fx._pytree as fx_pytree", fx_pytree)
_register_custom_builtin("pytree", "import torch.utils._pytree as pytree", pytree)

magic_methods = {
    "eq": "{} == {}", "ne": "{} != {}", "lt": "{} < {}", "gt": "{} > {}", "le": "{} <= {}", "ge": "{} >= {}", "pos": "+{}", "neg": "-{}",
    "invert": "~{}", "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "floordiv": "{} // {}", "truediv": "{} / {}",
    "div": "{} / {}", "mod": "{} % {}", "pow": "{} ** {}", "lshift": "{} << {}", "rshift": "{} >> {}", "and_": "{} & {}", "or_": "{} | {}",
    "xor": "{} ^ {}", "getitem": "{}[{}]", "matmul": "{} @ {}"}
inplace_methods = {
    "iadd": "{} += {}", "iand": "{} &= {}", "ifloordiv": "{} //= {}", "ilshift": "{} <<= {}", "imod": "{} %= {}", "imul": "{} *= {}",
    "imatmul": "{} @= {}", "ior": "{} |= {}", "ipow": "{} **= {}", "irshift": "{} >>= {}", "isub": "{} -= {}", "itruediv": "{} /= {}",
    "ixor": "{} ^= {}", "setitem": "{}[{}] = {}"}
reflectable_magic_methods = {
    name: magic_methods[name] for name in
    "add sub mul floordiv truediv div mod pow lshift rshift and_ or_ xor getitem matmul".split()}

SYMBOLIC = tuple(getattr(torch, name) for name in ("SymInt", "SymFloat", "SymBool") if hasattr(torch, name))
_COLORS = {"red": 31, "green": 32, "blue": 34}


def _plain(text, *styles):
    return text


def _colored(text, *styles):
    for style in styles:
        text = f"\x1b[{2 if style == 'dim' else _COLORS[style]}m{text}\x1b[0m"
    return text


@dataclass
class PythonCode:
    """Generated code: the source of `forward`, the globals it needs, and which line belongs to which node."""

    src: str
    globals: dict[str, Any]
    _lineno_map: dict[int, int | None] | None
    _prologue_start: int = 0


@dataclass
class _PyTreeInfo:
    """Nested inputs of a traced function: names of its parameters, shapes of inputs and output."""

    orig_args: list[str]
    in_spec: pytree.TreeSpec
    out_spec: pytree.TreeSpec | None


def dtype_text(dtype: torch.dtype) -> str:
    """float32 as f32, bfloat16 as bf16, bool as b8."""
    from torch.utils._dtype_abbrs import dtype_abbrs

    return dtype_abbrs.get(dtype) or str(dtype).split(".")[-1]


def tensor_text(value: Any, stride: bool = False, device: bool = False, paint: Callable = _plain) -> str:
    """A tensor, or a record of one, as an annotation: `f32[2, 3]`; with `stride` and `device` `f32[2, 3][3, 1]cpu`."""
    if isinstance(value, SYMBOLIC):
        return f"Sym({value})"
    if not (hasattr(value, "shape") and hasattr(value, "dtype")):
        return ""
    def listed(sizes):
        return f"[{', '.join(map(str, sizes))}]"

    is_tensor = isinstance(value, torch.Tensor)
    text = paint(dtype_text(value.dtype), "red") + paint(listed(value.shape), "blue")
    text += paint(listed(value.stride()) if stride and is_tensor else "", "blue", "dim")
    return text + paint(str(value.device) if device and is_tensor else "", "green", "dim")


@dataclass
class Style:
    """What generated code shows besides the program."""

    verbose: bool = False
    include_stride: bool = False
    include_device: bool = False
    colored: bool = False
    expanded_def: bool = False
    record_func: bool = False
    additional_meta: list[str] | None = None

    @property
    def paint(self):
        """The function that colours a piece of text."""
        return _colored if self.colored else _plain


class CodeGen:
    """Writes the function of a graph: subclass it to change the signature, the result, or what runs before and after.

    Methods that a subclass may override: `gen_fn_def`, `generate_output`, `process_inputs`, `process_outputs`, `additional_globals`.
    """

    def __init__(self):
        self._body_transformer: Callable[[list[str]], list[str]] | None = None
        self._func_name = "forward"

    def gen_fn_def(self, free_vars: list[str], maybe_return_annotation: str, *, expanded_def: bool = False) -> str:
        """The line ``def forward(...):`` for parameters `free_vars`, and statements that come first."""
        parameters = list(free_vars)
        if not parameters or parameters[0] != "self":
            parameters.insert(0, "self")
        if expanded_def:
            return f"def {self._func_name}(\n    " + ",\n    ".join(parameters) + f",\n){maybe_return_annotation}:"
        return f"def {self._func_name}({', '.join(parameters)}){maybe_return_annotation}:"

    def generate_output(self, output_args: Any, *, descs: Any = None, repr_fn: Callable[[Any], str] = repr) -> str:
        """The return statement."""
        return f"return {repr_fn(output_args)}"

    def process_inputs(self, *args: Any) -> Any:
        """The values of the placeholders from the arguments of a call."""
        return args

    def process_outputs(self, outputs: Any) -> Any:
        """The result of a call from the value of the output node."""
        return outputs

    def additional_globals(self) -> list[tuple[str, Any]]:
        """(name, value) of further globals of the generated code."""
        return []

    def _gen_python_code(self, nodes, root_module: str, namespace: Namespace, style: Style) -> PythonCode:
        return _Writer(self, nodes, root_module, namespace, style).write()


class _PyTreeCodeGen(CodeGen):
    """Functions whose inputs and output are nests of containers: they are flattened on the way in and rebuilt on the way out."""

    def __init__(self, pytree_info: _PyTreeInfo):
        super().__init__()
        self.pytree_info = pytree_info

    def process_inputs(self, *args):
        return pytree.tree_leaves(args)

    def process_outputs(self, outputs):
        spec = self.pytree_info.out_spec
        if spec is None:
            return outputs
        return pytree.tree_unflatten(outputs if isinstance(outputs, (list, tuple)) else [outputs], spec)

    def gen_fn_def(self, free_vars, maybe_return_annotation, *, expanded_def=False):
        if self.pytree_info is None:
            return super().gen_fn_def(free_vars, maybe_return_annotation, expanded_def=expanded_def)
        parameters = self.pytree_info.orig_args
        line = super().gen_fn_def(parameters, maybe_return_annotation, expanded_def=expanded_def)
        given = [name for name in parameters if name != "self"]
        if not free_vars:
            return line
        leaves = [re.split(r"\s*[:=]", name)[0] for name in free_vars]
        return f"{line}\n    {', '.join(leaves)}, = fx_pytree.tree_flatten_spec([{', '.join(given)}], self._in_spec)"

    def generate_output(self, output_args, *, descs=None, repr_fn=repr):
        if self.pytree_info is None or self.pytree_info.out_spec is None:
            return super().generate_output(output_args, repr_fn=repr_fn)
        return f"return pytree.tree_unflatten({repr_fn(output_args)}, self._out_spec)"


class _Text(str):
    """Text that prints without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def _nodes_in(nest: Any) -> list[Node]:
    found: list[Node] = []
    map_arg(nest, found.append)
    return found


class _Frame(NamedTuple):
    file: str
    line: str
    name: str
    code: str

    def summary(self) -> str:
        return f"File: {self.file}:{self.line} in {self.name}, code: {self.code}"


_FRAME = re.compile(r'^\s*File "(.+)", line (\d+), in (.+)$')


def _parse_stack_trace(stack_trace: str | None, filter_fn: Callable[[str, str, str], bool] | None = None) -> _Frame | None:
    """The innermost frame of a stack trace that `filter_fn(file, name, code)` accepts."""
    lines = (stack_trace or "").strip("\n").split("\n")
    for i in range(len(lines) - 1, -1, -1):
        if match := _FRAME.match(lines[i]):
            code = lines[i + 1].strip() if i + 1 < len(lines) else ""
            if filter_fn is None or filter_fn(match[1], match[3], code):
                return _Frame(match[1], match[2], match[3], code)
    return None


def _is_verbatim(function: Callable, name: str) -> bool:
    """Can generated code write `torch.relu` because that name finds the function in a module of torch?"""
    if not name.startswith("torch."):
        return False
    owner: Any = torch
    *path, last = name.split(".")[1:]
    for part in path:
        owner = getattr(owner, part, None)
    return not isinstance(owner, type) and getattr(owner, last, None) is function


class _Writer:
    """One run of the generator."""

    def __init__(self, codegen: CodeGen, nodes, root: str, namespace: Namespace, style: Style):
        self.codegen, self.nodes, self.root, self.namespace, self.style = codegen, list(nodes), root, namespace, style
        self.parameters: list[str] = []
        self.body: list[str] = []
        self.globals: dict[str, Any] = {}
        self.names: dict[Node, str] = {}
        self.wrapped: dict[str, None] = {}
        self.return_annotation = ""
        self.comment = ""

    def write(self) -> PythonCode:
        for name, builtin in CUSTOM_BUILTINS.items():
            self.add_global(name, builtin.obj)
        last_uses = self.last_uses()
        for index, node in enumerate(self.nodes):
            if self.style.verbose:
                self.note_origin(node)
            self.body.append(f"# COUNTER: {index}\n")
            line = self.statement(node)
            if line:
                recorded = self.style.record_func and node.op != "output"
                if recorded:
                    self.body.append(f"_rf_{node.name} = torch.profiler.record_function('## {index} ##'); _rf_{node.name}.__enter__()\n")
                self.body.append(line)
                self.drop_unused(node, last_uses)
                if recorded:
                    self.body.append(f"_rf_{node.name}.__exit__(None, None, None)\n")
        if not self.body:
            self.body.append("pass\n")
        for name, value in self.codegen.additional_globals():
            self.add_global(name, value)
        options = {"expanded_def": True} if self.style.expanded_def else {}     # an overriding method may not know it
        head = self.codegen.gen_fn_def(self.parameters, self.return_annotation, **options)
        wraps = "\n".join(f'torch.fx._symbolic_trace.wrap("{name}")' for name in self.wrapped)
        if self.codegen._body_transformer:
            self.body = self.codegen._body_transformer(self.body)
        return self.assemble(f"{wraps}\n\n{head}" if wraps else f"\n\n{head}")

    def assemble(self, prologue: str) -> PythonCode:
        """The source, and the line of each node: the counters among the lines give it."""
        lines, line_of, node = [], {}, 0
        for line in "".join(self.body).split("\n"):
            if line.startswith("# COUNTER: "):
                node = int(line[11:])
            else:
                lines.append(line)
                line_of[len(lines)] = node
        code = "\n".join("    " + line for line in lines)
        source = f"\n{prologue}\n{code}"
        return PythonCode(source, self.globals, line_of, prologue.count("\n") + 1)

    # ---- names ----

    def name(self, node: Node) -> str:
        """The variable of a node: its name, unless a global has that."""
        name = self.names.get(node)
        if name is None:
            name = self.names[node] = self.namespace.create_name(node.name, node)
        return name

    def add_global(self, hint: str, value: Any) -> str:
        """The name under which the generated code finds `value`."""
        if isinstance(value, (torch._ops.OpOverload, torch._ops.OpOverloadPacket)) or _is_verbatim(value, hint):
            return hint
        name = hint.replace(".", "_")
        name = "torch_Tensor_" + name[13:] if name.startswith("torch_Tensor_") else name
        if name in self.globals and self.globals[name] is value:
            return name
        if name in CUSTOM_BUILTINS or getattr(builtins, name, None) is value:
            self.globals[name] = value
            return name
        name = self.namespace.create_name(name, value if _hashable(value) else None)
        self.globals[name] = value
        return name

    def function_name(self, function: Callable) -> str:
        if (name := getattr(function, "__name__", "")) and getattr(builtins, name, None) is function:
            return self.add_global(name, function)
        return self.add_global(qualified_name(function), function)

    def type_name(self, kind: Any) -> str:
        """A type as the code writes it; what it names is made a global."""
        if kind is None or kind is type(None):
            return "None" if kind is None else "NoneType"
        if isinstance(kind, str):
            return repr(kind)
        origin, arguments = generic_alias_parts(kind)
        name = type_repr(origin if arguments else kind)
        if not arguments:
            return self.add_global(name, kind)
        base = self.add_global(name.split("[")[0], origin)
        return f"{base}[{', '.join(self.type_name(a) if a is not ... else '...' for a in arguments)}]"

    # ---- expressions ----

    def value(self, arg: Any) -> str:
        kind = type(arg)
        if kind is Node:
            return self.name(arg)
        if isinstance(arg, tuple):
            items = ", ".join(map(self.value, arg))
            if hasattr(arg, "_fields"):
                return f"{self.add_global(type_repr(kind), kind)}({items})"
            return f"({items},)" if len(arg) == 1 else f"({items})"
        if isinstance(arg, list):
            return f"[{', '.join(map(self.value, arg))}]"
        if isinstance(arg, dict):
            return f"{{{', '.join(f'{key!r}: {self.value(item)}' for key, item in arg.items())}}}"
        if kind is slice:
            return f"slice({self.value(arg.start)}, {self.value(arg.stop)}, {self.value(arg.step)})"
        if isinstance(arg, type) or generic_alias_parts(arg)[1]:
            return self.type_name(arg)
        if isinstance(arg, (torch._ops.OpOverload, torch._ops.OpOverloadPacket)) or (callable(arg) and hasattr(arg, "__name__")):
            return self.function_name(arg)
        if isinstance(arg, torch.Tensor):
            return f"torch.Size({list(arg.shape)})" if arg.numel() == 0 else repr(arg)
        text = repr(arg)
        return self.style.paint(text, "blue") if kind in (int, float, bool, complex) else text

    def arguments(self, args, kwargs) -> str:
        return ", ".join([*map(self.value, args), *(f"{key} = {self.value(item)}" for key, item in kwargs.items())])

    def path(self, target: str) -> str:
        """`self.a.b`, with getattr for the names that are no identifiers."""
        text = self.root
        for part in target.split("."):
            text = f"{text}.{part}" if part.isidentifier() else f'getattr({text}, "{part}")'
        return text

    def call(self, node: Node) -> str:
        """The expression of a call_function node."""
        target, args = node.target, node.args
        name = getattr(target, "__name__", "")
        if getattr(target, "__module__", None) == "_operator" and name in magic_methods and not node.kwargs:
            return magic_methods[name].format(*map(self.value, args))
        if target is getattr and len(args) == 2 and isinstance(args[1], str) and args[1].isidentifier():
            self.add_global("getattr", getattr)
            return f"{self.value(args[0])}.{args[1]}"
        function = self.function_name(target)
        if node.meta.get("is_wrapped"):
            self.wrapped[function] = None
        return f"{function}({self.arguments(args, node.kwargs)})"

    # ---- statements ----

    def annotation(self, node: Node) -> str:
        """` : int`, or with `verbose` the tensor that `meta` records."""
        if self.style.verbose:
            value = node.meta.get("val", node.meta.get("example_value", node.meta.get("tensor_meta")))
            text = tensor_text(value, self.style.include_stride, self.style.include_device, self.style.paint)
            if text:
                return f': "{text}"'
        return f" : {self.type_name(node.type)}" if node.type is not None else ""

    def statement(self, node: Node) -> str:
        """The line that computes a node, without the end of the line."""
        target = node.target
        if node.op == "placeholder":
            name = self.name(node)
            default = f" = {self.value(node.args[0])}" if node.args else ""
            self.parameters.append(f"{target}{self.annotation(node)}{default}")
            raw = target.replace("*", "")
            if raw != name:
                self.body.append(f"{name} = {raw}\n")
            return ""
        if node.op == "output":
            if node.type is not None:
                self.return_annotation = f" -> {self.type_name(node.type)}"
            return self.output(node.args[0])
        if node.op == "get_attr":
            computed = self.path(target)
        elif node.op == "call_module":
            computed = f"{self.path(target)}({self.arguments(node.args, node.kwargs)})"
        elif node.op == "call_method":
            computed = f"{self.receiver(node.args[0])}.{target}({self.arguments(node.args[1:], node.kwargs)})"
        elif getattr(target, "__module__", None) == "_operator" and target.__name__ in inplace_methods and not node.kwargs:
            args = [self.value(a) for a in node.args]
            return f"{inplace_methods[target.__name__].format(*args)};  {self.name(node)}{self.annotation(node)} = {args[0]}"
        else:
            computed = self.call(node)
        return f"{self.name(node)}{self.annotation(node)} = {computed}"

    def output(self, result: Any) -> str:
        """The return statement; a CodeGen may write it by `repr` of the arguments, so they must print as code does."""
        nodes = _nodes_in(result)
        try:
            for node in nodes:
                node._repr_fn = self.name
            return self.codegen.generate_output(self.printable(result))
        finally:
            for node in nodes:
                node._repr_fn = None

    def printable(self, arg: Any) -> Any:
        """A nest like `arg` whose `repr` is code."""
        if type(arg) in (tuple, list, dict) or type(arg) in (immutable_list, immutable_dict):
            items = {k: self.printable(v) for k, v in arg.items()} if isinstance(arg, dict) else [self.printable(item) for item in arg]
            return tuple(items) if isinstance(arg, tuple) else items
        return arg if type(arg) is Node else _Text(self.value(arg))

    def receiver(self, arg: Any) -> str:
        text = self.value(arg)
        return f"({text})" if isinstance(arg, (int, float)) else text

    def last_uses(self) -> dict[Node, list[Node]]:
        """For each node, the inputs that nothing after it uses."""
        seen: set[Node] = set()
        last: dict[Node, list[Node]] = defaultdict(list)
        for node in reversed(self.nodes):
            for used in node._input_nodes:
                if used not in seen:
                    seen.add(used)
                    last[node].append(used)
        return last

    def drop_unused(self, node: Node, last_uses):
        """Ends the line; names that are not needed any more let their values go."""
        names = [] if node.op == "output" else [self.name(used) for used in last_uses.get(node, ())]
        if node.op != "output" and not node.users:
            names.append(self.name(node))
        dropped = " = ".join([*names, "None"]) if names else ""
        self.body.append((";  " + self.style.paint(dropped, "dim") if dropped else "") + "\n")

    def note_origin(self, node: Node):
        """A comment that says where in the program a node comes from, once for a run of nodes of the same origin."""
        if node.op in ("placeholder", "output", "get_attr"):
            return
        notes = ", ".join(f"{key}: {node.meta[key]}" for key in self.style.additional_meta or () if key in node.meta)
        annotation = f"Annotation: {node.meta['custom']} " if node.meta.get("custom") else ""
        frame = _parse_stack_trace(node.stack_trace)
        comment = f"# {notes}{' # ' if notes and annotation else ' ' if notes else ''}{annotation}"
        comment += frame.summary() if frame else "No stacktrace found for following nodes"
        if comment != self.comment:
            self.comment = comment
            self.body.append(self.style.paint(comment, "dim") + "\n")


def _hashable(value) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def target_name(target: Any) -> str:
    """What a node that calls `target` is named after."""
    if callable(target):
        name = target.__name__
    else:
        name = target
        if name.startswith("__") and name.endswith("__"):
            name = name[2:-2]
    return snake_case(name)
