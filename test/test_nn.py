"""Laws of modules: registration, state, hooks, initial values, and layers against their definitions."""

import copy
import io
import math
import pickle

import pytest

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, parametrize, rnn
from torch.testing import assert_close


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.second = nn.Sequential(nn.ReLU(), nn.Linear(8, 3))
        self.register_buffer("scale", torch.ones(3))
        self.register_buffer("scratch", torch.zeros(1), persistent=False)

    def forward(self, x):
        return self.second(self.first(x)) * self.scale


def test_parameters_and_buffers_are_found_by_name():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == ["first.weight", "first.bias", "second.1.weight", "second.1.bias"]
    assert [name for name, _ in net.named_buffers()] == ["scale", "scratch"]
    assert list(net.state_dict()) == ["scale", "first.weight", "first.bias", "second.1.weight", "second.1.bias"]
    assert net.get_parameter("second.1.bias") is net.second[1].bias
    assert net.get_submodule("second.0") is net.second[0]
    assert net.get_buffer("scale") is net.scale


def test_assignment_keeps_the_registries_consistent():
    module = nn.Module()
    module.x = nn.Parameter(torch.ones(1))
    module.x = None
    assert module._parameters == {"x": None}
    with pytest.raises(TypeError, match="cannot assign"):
        module.x = torch.ones(1)
    module.y = torch.ones(1)
    assert "y" not in module._buffers
    module.z = nn.Buffer(torch.ones(1), persistent=False)
    assert "z" in module._buffers and not module.state_dict()
    del module.z
    assert not hasattr(module, "z")
    with pytest.raises(AttributeError, match="cannot assign"):
        class Early(nn.Module):
            def __init__(self):
                self.w = nn.Parameter(torch.ones(1))
        Early()
    with pytest.raises(KeyError):
        nn.Module().register_parameter("a.b", None)


def test_state_dict_round_trip_and_its_errors():
    a, b = Net(), Net()
    b.load_state_dict(a.state_dict())
    x = torch.randn(5, 4)
    assert torch.equal(a(x), b(x))
    state = a.state_dict()
    state["extra"] = state.pop("first.bias")
    with pytest.raises(RuntimeError) as error:
        b.load_state_dict(state)
    assert 'Missing key(s) in state_dict: "first.bias". ' in str(error.value)
    assert 'Unexpected key(s) in state_dict: "extra". ' in str(error.value)
    result = b.load_state_dict(state, strict=False)
    assert result.missing_keys == ["first.bias"] and result.unexpected_keys == ["extra"]
    with pytest.raises(RuntimeError, match="size mismatch for first.weight"):
        b.load_state_dict({**a.state_dict(), "first.weight": torch.zeros(2, 2)})
    weight = torch.zeros(8, 4)
    b.load_state_dict({**a.state_dict(), "first.weight": weight}, assign=True)
    assert b.first.weight.data_ptr() == weight.data_ptr() and isinstance(b.first.weight, nn.Parameter)


def test_hooks_run_in_order_and_come_off():
    log, layer = [], nn.Linear(2, 2)
    handles = [
        layer.register_forward_pre_hook(lambda m, args: log.append("pre")),
        layer.register_forward_hook(lambda m, args, out: log.append("post")),
        layer.register_forward_hook(lambda m, args, kwargs, out: log.append("kwargs"), with_kwargs=True, prepend=True),
        layer.register_full_backward_pre_hook(lambda m, grad: log.append("backward-pre")),
        layer.register_full_backward_hook(lambda m, gi, go: log.append("backward")),
    ]
    x = torch.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    assert log == ["pre", "kwargs", "post", "backward-pre", "backward"]
    for handle in handles:
        handle.remove()
    log.clear()
    layer(x).sum().backward()
    assert log == []


def test_hooks_replace_values():
    layer = nn.Identity()
    layer.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
    layer.register_forward_hook(lambda m, args, out: out * 2)
    layer.register_full_backward_hook(lambda m, gi, go: (gi[0] * 10,))
    x = torch.zeros(2, requires_grad=True)
    y = layer(x)
    assert_close(y, torch.full((2,), 2.0))
    y.sum().backward()
    assert_close(x.grad, torch.full((2,), 20.0))


def test_always_called_hook_sees_failures():
    seen = []

    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError("no")

    module = Fails()
    module.register_forward_hook(lambda m, args, out: seen.append(out), always_call=True)
    with pytest.raises(ValueError, match="no"):
        module(1)
    assert seen == [None]


