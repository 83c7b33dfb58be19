"""Execution traces: every operator call with its arguments and results, as JSON."""

from __future__ import annotations

import json
import os
import threading
import time

import torch
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["ExecutionTraceObserver"]


def _describe(value):
    """(value, shape, type, strides) of an argument; a tensor's value names it, its storage and its place there."""
    if isinstance(value, torch.Tensor):
        storage = value.untyped_storage()
        place = [id(value), storage._cdata, value.storage_offset(), value.numel(), value.element_size(), str(value.device)]
        return place, list(value.shape), f"Tensor({str(value.dtype).removeprefix('torch.')})", list(value.stride())
    if isinstance(value, (list, tuple)):
        parts = [_describe(v) for v in value]
        return [p[0] for p in parts], [p[1] for p in parts], f"GenericList[{','.join(p[2] for p in parts)}]", [p[3] for p in parts]
    if value is None:
        return "<None>", [], "None", []
    if isinstance(value, (bool, int, float, str)):
        return value, [], {bool: "Bool", int: "Int", float: "Double", str: "String"}[type(value)], []
    return str(value), [], type(value).__name__.capitalize(), []


def _columns(values):
    parts = [_describe(v) for v in values]
    return {name: [p[i] for p in parts] for i, name in enumerate(("values", "shapes", "types", "strides"))}


class _Writer(TorchDispatchMode):
    """Notes each operator call that reaches it."""

    def __init__(self):
        super().__init__()
        self.nodes = []
        self._add("[pytorch|profiler|execution_trace|thread]", 1, (), (), "")

    def _add(self, name, parent, inputs, outputs, schema):
        attributes = [("rf_id", "uint64", len(self.nodes)), ("seq_id", "int64", -1), ("scope", "uint64", 0), ("tid", "uint64", threading.get_ident()),
                      ("op_schema", "string", schema)]
        self.nodes.append({"id": len(self.nodes) + 2, "name": name, "ctrl_deps": parent, "inputs": _columns(inputs), "outputs": _columns(outputs),
                           "attrs": [{"name": n, "type": kind, "value": value} for n, kind, value in attributes]})

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        outputs = out if isinstance(out, tuple) else (out,)
        self._add(func._overloadpacket._qualified_op_name, 2, (*args, *(kwargs or {}).values()), outputs, str(func._schema))
        return out


class ExecutionTraceObserver:
    """Writes the operator calls between :meth:`start` and :meth:`stop` to the file of :meth:`register_callback`."""

    def __init__(self):
        self._path, self._writer, self._resources = None, None, False

    def register_callback(self, output_file_path):
        """Names the file. Returns self."""
        self._path = output_file_path
        return self

    def unregister_callback(self):
        """Stops and forgets the file."""
        self.stop()
        self._path = None

    def cleanup(self):
        """See :meth:`unregister_callback`."""
        self.unregister_callback()

    @property
    def is_registered(self):
        """Whether a file is named."""
        return self._path is not None

    def is_running(self):
        """Whether calls are being written."""
        return self._writer is not None

    def start(self):
        """Begins to write."""
        if self._path is not None and self._writer is None:
            self._writer = _Writer()
            self._writer.__enter__()

    def stop(self):
        """Ends writing: the file is complete."""
        if self._writer is None:
            return
        self._writer.__exit__(None, None, None)
        document = {"schema": "1.1.1-chakra.0.0.4", "pid": os.getpid(), "time": time.strftime("%Y-%m-%d %H:%M:%S"), "nodes": self._writer.nodes}
        with open(self._path, "w") as file:
            json.dump(document, file)
        self._writer = None

    def get_output_file_path(self):
        """The file, or None."""
        return self._path

    def set_extra_resource_collection(self, val):
        """Whether a folder for further files is wanted."""
        self._resources = val
        if val:
            self.get_resources_dir(can_create=True)

    def get_resources_dir(self, can_create=False):
        """The folder for further files, or None without a file or such a wish."""
        if self._path is None or not self._resources:
            return None
        return self.get_resources_dir_for_et_path(self._path, create_dir=can_create)

    @staticmethod
    def get_resources_dir_for_et_path(trace_path, create_dir=False):
        """The folder beside a trace: its path without the extension, with "_resources"."""
        path = os.path.splitext(trace_path)[0] + "_resources"
        if create_dir:
            os.makedirs(path, exist_ok=True)
        return path if os.path.isdir(path) else None

    @staticmethod
    def build_execution_trace_obs_from_env():
        """The observer that the environment asks for: ENABLE_PYTORCH_EXECUTION_TRACE=1; None otherwise."""
        if os.environ.get("ENABLE_PYTORCH_EXECUTION_TRACE", "0") != "1":
            return None
        import tempfile

        handle, path = tempfile.mkstemp(suffix=".et.json")
        os.close(handle)
        observer = ExecutionTraceObserver()
        observer.register_callback(path)
        observer.set_extra_resource_collection(os.environ.get("ENABLE_PYTORCH_EXECUTION_TRACE_EXTRAS", "0") == "1")
        return observer
