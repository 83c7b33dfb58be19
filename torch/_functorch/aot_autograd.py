"""AOTAutograd: forward and backward of a function as two graphs, each given to a compiler.

The joint graph computes outputs and gradients, on fake tensors and without writes; a partition function cuts it. What runs is an
`autograd.Function` over the two compiled parts.
"""

from __future__ import annotations

import functools

import torch
import torch.utils._pytree as pytree
from torch._functorch.functionalization import functionalize
from torch._functorch.partitioners import default_partition
from torch._guards import detect_fake_mode
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

__all__ = ["aot_function", "aot_module", "aot_module_simplified"]


def _needs_grad(x):
    return isinstance(x, torch.Tensor) and x.requires_grad


def _joint_function(fn, num_primals):
    """``joint(*primals, *tangents)``: the outputs of `fn`, then the gradient of each primal (None where it needs none)."""
    def joint(*flat):
        primals, tangents = flat[:num_primals], flat[num_primals:]
        outputs = fn(*primals)
        roots = [o for o in outputs if _needs_grad(o)]
        wanted = [p for p in primals if _needs_grad(p)]
        grads = iter(torch.autograd.grad(roots, wanted, tangents, allow_unused=True) if roots and wanted else [None] * len(wanted))
        return [*outputs, *(next(grads) if _needs_grad(p) else None for p in primals)]
    return joint


def _fake_inputs(args, dynamic):
    mode = detect_fake_mode(args)
    if mode is None:
        env = None
        if dynamic:
            from torch.fx.experimental.symbolic_shapes import ShapeEnv

            env = ShapeEnv()
        mode = FakeTensorMode(shape_env=env, allow_non_fake_inputs=True)
    leaves = []
    for a in args:
        if isinstance(a, torch.Tensor):
            fake = mode.from_tensor(a)
            with mode:
                a = fake.detach().requires_grad_(fake.requires_grad)
        leaves.append(a)
    return mode, leaves


def _trace(fn, args, decompositions, dynamic):
    """(joint graph, example outputs): the graph is the forward alone where nothing needs a gradient."""
    mode, primals = _fake_inputs(args, dynamic)
    with mode:
        outputs = fn(*_unwritten(primals))
        tangents = [torch.ones_like(o) for o in outputs if _needs_grad(o)]
    joint = _joint_function(fn, len(primals)) if tangents else lambda *flat: list(fn(*flat))
    graph = make_fx(functionalize(joint), decomposition_table=decompositions, tracing_mode="symbolic" if mode.shape_env is not None else "fake")(
        *primals, *[t.detach() for t in tangents])
    names = [f"primals_{i + 1}" for i in range(len(primals))] + [f"tangents_{i + 1}" for i in range(len(tangents))]
    for node, name in zip(graph.graph.find_nodes(op="placeholder"), names):
        node.target = name
        node._rename(name)
    graph.recompile()
    return graph, outputs


def _unwritten(primals):
    """Copies of inputs, since running the function may write to them."""
    return [p.clone() if isinstance(p, torch.Tensor) and not p.requires_grad else p for p in primals]


class _Compiled:
    """The compiled parts for one signature of the inputs."""

    def __init__(self, fn, args, fw_compiler, bw_compiler, partition_fn, decompositions, dynamic, inference_compiler):
        graph, outputs = _trace(fn, args, decompositions, dynamic)
        self.n_outputs = len(outputs)
        self.differentiable = [_needs_grad(o) for o in outputs]
        if not any(self.differentiable):
            self.forward, self.function = (inference_compiler or fw_compiler)(graph, args), None
            return
        forward, backward = partition_fn(graph, args, num_fwd_outputs=self.n_outputs)
        self.forward = fw_compiler(forward, args)
        self.backward = bw_compiler(backward, [n.meta.get("val") for n in backward.graph.find_nodes(op="placeholder")])
        self.function = _autograd_function(self)

    def __call__(self, args):
        if self.function is None:
            return list(self.forward(*args))[:self.n_outputs]
        out = self.function.apply(*args)
        return list(out) if isinstance(out, tuple) else [out]