def test_copies_and_pickles_are_equal_and_independent():
    net = Net()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        x = torch.randn(2, 4)
        assert torch.equal(net(x), other(x))
        with torch.no_grad():
            other.first.weight.zero_()
        assert not torch.equal(net(x), other(x))


def test_to_converts_parameters_in_place_and_leaves_integers():
    net = nn.BatchNorm1d(3)
    weight = net.weight
    assert net.double() is net and net.weight is weight and weight.dtype == torch.float64
    assert net.num_batches_tracked.dtype == torch.int64
    with pytest.raises(TypeError, match="floating point"):
        net.to(torch.int32)
    assert nn.Linear(2, 2, device="meta").to_empty(device="cpu").weight.device.type == "cpu"


def test_repr_shows_the_tree():
    assert repr(nn.Linear(2, 3)) == "Linear(in_features=2, out_features=3, bias=True)"
    assert repr(nn.Sequential(nn.Linear(2, 3), nn.ReLU())) == (
        "Sequential(\n  (0): Linear(in_features=2, out_features=3, bias=True)\n  (1): ReLU()\n)")
    assert "(0-2): 3 x ReLU()" in repr(nn.ModuleList([nn.ReLU() for _ in range(3)]))
    assert repr(nn.ELU(inplace=True)) == "ELU(alpha=1.0, inplace=True)"


def test_containers_behave_like_lists_and_dicts():
    modules = nn.ModuleList([nn.Linear(1, n) for n in (1, 2, 3)])
    modules.insert(0, nn.ReLU())
    del modules[1]
    assert [type(m).__name__ for m in modules] == ["ReLU", "Linear", "Linear"] and len(modules[1:]) == 2
    assert modules[-1].out_features == 3
    with pytest.raises(IndexError):
        modules[7]
    table = nn.ModuleDict({"a": nn.ReLU()})
    table["b"] = nn.Tanh()
    assert list(table) == ["a", "b"] and table.pop("a") is not None and "a" not in table
    values = nn.ParameterList([torch.ones(2), torch.zeros(1)])
    assert all(isinstance(value, nn.Parameter) for value in values) and len(list(values.parameters())) == 2
    named = nn.ParameterDict({"w": torch.ones(1)})
    assert list(named.state_dict()) == ["w"] and isinstance(named["w"], nn.Parameter)
    chain = nn.Sequential(nn.ReLU()) + nn.Sequential(nn.Tanh())
    assert len(chain) == 2 and len(chain * 2) == 4


@pytest.mark.parametrize("layer, shape", [
    (nn.Linear(5, 3), (2, 5)), (nn.Conv1d(2, 4, 3, padding="same", dilation=2), (2, 2, 9)),
    (nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2), (1, 2, 8, 8)), (nn.ConvTranspose2d(2, 3, 3, stride=2), (1, 2, 4, 4)),
    (nn.BatchNorm2d(3), (2, 3, 4, 4)), (nn.GroupNorm(2, 4), (2, 4, 3)), (nn.LayerNorm(4), (2, 4)), (nn.RMSNorm(4), (2, 4)),
    (nn.InstanceNorm1d(3, affine=True), (2, 3, 5)), (nn.MaxPool2d(2), (1, 2, 4, 4)), (nn.AvgPool1d(2), (1, 2, 4)),
    (nn.AdaptiveAvgPool2d(2), (1, 2, 5, 5)), (nn.PReLU(), (3, 2)), (nn.GELU(), (4,)), (nn.Softmax(dim=-1), (2, 3)),
    (nn.Bilinear(2, 3, 4), None), (nn.LSTM(3, 4, 2, bidirectional=True), (5, 2, 3)), (nn.GRU(3, 4), (5, 2, 3)),
    (nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True), (2, 3, 4)),
])
def test_gradients_of_layers_agree_with_differences(layer, shape):
    layer = layer.double()
    inputs = (torch.randn(2, 2), torch.randn(2, 3)) if shape is None else (torch.randn(shape),)
    inputs = tuple(x.double().requires_grad_() for x in inputs)

    def function(*args):
        result = layer(*args)
        return result[0] if isinstance(result, tuple) else result

    assert torch.autograd.gradcheck(function, inputs, fast_mode=False)


