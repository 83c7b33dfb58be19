"""Writes the C++ that is derived from the definitions: operator table, call wrappers, shims, formulas, function lists."""

from __future__ import annotations

from pathlib import Path

from .._opdefs import autocast
from . import batching, formula, infos
from .convert import DTYPES
from .dtypes import narrow_dtypes
from .formula import FormulaError, Translator, default_value, parameter_type, result_type, type_of
from .overloads import expand

NAMESPACES = {"function": "Torch", "method": "Tensor", "nn": "NN", "linalg": "Linalg", "fft": "FFT", "special": "Special"}
FAMILY_KERNELS = {"pointwise": "pointwise_kernel", "reduction": "reduction_kernel", "scan": "scan_kernel", "fused": "rows_kernel"}
HEADER = "// Generated from torch/_opdefs by torch/_codegen. Do not edit.\n"


# what a lenient build puts in the place of a composite that names operators nobody defines
UNTRANSLATED = 'static void untranslated_kernel(const Op& op, const Value*, OwnedValue*) { fail(ErrorKind::NotImplemented, op.schema); }'


def write_if_changed(path, text):
    """Keep the time stamp of a file whose content stays: what depends on it is not built again."""
    path = Path(path)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


# ---- reading a Value as a parameter of its C++ type, and a result into an OwnedValue ----

def read_value(arg, code):
    kind = type_of(arg)
    base = kind.removeprefix("optional ")
    reader = {
        "tensor": f"{code}.tensor()", "tensors": f"TensorsOf({code})", "scalar": f"{code}.scalar()", "int": f"{code}.to_int()",
        "float": f"{code}.to_double()", "bool": f"{code}.to_bool()", "str": f"{code}.str()", "dtype": f"{code}.dtype()", "device": f"{code}.device()",
        "layout": f"{code}.layout()", "memory_format": f"{code}.memory_format()", "generator": f"{code}.generator()", "ints": f"{code}.ints()",
        "floats": f"{code}.doubles()", "values": f"{code}.list()", "storage": f"static_cast<Storage*>({code}.ptr_)",
    }[base]
    if not kind.startswith("optional "):
        return reader
    cpp = parameter_type(arg)
    return f"({code}.is_none() ? {cpp}() : {cpp}({reader}))"


def store_results(schema, call):
    """Statements that run `call` and put its result into `r`."""
    kinds = [("tensors" if x.is_tensor_list else type_of(x)) for x in schema.returns]
    if not kinds:
        return [f"{call};"]
    if len(kinds) > 1:
        lines = [f"auto results = {call};"]
        return lines + [f"r[{i}] = OwnedValue({'of_vector' if k == 'tensors' else 'std::move'}(std::get<{i}>(results)));" for i, k in enumerate(kinds)]
    return [f"r[0] = {'of_vector' if kinds[0] == 'tensors' else 'OwnedValue'}({call});"]


def signature(schema, name):
    return f"{result_type(schema)} {name}({', '.join(f'{parameter_type(a)} {a.name}' for a in schema.args)})"


