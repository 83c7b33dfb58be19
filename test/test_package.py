"""torch.package: archives that bring the code of their objects along."""

import importlib
import inspect
import io
import sys

import pytest

import torch
from torch.package import (
    EmptyMatchError,
    GlobGroup,
    ObjMismatchError,
    PackageExporter,
    PackageImporter,
    PackagingError,
    is_from_package,
    sys_importer,
)
from torch.package.analyze import find_first_use_of_broken_modules, trace_dependencies
from torch.package.find_file_dependencies import find_files_source_depends_on

FILES = {
    "parcel/__init__.py": "",
    "parcel/model.py": "import math\nfrom torch import nn\nfrom . import helper\nfrom .helper import scale\n\n\nclass Net(nn.Module):\n"
                       "    def __init__(self):\n        super().__init__()\n        self.linear = nn.Linear(2, 2)\n\n"
                       "    def forward(self, x):\n        return scale(self.linear(x)) + math.pi - helper.math.pi\n",
    "parcel/helper.py": "import os.path\nimport math\n\n\ndef scale(x):\n    return 2 * x\n",
}


@pytest.fixture
def parcel(tmp_path, monkeypatch):
    """The module parcel.model, outside of any archive."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("parcel.model")
    for name in [name for name in sys.modules if name.split(".")[0] == "parcel"]:
        del sys.modules[name]


def pack(*actions):
    file = io.BytesIO()
    with PackageExporter(file) as exporter:
        for action in actions:
            action(exporter)
    file.seek(0)
    return file


def test_an_object_comes_back_with_its_code(parcel):
    net = parcel.Net()
    file = pack(lambda e: e.intern("parcel.**"), lambda e: e.save_pickle("data", "net.pkl", {"a": net, "b": net.linear.weight}),
                lambda e: e.save_text("data", "note.txt", "hello"), lambda e: e.save_binary("data", "raw", b"\0\1"),
                lambda e: e.save_source_string("made.up", "import parcel.helper\nX = 3\n"))
    first, second = PackageImporter(file), PackageImporter(file)
    loaded = first.load_pickle("data", "net.pkl")
    x = torch.ones(1, 2)
    assert torch.equal(loaded["a"](x), net(x)) and loaded["a"].linear.weight is loaded["b"]
    cls = type(loaded["a"])
    assert is_from_package(loaded["a"]) and not is_from_package(net) and cls is not type(second.load_pickle("data", "net.pkl")["a"])
    assert first.load_text("data", "note.txt") == "hello" and first.load_binary("data", "raw") == b"\0\1"
    assert first.import_module("made.up").X == 3 and "scale" in inspect.getsource(first.import_module("parcel.helper").scale)
    tree = first.file_structure(exclude=".data/**")
    assert tree.has_file("parcel/model.py") and not tree.has_file("parcel/none.py") and "helper.py" in str(tree)
    again = PackageImporter(pack(lambda e: setattr(e, "importer", first), lambda e: e.intern("parcel.**"),
                                 lambda e: e.save_pickle("data", "net.pkl", loaded["a"])))
    assert torch.equal(again.load_pickle("data", "net.pkl")(x), net(x))
    with pytest.raises(ObjMismatchError, match="which is coming from"):
        sys_importer.get_name(cls)
    with pytest.raises(ModuleNotFoundError, match="self-contained archive"):
        first.import_module("elsewhere")
    with pytest.raises(ImportError, match="disallowed"):
        PackageImporter(file, module_allowed=lambda name: name != "math")


def test_every_module_needs_a_pattern(parcel):
    def save(e):
        e.save_pickle("data", "net.pkl", parcel.Net())

    for actions, reason in (((), "did not match against any action pattern"), ((lambda e: e.deny("parcel.**"),), "denied by a pattern"),
                            ((lambda e: e.mock("parcel.**"),), "mocked out, but is still being used")):
        with pytest.raises(PackagingError, match=reason) as caught:
            pack(*actions, save)
        assert find_first_use_of_broken_modules(caught.value)["parcel.model"] == ["<data.net.pkl>", "parcel.model"]
    with pytest.raises(EmptyMatchError, match="did not match any modules"):
        pack(lambda e: e.intern("parcel.**"), lambda e: e.extern("nothing", allow_empty=False), save)


def test_mocked_modules_raise_when_they_are_used(parcel):
    seen = []
    file = pack(lambda e: e.register_mock_hook(lambda exporter, name: seen.append(name)), lambda e: e.mock("parcel.helper"),
                lambda e: e.intern("parcel.**"), lambda e: e.save_module("parcel.model"))
    helper = PackageImporter(file).import_module("parcel.helper")
    assert seen == ["parcel.helper"]
    with pytest.raises(NotImplementedError, match="mocked out during packaging"):
        helper.scale(3)


def test_patterns_and_imports():
    group = GlobGroup(["a.**", "b.*"], exclude=["a.c"])
    assert [group.matches(name) for name in ("a", "a.b.c", "a.c", "b.x", "b.x.y")] == [True, True, False, True, False]
    with pytest.raises(ValueError, match="entire path segment"):
        GlobGroup("a**")
    source = "import a.b\nfrom . import c\nfrom ..d import e as f\n__import__('g')\n"
    assert set(find_files_source_depends_on(source, "p.q")) == {("a.b", None), ("p.q", "c"), ("p.d", "e"), ("g", None)}
    with pytest.raises(ImportError, match="beyond top-level"):
        find_files_source_depends_on("from ... import x", "p")
    assert "json.encoder" in trace_dependencies(__import__("json").dumps, [({"a": 1},)])


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