def test_layers_follow_their_definitions():
    x = torch.randn(3, 4, 6)
    layer = nn.Linear(6, 5)
    assert_close(layer(x), x @ layer.weight.T + layer.bias)
    norm = nn.LayerNorm(6)
    mean, var = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
    assert_close(norm(x), (x - mean) / torch.sqrt(var + 1e-5), rtol=1e-5, atol=1e-5)
    table = nn.Embedding(10, 3, padding_idx=2)
    index = torch.tensor([[1, 2], [2, 9]])
    assert_close(table(index), table.weight[index])
    assert float(table.weight[2].abs().sum().detach()) == 0
    logits, target = torch.randn(5, 7), torch.tensor([0, 6, 3, 3, 1])
    expected = -(logits - logits.logsumexp(1, keepdim=True))[torch.arange(5), target].mean()
    assert_close(nn.CrossEntropyLoss()(logits, target), expected)
    assert_close(nn.MSELoss()(x, x + 2), torch.tensor(4.0))


def test_batch_norm_uses_and_updates_running_statistics():
    norm = nn.BatchNorm1d(2, momentum=None)
    batches = [torch.randn(16, 2) for _ in range(4)]
    for batch in batches:
        norm(batch)
    assert_close(norm.running_mean, torch.stack([batch.mean(0) for batch in batches]).mean(0))
    assert int(norm.num_batches_tracked) == 4
    norm.eval()
    assert_close(norm(torch.zeros(1, 2)), (-norm.running_mean / torch.sqrt(norm.running_var + norm.eps)).unsqueeze(0))
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        norm.train()(torch.zeros(1, 2))


def test_dropout_keeps_the_mean_and_rests_in_evaluation():
    x = torch.ones(20000)
    dropped = nn.Dropout(0.25)(x)
    assert abs(float(dropped.mean()) - 1) < 0.05 and set(dropped.unique().tolist()) <= {0.0, float(dropped.max())}
    assert torch.equal(nn.Dropout(0.25).eval()(x), x)
    with pytest.raises(ValueError, match="between 0 and 1"):
        nn.Dropout(2)


def test_attention_is_the_softmax_of_scores():
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    x = torch.randn(2, 5, 8)
    with_weights, weights = attention(x, x, x)
    without, none = attention(x, x, x, need_weights=False)
    assert none is None and weights.shape == (2, 5, 5)
    assert_close(with_weights, without, rtol=1e-4, atol=1e-5)
    assert_close(weights.sum(-1), torch.ones(2, 5))
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    changed = x.clone()
    changed[:, 4] = 0
    first, second = (attention(v, v, v, attn_mask=mask)[0] for v in (x, changed))
    assert_close(first[:, :4], second[:, :4])


def test_lazy_modules_learn_their_shapes():
    layer = nn.LazyLinear(3)
    assert layer.has_uninitialized_params()
    with pytest.raises(RuntimeError, match="uninitialized"):
        layer.weight.shape
    layer(torch.zeros(2, 7))
    assert type(layer) is nn.Linear and layer.weight.shape == (3, 7)
    conv = nn.LazyConv2d(4, 3)
    conv.load_state_dict(nn.Conv2d(2, 4, 3).state_dict())
    assert conv.weight.shape == (4, 2, 3, 3)


def test_initial_values_have_the_promised_spread():
    w = torch.empty(400, 200)
    nn.init.kaiming_uniform_(w, nonlinearity="relu")
    assert float(w.abs().max()) <= math.sqrt(6 / 200) and abs(float(w.std()) - math.sqrt(2 / 200)) < 2e-3
    nn.init.xavier_normal_(w)
    assert abs(float(w.std()) - math.sqrt(2 / 600)) < 2e-3
    nn.init.trunc_normal_(w, std=0.5, a=-0.4, b=0.2)
    assert float(w.min()) >= -0.4 and float(w.max()) <= 0.2
    nn.init.orthogonal_(w)
    assert_close(w.T @ w, torch.eye(200), atol=1e-4, rtol=0)
    nn.init.eye_(w)
    assert float(w.sum()) == 200


def test_packed_sequences_are_what_their_parts_are():
    lengths = [5, 2, 4]
    sequences = [torch.randn(n, 3) for n in lengths]
    packed = rnn.pack_sequence(sequences, enforce_sorted=False)
    for given, back in zip(sequences, rnn.unpack_sequence(packed)):
        assert torch.equal(given, back)
    lstm = nn.LSTM(3, 4, bidirectional=True)
    output, lengths_back = rnn.pad_packed_sequence(lstm(packed)[0])
    assert lengths_back.tolist() == lengths
    for i, sequence in enumerate(sequences):
        assert_close(output[:lengths[i], i], lstm(sequence)[0], rtol=1e-4, atol=1e-6)


