"""The same operator on every tensor of a list: `_foreach_add(xs, ys)` is `[x + y for x, y in zip(xs, ys)]`."""

from .language import DEFINITIONS, Definition

UNARY = ("abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "exp", "expm1", "floor", "frac", "lgamma", "log", "log10", "log1p", "log2", "neg",
         "reciprocal", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc")
# name: (operator between tensors, operator with a number)
BINARY = {"add": ("add", "add"), "sub": ("sub", "sub"), "mul": ("mul", "mul"), "div": ("div", "div"), "pow": ("pow", "pow"),
          "clamp_max": ("minimum", "clamp_max"), "clamp_min": ("maximum", "clamp_min"), "maximum": ("maximum", "clamp_min"), "minimum": ("minimum", "clamp_max")}
NOT_IN_PLACE = ("maximum", "minimum")


def _register(schema, body, lists=(), out="below"):
    """A composite; `lists` must be as long as self."""
    key = schema.split("(")[0]
    name = key.split(".")[0]
    doc = f"{name.removeprefix('_foreach_').rstrip('_')} of every tensor of a list{', in place' if name.endswith('_') else ''}."
    checks = "".join(f"if len(self) != len({other}):\n"
                     f"    raise RuntimeError('Tensor lists must have the same number of tensors, got ', len(self), ' and ', len({other}))\n" for other in lists)
    body = checks + body
    if "\n" not in body:
        body = body.removeprefix("return ")    # a formula of one line is an expression
    DEFINITIONS[key] = Definition("composite", [schema], body, doc, __name__, inplace=False, out=out if schema.endswith("-> Tensor[]") else False, python="function")


def _both(key, parameters, arguments, op, lists=()):
    """The functional and the in-place overload. `arguments`: those of one tensor besides itself."""
    name, dot, overload = key.partition(".")
    more, rest = (f", {part}" if part else "" for part in (parameters, arguments))
    call = f"{op}(self[i]{rest})"
    _register(f"_foreach_{name}{dot}{overload}(Tensor[] self{more}) -> Tensor[]", f"return [{call} for i in range(len(self))]", lists)
    written = f"self[i].copy_({call})" if op in NOT_IN_PLACE else f"{op}_(self[i]{rest})"
    _register(f"_foreach_{name}_{dot}{overload}(Tensor(a!)[] self{more}) -> ()", f"for i in range(len(self)):\n    {written}", lists)


def _define():
    for name in UNARY:
        _both(name, "", "", name)
    for name, (of_tensors, of_number) in BINARY.items():
        other, numbers, number = ("exponent",) * 3 if name == "pow" else ("other", "scalars", "scalar")
        alpha, passed = (", *, Scalar alpha=1", ", alpha=alpha") if name in ("add", "sub") else ("", "")
        _both(f"{name}.List", f"Tensor[] {other}{alpha}", f"{other}[i]{passed}", of_tensors, (other,))
        _both(f"{name}.Scalar", f"Scalar {number}", number, of_number)
        _both(f"{name}.ScalarList", f"Scalar[] {numbers}", f"{numbers}[i]", of_number, (numbers,))
        if name in ("add", "mul", "div"):
            alpha, passed = (", *, Scalar alpha=1", ", alpha=alpha") if name == "add" else ("", "")
            _both(f"{name}.Tensor", f"Tensor other{alpha}", f"other{passed}", of_tensors)
    _register("_foreach_pow.ScalarAndTensor(Scalar self, Tensor[] exponent) -> Tensor[]", "return [pow(self, exponent[i]) for i in range(len(exponent))]",
              out=False)
    for name in ("addcmul", "addcdiv"):
        pair, lists = "Tensor[] tensor1, Tensor[] tensor2", ("tensor1", "tensor2")
        _both(f"{name}.Scalar", f"{pair}, Scalar value=1", "tensor1[i], tensor2[i], value=value", name, lists)
        _both(f"{name}.ScalarList", f"{pair}, Scalar[] scalars", "tensor1[i], tensor2[i], value=scalars[i]", name, (*lists, "scalars"))
        _both(f"{name}.Tensor", f"{pair}, Tensor scalars", "tensor1[i], tensor2[i], value=scalars.select(0, i).item()", name, lists)
    _both("lerp.List", "Tensor[] tensors1, Tensor[] weights", "tensors1[i], weights[i]", "lerp", ("tensors1", "weights"))
    _both("lerp.Scalar", "Tensor[] tensors1, Scalar weight", "tensors1[i], weight", "lerp", ("tensors1",))
    _both("lerp.ScalarList", "Tensor[] tensors1, Scalar[] weight", "tensors1[i], weight[i]", "lerp", ("tensors1", "weight"))
    _register("_foreach_norm.Scalar(Tensor[] self, Scalar ord=2, ScalarType? dtype=None) -> Tensor[]",
              "return [linalg_vector_norm(self[i], ord, dtype=dtype) for i in range(len(self))]")
    _register("_foreach_max(Tensor[] self) -> Tensor[]", "return [max(self[i]) for i in range(len(self))]")
    _register("_foreach_mm(Tensor[] self, Tensor[] mat2) -> Tensor[]", "return [mm(self[i], mat2[i]) for i in range(len(self))]", ("mat2",),
              out=False)
    _register("_foreach_clone(Tensor[] self, *, MemoryFormat? memory_format=None) -> Tensor[]",
              "return [clone(self[i], memory_format=memory_format) for i in range(len(self))]")
    _register("_foreach_zero_(Tensor(a!)[] self) -> ()", "for i in range(len(self)):\n    self[i].zero_()")
    _register("_foreach_copy_(Tensor(a!)[] self, Tensor[] src, bool non_blocking=False) -> ()", "for i in range(len(self)):\n    self[i].copy_(src[i], non_blocking)",
              ("src",))


_define()