def _autograd_function(compiled):
    class CompiledFunction(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *args):
            out = list(compiled.forward(*args))
            results, saved = out[:compiled.n_outputs], out[compiled.n_outputs:]
            ctx.save_for_backward(*(s for s in saved if isinstance(s, torch.Tensor)))
            ctx.numbers = [s for s in saved if not isinstance(s, torch.Tensor)]
            ctx.mark_non_differentiable(*(r for r, d in zip(results, compiled.differentiable) if isinstance(r, torch.Tensor) and not d))
            ctx.set_materialize_grads(True)
            return tuple(results)

        @staticmethod
        def backward(ctx, *grads):
            tangents = [g for g, d in zip(grads, compiled.differentiable) if d]
            return tuple(compiled.backward(*ctx.saved_tensors, *ctx.numbers, *tangents))
    return CompiledFunction


def aot_function(fn, fw_compiler, bw_compiler=None, partition_fn=default_partition, decompositions=None, num_params_buffers=0,
                 keep_inference_input_mutations=False, inference_compiler=None, *, dynamic=False, enable_log=True):
    """`fn` with forward and backward traced when it is first called (for each signature of its inputs) and compiled.

    Args:
        fw_compiler, bw_compiler: take a GraphModule and example inputs and give a callable; the backward's defaults to the forward's.
        partition_fn: cuts the joint graph; see `torch._functorch.partitioners`.
        decompositions: {operator: function}, what to trace in place of operators.

    >>> from torch._functorch.compilers import nop
    >>> x = torch.ones(2, requires_grad=True)
    >>> aot_function(lambda x: (x * x).sum(), nop)(x).backward()
    >>> x.grad
    tensor([2., 2.])
    """
    bw_compiler = bw_compiler or fw_compiler
    cache: dict = {}

    @functools.wraps(fn)
    def compiled(*args, **kwargs):
        leaves, spec = pytree.tree_flatten((args, kwargs))
        key = spec, torch.is_grad_enabled(), tuple(map(functools.partial(_signature, dynamic=dynamic), leaves))
        if key not in cache:
            out_spec: list = []

            def flat(*values):
                again, keywords = pytree.tree_unflatten(list(values), spec)
                out, out_spec[:] = (lambda pair: (pair[0], [pair[1]]))(pytree.tree_flatten(fn(*again, **keywords)))
                return out
            cache[key] = _Compiled(flat, leaves, fw_compiler, bw_compiler, partition_fn, decompositions, dynamic, inference_compiler), out_spec
        run, out_spec = cache[key]
        return pytree.tree_unflatten(run(leaves), out_spec[0])
    return compiled


def _signature(x, dynamic):
    if isinstance(x, torch.Tensor):
        return x.dtype, x.device, x.requires_grad, x.dim() if dynamic else (x.shape, x.stride())
    return type(x), x if isinstance(x, (int, float, bool, str, type(None))) else id(x)


def aot_module(mod: torch.nn.Module, *args, **kwargs) -> torch.nn.Module:
    """A module whose forward is `aot_function` of this one's, with the same parameters and buffers. Arguments as of `aot_function`."""
    def call(params, inputs, keywords):
        return torch.func.functional_call(mod, params, inputs, keywords)
    compiled = aot_function(call, *args, **kwargs)

    class AOTModule(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.orig_module = mod

        def forward(self, *args, **kwargs):
            return compiled({**dict(mod.named_parameters()), **dict(mod.named_buffers())}, args, kwargs)
    return AOTModule()


def aot_module_simplified(mod: torch.nn.Module, args, fw_compiler, bw_compiler=None, partition_fn=default_partition, decompositions=None,
                          keep_inference_input_mutations=False, inference_compiler=None, **options):
    """The forward of a module as a compiled function of its inputs alone."""
    whole = aot_module(mod, fw_compiler, bw_compiler, partition_fn, decompositions, inference_compiler=inference_compiler)
    return whole.forward
