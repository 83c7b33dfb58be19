"""Types of the parts of tuples and lists."""

import operator
import typing

__all__ = ["annotate_getitem_nodes"]


def annotate_getitem_nodes(graph) -> None:
    """Gives nodes that read an item of a typed tuple, list, dictionary or namedtuple the item's type, in place."""
    for node in graph.nodes:
        if node.target is not operator.getitem or node.args[0].type is None:
            continue
        source, index = node.args[0].type, node.args[1]
        origin, arguments = typing.get_origin(source), typing.get_args(source)
        if origin is tuple and isinstance(index, int):
            if len(arguments) == 2 and arguments[1] is ...:
                node.type = arguments[0]
            elif -len(arguments) <= index < len(arguments):
                node.type = arguments[index]
        elif origin is list:
            node.type = arguments[0]
        elif origin is dict:
            node.type = arguments[1]
        elif isinstance(index, int) and hasattr(source, "_fields"):
            node.type = source.__annotations__.get(source._fields[index])
