"""Stopping in generated code."""

__all__ = ["set_trace"]


def set_trace(gm):
    """The module, whose generated code starts the debugger first."""
    def make(before):
        def transform(body):
            return ["import pdb; pdb.set_trace()\n", *(before(body) if before else body)]

        return transform

    gm.graph.on_generate_code(make)
    gm.recompile()
    return gm
