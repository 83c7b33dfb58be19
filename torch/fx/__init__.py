"""Programs as graphs that Python can read and rewrite: tracing, editing, and code generated back from the graph.

>>> def f(x):
...     return torch.relu(x) + 1
>>> gm = torch.fx.symbolic_trace(f)
>>> print(gm.graph)
graph():
    %x : [num_users=1] = placeholder[target=x]
    %relu : [num_users=1] = call_function[target=torch.relu](args = (%x,), kwargs = {})
    %add : [num_users=1] = call_function[target=operator.add](args = (%relu, 1), kwargs = {})
    return add
"""

import importlib

_HOMES = {
    "node": "Node map_arg has_side_effect",
    "graph": "Graph CodeGen",
    "graph_module": "GraphModule",
    "_symbolic_trace": "Tracer symbolic_trace wrap PH ProxyableClassMeta",
    "proxy": "Proxy",
    "interpreter": "Interpreter Transformer",
    "subgraph_rewriter": "replace_pattern",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = ["symbolic_trace", "Tracer", "wrap", "Graph", "GraphModule", "Interpreter", "Transformer", "Node", "Proxy", "replace_pattern",
           "has_side_effect", "map_arg"]


def __getattr__(name):
    home = _HOME_OF.get(name)
    try:
        module = importlib.import_module(f"{__name__}.{home or name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{home or name}":
            raise
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'") from None
    if home is None:
        return module
    value = globals()[name] = getattr(module, name)
    return value


def __dir__():
    return sorted({*globals(), *_HOME_OF})