def test_parametrizations_hold_their_property():
    layer = parametrizations.weight_norm(nn.Linear(3, 4))
    before = layer.weight.detach().clone()
    layer.parametrizations.weight.original0.data.mul_(2)
    assert_close(layer.weight.detach(), 2 * before)
    square = parametrizations.orthogonal(nn.Linear(4, 4))
    assert_close(square.weight @ square.weight.T, torch.eye(4), atol=1e-5, rtol=0)
    spectral = parametrizations.spectral_norm(nn.Linear(5, 4), n_power_iterations=50)
    assert abs(float(torch.linalg.svdvals(spectral.weight)[0]) - 1) < 1e-3

    class Symmetric(nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).T

    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    assert torch.equal(layer.weight, layer.weight.T) and parametrize.is_parametrized(layer, "weight")
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear and torch.equal(layer.weight, layer.weight.T)


def test_clipping_and_vectors_of_parameters():
    net = Net()
    net(torch.randn(3, 4)).sum().backward()
    total = nn.utils.clip_grad_norm_(net.parameters(), 0.1)
    after = nn.utils.get_total_norm([p.grad for p in net.parameters()])
    assert float(total) > 0.1 and abs(float(after) - 0.1) < 1e-4
    vector = nn.utils.parameters_to_vector(net.parameters())
    nn.utils.vector_to_parameters(vector * 2, net.parameters())
    assert_close(nn.utils.parameters_to_vector(net.parameters()), vector * 2)


def test_fusion_of_batch_norm_changes_nothing():
    conv, norm = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)
    norm(conv(torch.randn(4, 2, 6, 6)))
    conv.eval(), norm.eval()
    x = torch.randn(1, 2, 6, 6)
    assert_close(nn.utils.fuse_conv_bn_eval(conv, norm)(x), norm(conv(x)), rtol=1e-4, atol=1e-5)


def test_functional_call_uses_the_given_tensors():
    net, x = Net(), torch.randn(2, 4)
    zeros = {name: torch.zeros_like(value) for name, value in net.named_parameters()}
    assert float(torch.nn.utils.stateless.functional_call(net, zeros, (x,)).abs().sum()) == 0
    assert float(net(x).abs().sum()) > 0


def test_files_of_modules_round_trip():
    net, buffer = Net(), io.BytesIO()
    torch.save(net.state_dict(), buffer)
    buffer.seek(0)
    other = Net()
    other.load_state_dict(torch.load(buffer))
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters()))


def test_interpolation_of_a_constant_is_constant():
    for mode, shape in (("nearest", (1, 1, 4)), ("linear", (1, 1, 4)), ("bilinear", (1, 1, 4, 4)), ("area", (1, 1, 4, 4)),
                        ("bicubic", (1, 1, 4, 4)), ("trilinear", (1, 1, 3, 3, 3))):
        result = F.interpolate(torch.ones(shape), scale_factor=2.0, mode=mode)
        assert_close(result, torch.ones_like(result))


def test_pruning_zeroes_the_least_and_can_be_made_permanent():
    from torch.nn.utils import prune

    layer = nn.Linear(10, 4)
    least = layer.weight.detach().abs().flatten().sort().values[19]
    prune.l1_unstructured(layer, "weight", 0.5)
    assert int((layer.weight == 0).sum()) == 20 and prune.is_pruned(layer)
    assert float(layer.weight.detach().abs()[layer.weight != 0].min()) > float(least)
    prune.random_unstructured(layer, "weight", 10)
    assert int((layer.weight == 0).sum()) == 30
    assert set(layer.state_dict()) == {"bias", "weight_orig", "weight_mask"}
    layer(torch.ones(1, 10)).sum().backward()
    assert layer.weight_orig.grad is not None
    prune.remove(layer, "weight")
    assert int((layer.weight == 0).sum()) == 30 and isinstance(layer.weight, nn.Parameter)
    prune.ln_structured(layer, "weight", 2, n=2, dim=0)
    assert int((layer.weight.detach().abs().sum(1) == 0).sum()) >= 2


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Sequential(nn.Linear(3, 3), nn.ReLU()), nn.Sequential(nn.Linear(4, 4))])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Raising(nn.Module):
    def forward(self, x):
        raise x


