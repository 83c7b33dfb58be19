"""Which batching rule an overload has: what a call under vmap means for the whole batch.

A definition says `vmap=` the name of a rule, "loop" (each example by itself), or a formula over batched tensors, a string or a
function like those of gradients; a dict gives them by the name or key of an overload. Most need to say nothing:

* element-wise operators match dimensions from the right (`broadcast`);
* reductions, scans, rows, views, and whatever numbers dimensions take the batch as one more dimension in front (`shift`);
* what is written in other operators is run with their rules (`body`), and so are in-place forms made from functional ones.
"""

from __future__ import annotations

from .schema import parse

# the functions vmap_... of torch/csrc/vmap/rules.h; "merge" takes the number of dimensions of an item
RULES = ("broadcast", "shift", "body", "as_is", "restride", "random", "dynamic", "item", "data_dependent", "as_strided", "new_strided", "mm", "convolution",
         "convolution_backward", "batch_norm", "batch_norm_backward", "layer_norm", "layer_norm_backward", "group_norm", "group_norm_backward", "index",
         "index_put", "index_dim", "embedding", "embedding_backward", "addmm", "attention", "check_errors", "elements", "matrices", "permute", "refused", "roll", "squeeze", "t", *(f"merge<{n}>" for n in range(1, 5)))
FAMILIES = {"pointwise": "broadcast", "reduction": "shift", "scan": "shift", "fused": "shift", "decomposed": "body"}


def is_formula(rule):
    return rule is not None and rule not in (*RULES, "loop", "auto")


def _said(definition, schema):
    said = definition.vmap
    if isinstance(said, dict):
        return said.get(schema.key, said.get(schema.name, said.get(schema.name.rstrip("_"), "auto")))
    return said


def _names(definition, schema):
    """Does the definition give this very overload its rule?"""
    return isinstance(definition.vmap, dict) and (schema.key in definition.vmap or schema.name in definition.vmap)


def derived_rule(definition, schema):
    """The rule that follows from family and schema, or "auto" where none does."""
    if definition.family in FAMILIES:
        return FAMILIES[definition.family]
    if schema.is_view or definition.options.get("view") or any(a.role == "Dim" for a in schema.args):
        return "shift"
    return "auto" if any(a.base == "Tensor" for a in schema.args) else "loop"


def rule_of(definition, schema):
    """What is said, or what follows."""
    said = _said(definition, schema)
    return derived_rule(definition, schema) if isinstance(said, str) and said == "auto" else said


def rule(row):
    """The rule of an overload: one of RULES, a formula, or None for the loop."""
    definition, schema = row.definition, row.schema
    if definition.family == "composite" or row.role == "out":
        return None
    found = rule_of(definition, schema)
    if found == "random":
        return found
    if row.derived and definition.family != "pointwise" or row.role == "inplace" and is_formula(found) and not _names(definition, schema):
        return "body"
    if row.role == "inplace" and any(parse(s).is_view for s in definition.schemas):
        return "restride"
    return None if found in ("loop", "auto") else found