class Generator:
    """All tables of one set of definitions. `lenient` drops what does not translate yet, with a line on `problems`."""

    def __init__(self, definitions, plan, isas, lenient=False):
        self.definitions = list(definitions)
        self.lenient = lenient
        self.problems: list[str] = []
        self.rows = expand(self.definitions, self.problem)
        self.isas = isas
        self.plans = {}                       # key of a schema -> the plan of its emitted kernels
        for row in self.rows:
            found = None if row.derived else plan(row.definition, row.schema)
            if found is not None:
                self.plans[row.schema.key] = found
        self.registry: dict = {}
        self.registry_rows: dict = {}
        for row in self.rows:
            self.registry.setdefault(row.schema.name, []).append(row.schema)
            self.registry_rows.setdefault(row.schema.name, []).append(row)
        self.bodies: list[str] = []           # composite bodies
        self.backward: dict = {}              # row -> name of its Derivative
        self.derivatives: list[str] = []
        self.formulas: list[str] = []
        self.batch_formulas: dict = {}        # key of a schema -> the function of its rule in the formula language
        self.translated: set = set()          # composites whose body became C++

    def problem(self, message):
        if not self.lenient:
            raise FormulaError(message)
        self.problems.append(message)

    # ---- call wrappers ----
    def ops(self):
        header, source = [HEADER + "#pragma once", '#include "dispatch/op.h"', "#include <vector>", "#include <tuple>", "namespace kindling::ops {"], []
        source = [HEADER + '#include "ops.h"', '#include "autograd/call.h"', "namespace kindling::ops {"]
        for row in self.rows:
            s = row.schema
            first_default = len(s.args)
            while first_default and s.args[first_default - 1].default is not None:
                first_default -= 1
            parameters = []
            for i, a in enumerate(s.args):
                default = ""
                if i >= first_default and type_of(a).removeprefix("optional ") not in ("ints",) or (i >= first_default and a.value is None):
                    default = f" = {default_value(a)}"
                elif i >= first_default:
                    default = f" = {default_value(a)}" if not parameter_type(a).endswith("IntList") else ""
                parameters.append(f"{parameter_type(a)} {a.name}{default}")
            # a default after one that cannot have any is dropped from the right end backwards
            for i in range(len(parameters) - 1, -1, -1):
                if "=" not in parameters[i]:
                    parameters[:i] = [p.split(" = ")[0] for p in parameters[:i]]
                    break
            header.append(f"{result_type(s)} {s.unique}({', '.join(parameters)});")
            source += self.wrapper(row)
        return "\n".join([*header, "}", ""]), "\n".join([*source, "}", ""])

    def wrapper(self, row):
        s = row.schema
        lines = [signature(s, s.unique) + " {"]
        values = []
        for a in s.args:
            if type_of(a) == "tensors":
                lines.append(f"  ListOf {a.name}_list({a.name});")
                values.append(f"Value({a.name}_list)")
            else:
                values.append(f"Value({a.name})")
        n = max(1, len(s.returns))
        args = f"const Value args_[] = {{{', '.join(values)}}};" if values else "const Value* args_ = nullptr;"
        lines.append(f"  {args} OwnedValue rets_[{n}];")
        lines.append(f"  call(*kOps[{row.index}], args_, rets_);")
        taken = []
        for i, r in enumerate(s.returns):
            kind = "tensors" if r.is_tensor_list else type_of(r)
            taken.append({"tensor": f"rets_[{i}].take()", "tensors": f"to_vector(rets_[{i}])", "ints": f"Dims(rets_[{i}].ints())", "scalar": f"rets_[{i}].scalar()", "int": f"rets_[{i}].to_int()",
                          "bool": f"rets_[{i}].to_bool()", "float": f"rets_[{i}].to_double()", "dtype": f"rets_[{i}].dtype()"}[kind])
        if taken:
            lines.append(f"  return {taken[0] if len(taken) == 1 else '{' + ', '.join(taken) + '}'};")
        return [*lines, "}"]

    # ---- hand-written kernels: declarations and shims ----
    def kernel_rows(self):
        return [r for r in self.rows if not r.derived and r.family == "kernel"]

    def kernel_name(self, row):
        name = row.definition.options.get("name")
        return name if name and row.schema is self.first_schema(row.definition) else row.schema.unique

    def first_schema(self, definition):
        return next(r.schema for r in self.rows if r.definition is definition)

    def kernels_header(self):
        lines = [HEADER + "#pragma once", '#include "ops.h"', '#include "core/generator.h"', "namespace kindling::kernels {"]
        for row in self.kernel_rows():
            lines.append(signature(row.schema, self.kernel_name(row)) + ";")
        return "\n".join([*lines, "}", ""])

    def shim(self, row, function):
        args = ", ".join(read_value(a, f"a[{i}]") for i, a in enumerate(row.schema.args))
        body = " ".join(store_results(row.schema, f"{function}({args})"))
        narrow = narrow_dtypes(row.definition)
        if narrow:
            mask = " | ".join(f"1u << int(DType::{d})" for d in narrow)
            body = f"if (constexpr uint32_t narrow = {mask}; any_narrow(op, a, narrow) && call_widened(op, a, r, narrow)) return; {body}"
        return f"void shim_{row.schema.unique}([[maybe_unused]] const Op& op, const Value* a, OwnedValue* r) {{ {body} }}"

    # ---- composites ----
    def composite_body(self, row):
        s = row.schema
        where = f"{row.definition.module.rsplit('.', 1)[-1]}.{s.key}"
        variables = {a.name: (a.name, type_of(a)) for a in s.args}
        variables |= {name: (quoted(text), "str") for name, text in row.definition.options.get("values", {}).items()}
        translator = Translator(where, self.registry, variables, [("tensors" if r.list else type_of(r)) for r in s.returns])
        lines = translator.function_body(formula.source_ast(row.definition.body))
        self.bodies.append("\n".join([f"static {signature(s, 'composite_' + s.unique)} {{", *lines, "}"]))

    # ---- batches ----
    def vmap(self, row):
        """The batching rule of an overload: the name of a C++ function, or nullptr."""
        rule = batching.rule(row)
        if rule is None or rule in batching.RULES:
            return f"vmap_{rule}" if rule else "nullptr"
        if row.schema.key not in self.batch_formulas:
            self.batch_formulas[row.schema.key] = f"vmap_formula_{row.schema.unique}"
        return self.batch_formulas[row.schema.key]

    def vmap_formula(self, row):
        """A rule in the formula language: over batched tensors, by operators that have rules of their own."""
        s = row.schema
        variables = {a.name: (a.name, type_of(a)) for a in s.args}
        translator = Translator(f"{s.key}: vmap", self.registry, variables, [("tensors" if r.list else type_of(r)) for r in s.returns])
        body = translator.function_body(formula.source_ast(batching.rule(row)))
        parameters = ", ".join(f"{parameter_type(a)} {a.name}" for a in s.args)
        arguments = ", ".join(read_value(a, f"a[{i}]") for i, a in enumerate(s.args))
        results = " ".join(store_results(s, f"batch_{s.unique}({arguments})"))
        self.bodies.append("\n".join([
            f"static {result_type(s)} batch_{s.unique}({parameters}) {{", *body, "}",
            f"void vmap_formula_{s.unique}(VmapCall& c) {{ BelowAutograd recorded; const Value* a = c.args; OwnedValue* r = c.rets; {results} }}"]))

    # ---- derivatives ----
    def derivative(self, row):
        """Translate the gradient formulas of a functional (or only-in-place) overload."""
        s = row.schema
        by_input = {}
        for key, f in row.formulas.items():
            for name in key.split(","):
                by_input[name.strip()] = (key, f)
        inputs = [a for a in s.args if a.name in by_input and a.base == "Tensor" and not (a.kwarg_only and a.write)]
        if not inputs:
            return
        used: dict = {}
        groups = {}
        for a in inputs:
            key, f = by_input[a.name]
            groups.setdefault(key, (f, []))[1].append(a)
        statements = {key: formula.source_ast(f) for key, (f, _) in groups.items()}
        for body in statements.values():
            for name, attributes in formula.names_used(body).items():
                used.setdefault(name, set()).update(attributes)
        saves, variables, declarations = self.saved_variables(row, used)
        numbers = {a.name: i for i, a in enumerate(inputs)}
        lines = []
        for key, (_, members) in sorted(groups.items()):   # the order in which PyTorch computes them
            lines += self.gradient_code(row, statements[key], members, variables, declarations, numbers, s)
        name = s.unique
        nresults = len(s.returns)
        differentiable = sum(1 << i for i in range(max(1, nresults)) if i not in row.definition.constant)
        guard = " && ".join(f"!c.grad({i}).defined()" for i in range(max(1, nresults))) if not any(r.list for r in s.returns) else ""
        guard = f"  if ({guard}) return;" if guard else ""
        self.formulas.append("\n".join(filter(None, [f"static void backward_{name}(BackwardContext& c) {{", guard, *lines, "}"])))
        positions = ", ".join(str(s.index[a.name]) for a in inputs)
        slots = ", ".join(
            f"{{SaveSlot::{source}, {str(meta).lower()}, {i}, {self.needed_by(name, statements, groups, numbers)}u}}" for source, meta, i, name in saves)
        attributes = self.saved_attributes(s, used, saves, formula.sizes_used(statements.values()))
        self.derivatives.append(
            f"static const uint8_t inputs_{name}[] = {{{positions}}};\n"
            + (f"static const SaveSlot saves_{name}[] = {{{slots}}};\n" if saves else "")
            + (f"static const SavedAttribute attributes_{name}[] = {{{', '.join(attributes)}}};\n" if attributes else "")
            + f"extern const Derivative derivative_{name};\n"
            f"const Derivative derivative_{name} = {{{quoted(row.node_name)}, inputs_{name}, {len(inputs)}, "
            f"{f'saves_{name}' if saves else 'nullptr'}, {len(saves)}, {differentiable}u, backward_{name}, {self.jvp(row)}, "
            f"{f'attributes_{name}' if attributes else 'nullptr'}, {len(attributes)}}};"
        )
        self.backward[row] = f"derivative_{name}"

    def fused_call(self, schema, arg, variables):
        """`fusable(...) ? run_fused(...)` where the gradient of `arg` has a kernel of its own, else None."""
        row = next((r for r in self.registry_rows.get(f"_fused_{schema.unique}_{arg.name}", ())), None)
        if row is None:
            return None
        codes = ["c.grad(0)" if a.name == "grad" else variables[a.name][0] for a in row.schema.args]
        tensors = ", ".join(f"&{c}" for c, a in zip(codes, row.schema.args) if a.base == "Tensor")
        return f"fusable({{{tensors}}}) ? run_fused({row.index}, {{{', '.join(f'Value({c})' for c in codes)}}})"

    def needed_by(self, name, statements, groups, numbers):
        """Bit i: the formula of differentiable input i uses the saved value `name`."""
        return sum(1 << numbers[a.name] for key, body in statements.items() if name in formula.names_used(body) for a in groups[key][1] if numbers[a.name] < 32)

    def jvp(self, row):
        """The function that carries tangents forward, or nullptr."""
        rule, s = row.definition.jvp, row.schema
        if rule == "auto":
            rule = "pointwise" if row.family == "pointwise" else "linear" if s.is_view else None
        if rule is None or isinstance(rule, str):
            return f"{rule}_jvp" if rule else "nullptr"
        variables, declarations = {}, {}
        for i, a in enumerate(s.args):
            kind = type_of(a)
            if kind in ("tensor", "tensors"):
                suffix = "_list" if a.list else ""
                for name, reader in ((a.name, "primal"), (f"{a.name}_p", "primal"), (f"{a.name}_t", "tangent")):
                    variables[name] = (name, kind)
                    declarations[name] = f"auto {name} = c.{reader}{suffix}({i});"
            else:
                variables[a.name] = (a.name, kind)
                cpp = "auto" if not kind.startswith("optional ") else parameter_type(a)
                declarations[a.name] = f"{cpp} {a.name} = {read_value(a, f'c.arg({i})')};"
        for i, r in enumerate(s.returns):
            for name in {f"result{i}", r.name or f"result{i}", "result" if len(s.returns) == 1 else f"result{i}"}:
                variables[name] = (name, "tensor")
                declarations[name] = f"auto {name} = c.result({i});"
        lines = []
        for result, f in rule.items():
            number = int(result.removeprefix("result") or 0) if result.startswith("result") else [r.name for r in s.returns].index(result)
            body = formula.source_ast(f)
            translator = Translator(f"{s.key}: tangent of {result}", self.registry, variables, ["tensor"])
            code = translator.function_body(body)
            local = [declarations[n] for n in formula.names_used(body) if n in declarations]
            lines += [f"  c.set({number}, [&]() -> Tensor {{ {' '.join([*local, *code])} }}());"]
        self.formulas.append("\n".join([f"static void jvp_{s.unique}(ForwardContext& c) {{", *lines, "}"]))
        return f"jvp_{s.unique}"

    def saved_variables(self, row, used):
        """Save slots of the names a formula uses; {name: (C++ name, type)}; {name: declaration}."""
        s = row.schema
        saves, variables, declarations = [], {}, {}
        for i, a in enumerate(s.args):
            if a.name not in used:
                continue
            kind = type_of(a)
            variables[a.name] = (a.name, kind)
            if kind == "tensor":
                meta = formula.is_meta_only(used[a.name])
                declarations[a.name] = f"MetaView {a.name}(c.meta({len(saves)}));" if meta else f"Tensor {a.name} = c.saved({len(saves)});"
                saves.append(("Arg", meta, i, a.name))
            elif kind == "tensors":
                meta = formula.is_meta_only(used[a.name])
                views = f"c.metas({len(saves)})"
                declarations[a.name] = f"std::vector<MetaView> {a.name}({views}.begin(), {views}.end());" if meta else f"auto {a.name} = c.saved_list({len(saves)});"
                saves.append(("Arg", meta, i, a.name))
            else:
                cpp = "auto" if not kind.startswith("optional ") else parameter_type(a)
                declarations[a.name] = f"{cpp} {a.name} = {read_value(a, f'c.arg({i})')};"
        for i, r in enumerate(s.returns):
            for name in ([r.name] if r.name else []) + ([f"result{i}"] + (["result"] if len(s.returns) == 1 else [])):
                if name in used and name not in variables:
                    meta = formula.is_meta_only(used[name])
                    if r.list:
                        declarations[name] = f"auto {name} = c.saved_list({len(saves)});"
                        variables[name] = (name, "tensors")
                    else:
                        declarations[name] = f"MetaView {name}(c.meta({len(saves)}));" if meta else f"Tensor {name} = c.saved({len(saves)});"
                        variables[name] = (name, "tensor")
                    saves.append(("Result", meta, i, name))
        return saves, variables, declarations

    @staticmethod
    def saved_attributes(s, used, saves, sizes):
        """Initialisers of what a formula uses besides tensors: arguments, and shapes under the names of PyTorch."""
        shown = [f"{{{quoted(a.name)}, SavedAttribute::Argument, {i}, 0}}" for i, a in enumerate(s.args) if a.base != "Tensor" and a.name in used]
        kinds = {"shape": ("sym_sizes", "Sizes"), "sizes": ("sym_sizes", "Sizes"), "strides": ("sym_strides", "Strides"), "numel": ("sym_numel", "Numel"),
                 "ndim": ("dim", "Dim"), "dim": ("dim", "Dim")}
        for slot, (source, meta_only, i, name) in enumerate(saves):
            if not meta_only or (s.args if source == "Arg" else s.returns)[i].list:
                continue
            told = {kinds[attribute] for attribute in used[name] if attribute in kinds}
            if ("sym_sizes", "Sizes") in told:
                told.discard(("dim", "Dim"))
            for suffix, kind in sorted(told):
                shown.append(f"{{{quoted(f'{name}_{suffix}')}, SavedAttribute::{kind}, {slot}, 0}}")
            for dim in sorted(sizes.get(name, ())):
                suffix = f"sym_argsize_{'minus_' if dim < 0 else ''}{abs(dim)}"
                shown.append(f"{{{quoted(f'{name}_{suffix}')}, SavedAttribute::Size, {slot}, {dim}}}")
        return shown

    def gradient_code(self, row, body, members, variables, declarations, numbers, s):
        """`if (c.needs(i)) c.set(i, formula);` for one formula, which may serve several inputs."""
        names = formula.names_used(body)
        parameters = dict(variables)
        local = [declarations[n] for n in names if n in declarations]
        if "grad" not in parameters:
            parameters["grad"] = ("c.grad(0)", "tensor")
        parameters["grads"] = ("c.grads", "tensors")
        for i, r in enumerate(s.returns):
            if r.name:
                parameters.setdefault(f"grad_{r.name}", (f"c.grad({i})", "tensor"))
        kinds = ["tensors" if a.list else "tensor" for a in members]
        where = f"{row.definition.module.rsplit('.', 1)[-1]}.{s.key}: gradient of {', '.join(a.name for a in members)}"
        translator = Translator(where, self.registry, parameters, kinds)
        translator.needs = {name: f"c.needs({i})" for name, i in numbers.items()}
        translator.missing_gradients = len(s.returns) > 1
        lines = translator.function_body(body)
        fused = self.fused_call(s, members[0], variables) if len(members) == 1 else None
        test = " || ".join(f"c.needs({numbers[a.name]})" for a in members)
        cpp = [formula.CPP_TYPES[k] for k in kinds]
        result = cpp[0] if len(cpp) == 1 else f"std::tuple<{', '.join(cpp)}>"
        code = [f"  if ({test}) {{", *(f"    {d}" for d in local), f"    auto g = {f'{fused} : ' if fused else ''}[&]() -> {result} {{",
                *(f"      {x}" for x in lines), "    }();"]
        for i, a in enumerate(members):
            value = "g" if len(members) == 1 else f"std::get<{i}>(g)"
            setter = f"c.set_list({numbers[a.name]}, {value});" if a.list else f"c.set({numbers[a.name]}, std::move({value}));"
            code.append(f"    {setter}" if len(members) == 1 else f"    if (c.needs({numbers[a.name]})) {setter}")
        return [*code, "  }"]

    # ---- the operator table ----
    def arg_schema(self, arg, number_ok):
        default = "Value()"
        if arg.default is not None and arg.value is not None:
            kind = type_of(arg).removeprefix("optional ")
            if kind == "ints":
                items = arg.value if isinstance(arg.value, (list, tuple)) else [arg.value] * (arg.size or 1)
                default = f"Value(IntList(ints_{self.int_default(tuple(items))}, {len(items)}))"
            elif kind == "values":
                default = "Value(std::span<const Value>())"
            else:
                default = f"Value({default_value(arg).removeprefix('Scalar')})"
        flags = [arg.optional, arg.list, arg.optional_element, arg.kwarg_only, arg.write, arg.write and arg.kwarg_only,
                 arg.default is not None, number_ok]
        alias = f"'{arg.alias[0]}'" if arg.alias else "0"
        return (f"{{{quoted(arg.name)}, Type::{arg.type}, {', '.join('1' if f else '0' for f in flags)}, {arg.size or 0}, {alias}, ArgRole::{arg.role}, "
                f"{default}}}")

    def int_default(self, items):
        return self.int_defaults.setdefault(items, len(self.int_defaults))

    def number_ok(self, row, arg):
        """Binary operators take a Python number in a Tensor slot where an overload with a Scalar there stands beside, unseen by the parser."""
        if not arg.is_tensor:
            return False
        if row.schema.index.get(arg.name, 0) == 0:
            return bool(row.definition.options.get("number_first")) and row.role == "functional"
        if not arg.write:
            names = [a.name for a in row.schema.args]
            siblings = [r for r in self.rows if r.schema.name == row.schema.name and r.hidden and [a.name for a in r.schema.args] == names]
            return any(r.schema.args[row.schema.index[arg.name]].base == "Scalar" for r in siblings)
        return False

    def table(self):
        self.int_defaults = {}
        args, ops = [], []
        externs = []
        for row in self.rows:
            s = row.schema
            listed = [self.arg_schema(a, self.number_ok(row, a)) for a in s.args]
            listed += [self.arg_schema(r, False) for r in s.returns]
            args.append(f"static const ArgSchema args_{row.index}[] = {{{', '.join(listed) or '{}'}}};")
            ops.append(self.op_row(row, externs))
        ints = [f"static constexpr int64_t ints_{i}[] = {{{', '.join(map(str, items)) or '0'}}};" for items, i in self.int_defaults.items()]
        externs += [f"void {name}(VmapCall&);" for name in self.batch_formulas.values()]
        source = [HEADER + '#include "kernels.h"', '#include "vmap/rules.h"', '#include "cpu/families.h"', '#include "cpu/outputs.h"', "namespace kindling {",
                  *([UNTRANSLATED] if self.lenient else []), *externs, *ints, *args,
                  "static Op table[] = {", *ops, "};", f"const int kNumOps = {len(self.rows)};",
                  "const Op* const kOps[] = {" + ", ".join(f"&table[{i}]" for i in range(len(self.rows))) + "};", *self.function_tables(), "}", ""]
        return "\n".join(source)

    def op_row(self, row, externs):
        s, d = row.schema, row.definition
        family = {"pointwise": "Pointwise", "reduction": "Reduction", "composite": "Composite"}.get(d.family, "Kernel")
        extra = "nullptr"
        base = row.functional or row
        if row.derived and d.family != "pointwise":
            rules = () if row.role == "inplace" else (d.out_dtype_is_exact and "exact", d.out_apart and "apart")
            kernel, extra = "_".join([*filter(None, rules), "form"]) if any(rules) else "derived_form", f"&table[{row.functional.index}]"
            family = "Composite" if d.family == "composite" else "Kernel"
        elif row.derived:
            kernel, extra = "pointwise_kernel", f"&table[{row.functional.index}]"
        elif d.family == "kernel":
            kernel = f"shim_{s.unique}"
            externs.append(f"extern void {kernel}(const Op&, const Value*, OwnedValue*);")
        elif d.family in ("composite", "decomposed"):
            if d.options.get("python_only"):
                family, kernel, extra = "PyComposite", "nullptr", quoted(f"{d.module}:{d.body.__name__}")
            elif s.key in self.translated:
                kernel = f"shim_{s.unique}"
                externs.append(f"extern void {kernel}(const Op&, const Value*, OwnedValue*);")
            else:
                kernel = "untranslated_kernel"
        else:
            kernel = FAMILY_KERNELS[d.family]
            if s.key in self.plans:
                extra = f"&info_{s.unique}"
                externs.append(f"extern const {infos.RECORDS[d.family][0]} info_{s.unique};")
        derivative = "nullptr"
        if base in self.backward:
            derivative = f"&{self.backward[base]}"
            externs.append(f"extern const Derivative {self.backward[base]};")
        vmap = self.vmap(row)
        is_view = s.is_view and d.family != "composite" or bool(d.options.get("view")) and d.family == "kernel"
        nargs = len(s.args)
        policy = autocast.policy(s.name) if row.role == "functional" else "AsGiven"
        return (f"  {{{quoted(s.name)}, {quoted(s.overload)}, {quoted('aten::' + str(s))}, args_{row.index}, args_{row.index} + {nargs}, {nargs}, {len(s.returns)}, "
                f"Family::{family}, {int(row.role == 'inplace')}, {int(row.role == 'out')}, {int(is_view)}, {kernel}, {derivative}, {vmap}, "
                f"{{.{'python' if family == 'PyComposite' else 'extra'} = {extra}}}, {quoted(d.doc.strip()) if row.role == 'functional' else 'nullptr'}, CastPolicy::{policy}}},")

    # ---- what Python sees ----
    def function_tables(self):
        lines = []
        for place, label in NAMESPACES.items():
            entries: dict = {}
            for row in self.rows:
                if place in row.python and not row.hidden:
                    if place == "method" and row.role == "out" or place == "method" and not any(a.name == "self" and a.is_tensor for a in row.schema.args):
                        continue
                    entries.setdefault(row.schema.name, []).append(row)
            table = []
            for name, rows in sorted(entries.items()):
                rows.sort(key=lambda r: (r.role == "out", len(r.schema.args)))   # the shortest that fits is meant
                lines.append(f"static const Op* const {place}_{name}[] = {{{', '.join(f'&table[{r.index}]' for r in rows)}}};")
                doc = next((r.definition.doc for r in rows if r.definition.doc), "").strip()
                table.append(f"  {{{quoted(name)}, {place}_{name}, {len(rows)}, {quoted(doc)}}},")
            symbol = {"Torch": "kTorchFunctions", "Tensor": "kTensorMethods"}.get(label, f"k{label}Functions")
            lines += [f"extern const FunctionEntry {symbol}[];", f"const FunctionEntry {symbol}[] = {{", *table, "  {nullptr, nullptr, 0, nullptr}};",
                      f"extern const int kNum{symbol[1:]};", f"const int kNum{symbol[1:]} = {len(table)};"]
        return lines

    def infos(self):
        """The records of all emitted kernels."""
        lines = [HEADER + '#include "cpu/kernel_table.h"', "namespace kindling {"]
        for row in self.rows:
            plan = self.plans.get(row.schema.key)
            if plan is not None and not row.derived:
                lines.append(infos.RECORDS[row.family][1](row.schema.unique, plan, row.schema, self.isas))
        return "\n".join([*lines, infos.conversions(self.isas, DTYPES), "}", ""])

    # ---- everything ----
    def translate(self):
        for row in self.rows:
            d = row.definition
            if row.derived:
                continue
            if batching.is_formula(batching.rule(row)):
                try:
                    self.vmap_formula(row)
                except (FormulaError, SyntaxError, KeyError) as e:
                    self.problem(f"{row.schema.key}: vmap: {e}")
            if d.family in ("composite", "decomposed") and not d.options.get("python_only"):
                try:
                    self.composite_body(row)
                    self.translated.add(row.schema.key)
                except (FormulaError, SyntaxError, KeyError) as e:
                    self.problem(f"{row.schema.key}: {e}")
            if d.grad and d.family != "composite":
                try:
                    self.derivative(row)
                except (FormulaError, SyntaxError, KeyError) as e:
                    self.problem(f"{row.schema.key}: {e}")

    def write(self, out):
        """All generated C++ files into the folder `out`."""
        out = Path(out)
        out.mkdir(parents=True, exist_ok=True)
        self.translate()
        header, source = self.ops()
        write_if_changed(out / "ops.h", header)
        write_if_changed(out / "ops.cpp", source)
        write_if_changed(out / "kernels.h", self.kernels_header())
        includes = [HEADER + '#include "kernels.h"', '#include "vmap/rules.h"', '#include "dispatch/state.h"', '#include "autograd/forward.h"', '#include "autograd/formulas.h"',
                    '#include "cpu/widen.h"',
                    "namespace kindling {"]
        kernel_shims = [self.shim(r, f"kernels::{self.kernel_name(r)}") for r in self.kernel_rows()]
        composite_shims = [self.shim(r, f"composite_{r.schema.unique}") for r in self.rows if r.schema.key in self.translated]
        write_if_changed(out / "shims.cpp", "\n".join([*includes, *kernel_shims, "}", ""]))
        write_if_changed(out / "composites.cpp", "\n".join([*includes, *self.bodies, *composite_shims, "}", ""]))
        write_if_changed(out / "formulas.cpp", "\n".join([*includes, *self.formulas, *self.derivatives, "}", ""]))
        write_if_changed(out / "infos.cpp", self.infos())
        write_if_changed(out / "tables.cpp", self.table())