def test_errors_tell_in_which_module_they_arose():
    with pytest.raises(RuntimeError, match=r"cannot be multiplied.*\n\(in layers.1.0 of Deep: Linear\(in_features=4") as caught:
        Deep()(torch.ones(2, 3))
    assert str(caught.value).count("(in ") == 1
    hooked = Deep()
    hooked.layers[1][0].register_forward_hook(lambda *_: None)
    with pytest.raises(RuntimeError, match="in layers.1.0 of Deep"):
        hooked(torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"(?s)1D.*\(in lstm of ModuleDict"):
        class Holder(nn.ModuleDict):
            def forward(self, x):
                return self["lstm"](x)

        Holder.__name__ = "ModuleDict"
        Holder({"lstm": nn.LSTM(3, 2)})(torch.ones(3))


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyError("k"), OSError(2, "gone"), StopIteration(1)])
def test_errors_of_others_keep_their_message(error):
    args = error.args
    with pytest.raises(type(error)) as caught:
        nn.Sequential(nn.Sequential(Raising()))(error)
    assert caught.value is error and error.args == args
    if hasattr(error, "add_note") and isinstance(error, RuntimeError):
        assert error.__notes__ == ["(in 0.0 of Sequential: Raising())"]


@pytest.mark.parametrize("rename, hint", [
    (lambda key: "module." + key, 'The keys in state_dict begin with "module."'),
    (lambda key: key.replace("first", "one"), 'Renamed? "one.*" may be "first.*"'),
    (lambda key: key.replace("weight", "weigth"), '"first.weigth" may be "first.weight"'),
])
def test_keys_that_do_not_fit_are_explained(rename, hint):
    state = {rename(key): value for key, value in Net().state_dict().items()}
    with pytest.raises(RuntimeError, match="Missing key") as caught:
        Net().load_state_dict(state)
    assert hint in str(caught.value)
    with pytest.raises(RuntimeError, match=r'The model\'s keys begin with "module."'):
        nn.DataParallel(Net()).load_state_dict(Net().state_dict())


def test_spectral_norm_by_a_hook():
    torch.manual_seed(0)
    layer = nn.utils.spectral_norm(nn.Conv2d(2, 3, 3), n_power_iterations=60)
    layer(torch.randn(1, 2, 5, 5)).sum().backward()
    assert layer.weight_orig.grad is not None
    assert_close(torch.linalg.matrix_norm(layer.weight.flatten(1), 2), torch.tensor(1.0), atol=1e-4, rtol=0)
    other = nn.utils.spectral_norm(nn.Conv2d(2, 3, 3))
    state = layer.state_dict()
    assert list(state) == ["bias", "weight_orig", "weight_u", "weight_v"]
    other.load_state_dict(state)
    del state["weight_v"]  # as the first version wrote it
    state._metadata[""].pop("spectral_norm")
    other.load_state_dict(state)
    weight = layer.eval().weight.detach().clone()
    assert list(nn.utils.remove_spectral_norm(layer).state_dict()) == ["bias", "weight"]
    assert_close(layer.weight.detach(), weight)
    with pytest.raises(ValueError):
        nn.utils.remove_spectral_norm(layer)


def test_replicas_on_the_cpu_compute_what_the_module_does():
    net, x = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)), torch.randn(6, 3)
    pieces = nn.parallel.scatter({"x": (x, 5)}, ["cpu", "cpu"])
    assert [piece["x"][1] for piece in pieces] == [5, 5] and pieces[1]["x"][0].shape == (3, 3)
    replicas = nn.parallel.replicate(net, ["cpu", "cpu"])
    outputs = nn.parallel.parallel_apply(replicas, [(piece["x"][0],) for piece in pieces])
    whole = nn.parallel.gather(outputs, "cpu")
    assert_close(whole, net(x))
    for one, other in zip(torch.autograd.grad(whole.sum(), net.parameters()), torch.autograd.grad(net(x).sum(), net.parameters())):
        assert_close(one, other)
    assert_close(nn.DataParallel(net)(x), net(x))
    with pytest.raises(RuntimeError, match="in replica 0"):
        nn.parallel.parallel_apply(replicas, [(torch.ones(1, 2),)] * 2)


def test_functions_of_operators_are_copied_and_pickled_by_name():
    for function in (F.gelu, torch.tanh, F.scaled_dot_product_attention, torch.linalg.norm, torch.Tensor.add):
        assert copy.deepcopy(function) is function and pickle.loads(pickle.dumps(function)) is function


def test_attribute_lookup_follows_python():
    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(2, 2)
            self.register_buffer("constant", torch.ones(1))

        @property
        def broken(self):
            return self.nowhere

    class Extended(Plain):
        def __getattr__(self, name):
            return 42 if name == "magic" else super().__getattr__(name)

    class Intercepting(Plain):
        def __getattribute__(self, name):
            return 43 if name == "magic" else super().__getattribute__(name)

    for module, magic in ((Plain(), None), (Extended(), 42), (Intercepting(), 43)):
        assert module.inner is module._modules["inner"] and module.constant is module._buffers["constant"]
        assert getattr(module, "magic", None) == magic
        for name in ("nowhere", "broken"):
            with pytest.raises(AttributeError, match=f"object has no attribute '{name}'"):
                getattr(module, name)
        module.__dict__["inner"] = "own"     # a field of the instance goes before a member
        assert module.inner == "own"
    with pytest.raises(AttributeError):
        Plain.__new__(Plain).inner
    Plain.__getattr__ = lambda self, name: name + "!"     # also when a class gets its own later
    assert Plain.__new__(Plain).inner == "inner!"


def test_scaled_products():
    torch.manual_seed(0)
    kind = F.ScalingType
    a, b = (torch.randn(16, 256).to(torch.float8_e4m3fn) for _ in range(2))
    plain = a.float() @ b.float().t()
    for recipe, of_a, of_b, expected in (
            (kind.TensorWise, torch.tensor(2.0), torch.tensor(3.0), 6 * plain),
            (kind.RowWise, torch.full((16, 1), 2.0), torch.full((1, 16), 3.0), 6 * plain),
            (kind.BlockWise1x128, torch.tensor([[1.0, 2.0]]).repeat(16, 1), torch.tensor([[3.0, 1.0]]).repeat(16, 1),
             3 * a.float()[:, :128] @ b.float().t()[:128] + 2 * a.float()[:, 128:] @ b.float().t()[128:])):
        assert_close(F.scaled_mm(a, b.t(), of_a, recipe, of_b, recipe, output_dtype=torch.float32), expected, rtol=1e-4, atol=1e-3)
    assert F.scaled_mm(a, b.t(), torch.tensor(1.0), kind.TensorWise, torch.tensor(1.0), kind.TensorWise).dtype is torch.bfloat16


def test_grouped_products_are_the_products_of_the_groups():
    torch.manual_seed(0)
    ends = torch.tensor([2, 5], dtype=torch.int32)
    rows, matrices, columns = torch.randn(6, 4), torch.randn(2, 4, 3), torch.randn(4, 6)
    found = F.grouped_mm(rows, matrices, offs=ends)
    assert_close(found, torch.cat([rows[:2] @ matrices[0], rows[2:5] @ matrices[1], torch.zeros(1, 3)]))
    assert_close(F.grouped_mm(matrices.mT, columns, offs=ends), F.grouped_mm(columns.T, matrices, offs=ends).T)
    assert_close(F.grouped_mm(rows.T, rows, offs=ends), torch.stack([rows[:2].T @ rows[:2], rows[2:5].T @ rows[2:5]]))
    assert_close(F.grouped_mm(matrices.mT, matrices), matrices.mT @ matrices)
    with pytest.raises(RuntimeError, match="offsets"):
        F.grouped_mm(rows, matrices)


def test_scores_of_pruning_may_come_last():
    layer, scores = nn.Linear(4, 1), torch.tensor([[4.0, 1, 2, 3]])
    nn.utils.prune.L1Unstructured.apply(layer, "weight", 2, scores)
    assert layer.weight_mask.tolist() == [[1, 0, 0, 1]]


def test_losses_are_bases_of_others():
    class Focal(nn.modules.loss._WeightedLoss):
        def __init__(self, weight=None, reduction="sum"):
            super().__init__(weight, reduction=reduction)

        def forward(self, input, target):
            return F.cross_entropy(input, target, self.weight, reduction=self.reduction)

    loss = Focal(torch.ones(3))
    assert loss.reduction == "sum" and list(loss.state_dict()) == ["weight"] and loss(torch.zeros(2, 3), torch.tensor([0, 1])) > 2
    with pytest.warns(UserWarning, match="will be deprecated"):
        assert nn.modules.loss._Loss(size_average=False).reduction == "sum"
    with pytest.warns(FutureWarning, match="NLLLoss2d"):
        assert nn.NLLLoss2d(reduction="sum").reduction == "sum"
    assert isinstance(nn.NLLLoss(), nn.modules.loss._WeightedLoss)
