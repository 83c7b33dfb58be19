"""Recurrent layers. A sequence is packed rows: the batch of step 0, then that of step 1, ..., never longer than the one before."""
# ruff: noqa: F821

from .language import FLOATING_COMPLEX, composite

_CELL = "(Tensor input, {state} hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> "


@composite("rnn_tanh_cell" + _CELL.format(state="Tensor") + "Tensor", python="function")
def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih, b_hh):
    """tanh(W_ih x + b_ih + W_hh h + b_hh): one step of an Elman network (Elman 1990).

    >>> torch.rnn_tanh_cell(torch.zeros(1, 2), torch.zeros(1, 3), torch.ones(3, 2), torch.ones(3, 3))
    tensor([[0., 0., 0.]])
    """
    return (linear(input, w_ih, b_ih) + linear(hx, w_hh, b_hh)).tanh()


@composite("rnn_relu_cell" + _CELL.format(state="Tensor") + "Tensor", python="function")
def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih, b_hh):
    """relu(W_ih x + b_ih + W_hh h + b_hh).

    >>> torch.rnn_relu_cell(torch.ones(1, 2), torch.zeros(1, 1), torch.ones(1, 2), torch.ones(1, 1))
    tensor([[2.]])
    """
    return (linear(input, w_ih, b_ih) + linear(hx, w_hh, b_hh)).relu()


@composite("gru_cell" + _CELL.format(state="Tensor") + "Tensor", python="function")
def gru_cell(input, hx, w_ih, w_hh, b_ih, b_hh):
    """One step of a gated recurrent unit (Cho et al. 2014), the reset gate after the matrix product.

    >>> torch.gru_cell(torch.zeros(1, 2), torch.zeros(1, 1), torch.ones(3, 2), torch.ones(3, 1))
    tensor([[0.]])
    """
    return _gru_step(linear(input, w_ih, b_ih), linear(hx, w_hh, b_hh), hx)


@composite("_gru_step(Tensor x, Tensor r, Tensor h) -> Tensor", python="")
def gru_step(x, r, h):
    """The new state from the products of input and state with their weights: n + z (h - n)."""
    xs = x.chunk(3, -1)
    rs = r.chunk(3, -1)
    reset = (xs[0] + rs[0]).sigmoid()
    update = (xs[1] + rs[1]).sigmoid()
    new = (xs[2] + reset * rs[2]).tanh()
    return new + update * (h - new)


@composite("lstm_cell" + _CELL.format(state="Tensor[]") + "(Tensor, Tensor)", python="function")
def lstm_cell(input, hx, w_ih, w_hh, b_ih, b_hh):
    """One step of a long short-term memory (Hochreiter & Schmidhuber 1997): the new state and cell.

    >>> torch.lstm_cell(torch.zeros(1, 2), [torch.zeros(1, 1), torch.zeros(1, 1)], torch.ones(4, 2), torch.ones(4, 1))[0]
    tensor([[0.]])
    """
    return _lstm_step(linear(input, w_ih, b_ih) + linear(hx[0], w_hh, b_hh), hx[1])


@composite("_lstm_step(Tensor gates, Tensor c) -> (Tensor, Tensor)", python="")
def lstm_step(gates, c):
    """State and cell from the gates i, f, g, o: c' = f c + i g, h' = o tanh(c')."""
    parts = gates.chunk(4, -1)
    cell = parts[1].sigmoid() * c + parts[0].sigmoid() * parts[2].tanh()
    return parts[3].sigmoid() * cell.tanh(), cell


@composite("_rnn_direction(Tensor data, int[] batch_sizes, Tensor h0, Tensor? c0, Tensor[] weights, bool has_biases, str mode, bool reverse) "
           "-> (Tensor, Tensor, Tensor)", python="")
def rnn_direction(data, batch_sizes, h0, c0, weights, has_biases, mode, reverse):
    """One layer in one direction: results of all steps, last states, last cells."""
    b_ih = weights[2] if has_biases else None
    b_hh = weights[3] if has_biases else None
    projected = len(weights) % 2 == 1
    inputs = linear(data, weights[0], b_ih)
    steps = len(batch_sizes)
    offset = data.size(0) if reverse else 0
    batch = batch_sizes[steps - 1] if reverse else batch_sizes[0]
    h = h0.narrow(0, 0, batch)
    c = h
    if c0 is not None:
        c = c0.narrow(0, 0, batch)
    outputs = []
    ended_h = []
    ended_c = []
    for i in range(steps):
        size = batch_sizes[steps - 1 - i] if reverse else batch_sizes[i]
        if size > batch:      # backwards, shorter sequences begin later
            h = cat([h, h0.narrow(0, batch, size - batch)], 0)
            if c0 is not None:
                c = cat([c, c0.narrow(0, batch, size - batch)], 0)
        if size < batch:      # forwards, they end earlier
            ended_h.append(h.narrow(0, size, batch - size))
            h = h.narrow(0, 0, size)
            if c0 is not None:
                ended_c.append(c.narrow(0, size, batch - size))
                c = c.narrow(0, 0, size)
        batch = size
        if reverse:
            offset = offset - size
        x = inputs.narrow(0, offset, size)
        if not reverse:
            offset = offset + size
        r = linear(h, weights[1], b_hh)
        if mode == "lstm":
            h, c = _lstm_step(x + r, c)
            if projected:
                h = linear(h, weights[len(weights) - 1])
        elif mode == "gru":
            h = _gru_step(x, r, h)
        elif mode == "tanh":
            h = (x + r).tanh()
        else:
            h = (x + r).relu()
        outputs.append(h)
    ended_h.append(h)
    ended_c.append(c)
    n = len(outputs)
    m = len(ended_h)
    result = cat([outputs[n - 1 - i] for i in range(n)], 0) if reverse else cat(outputs, 0)
    last_c = cat([ended_c[len(ended_c) - 1 - i] for i in range(len(ended_c))], 0)
    return result, cat([ended_h[m - 1 - i] for i in range(m)], 0), last_c


@composite("_rnn(Tensor data, int[] batch_sizes, Tensor h0, Tensor? c0, Tensor[] params, bool has_biases, int num_layers, float dropout, "
           "bool train, bool bidirectional, str mode) -> (Tensor, Tensor, Tensor)", python="")
def rnn(data, batch_sizes, h0, c0, params, has_biases, num_layers, dropout, train, bidirectional, mode):
    """All layers and directions over packed rows."""
    directions = 2 if bidirectional else 1
    if num_layers < 1 or h0.size(0) != num_layers * directions:
        raise RuntimeError(f"Expected more hidden states in stacked_rnn: {num_layers} layers in {directions} directions, but the state has shape {h0.shape}")
    per = len(params) // (num_layers * directions)
    if per < (4 if has_biases else 2):
        raise RuntimeError(f"Expected weights and biases for {num_layers} layers in {directions} directions, but got {len(params)} parameters")
    states = []
    cells = []
    x = data
    for layer in range(num_layers):
        results = []
        for d in range(directions):
            k = layer * directions + d
            weights = params[k * per:(k + 1) * per]
            cell = None
            if c0 is not None:
                cell = c0.select(0, k)
            y, h, c = _rnn_direction(x, batch_sizes, h0.select(0, k), cell, weights, has_biases, mode, d == 1)
            results.append(y)
            states.append(h)
            cells.append(c)
        x = cat(results, -1) if bidirectional else results[0]
        if dropout > 0.0 and train and layer < num_layers - 1:
            x = aten.dropout.default(x, dropout, train)
    return x, stack(states, 0), stack(cells, 0)


@composite("_rnn_padded(Tensor input, Tensor h0, Tensor? c0, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, "
           "bool bidirectional, bool batch_first, str mode) -> (Tensor, Tensor, Tensor)", python="")
def rnn_padded(input, h0, c0, params, has_biases, num_layers, dropout, train, bidirectional, batch_first, mode):
    """Sequences of one length: [time, batch, features], or [batch, time, features]."""
    x = input.transpose(0, 1) if batch_first else input
    time = x.size(0)
    batch = x.size(1)
    data = x.reshape([time * batch, x.size(2)])
    y, h, c = _rnn(data, [batch for i in range(time)], h0, c0, params, has_biases, num_layers, dropout, train, bidirectional, mode)
    y = y.view([time, batch, y.size(1)])
    return y.transpose(0, 1) if batch_first else y, h, c


_TAIL = "Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional"


@composite(f"lstm.input(Tensor input, Tensor[] hx, {_TAIL}, bool batch_first) -> (Tensor, Tensor, Tensor)", kinds=FLOATING_COMPLEX, python="function")
def lstm(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first):
    """A stack of long short-term memory layers: results, last states, last cells.

    >>> torch.lstm(torch.zeros(1, 1, 2), [torch.zeros(1, 1, 1), torch.zeros(1, 1, 1)], [torch.ones(4, 2), torch.ones(4, 1)], False, 1, 0.0, False, False, False)[0].shape
    torch.Size([1, 1, 1])
    """
    return _rnn_padded(input, hx[0], hx[1], params, has_biases, num_layers, dropout, train, bidirectional, batch_first, "lstm")


@composite(f"lstm.data(Tensor data, Tensor batch_sizes, Tensor[] hx, {_TAIL}) -> (Tensor, Tensor, Tensor)", kinds=FLOATING_COMPLEX, python="function")
def lstm_packed(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional):
    """The same over packed sequences."""
    return _rnn(data, int_values(batch_sizes), hx[0], hx[1], params, has_biases, num_layers, dropout, train, bidirectional, "lstm")


def _one_state(name, mode, line):
    """The two overloads of a layer whose only state is h."""
    def padded(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first):
        y, h, _ = _rnn_padded(input, hx, None, params, has_biases, num_layers, dropout, train, bidirectional, batch_first, _MODE)
        return y, h

    def packed(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional):
        y, h, _ = _rnn(data, int_values(batch_sizes), hx, None, params, has_biases, num_layers, dropout, train, bidirectional, _MODE)
        return y, h

    padded.__doc__, packed.__doc__ = line, line.split("\n")[0] + " Over packed sequences."
    for schema, body in ((f"{name}.input(Tensor input, Tensor hx, {_TAIL}, bool batch_first) -> (Tensor, Tensor)", padded),
                         (f"{name}.data(Tensor data, Tensor batch_sizes, Tensor hx, {_TAIL}) -> (Tensor, Tensor)", packed)):
        composite(schema, kinds="usf" if mode == "relu" else FLOATING_COMPLEX, python="function", values={"_MODE": mode})(body)


_one_state("gru", "gru", """A stack of gated recurrent units: results and last states.

    >>> torch.gru(torch.zeros(1, 1, 2), torch.zeros(1, 1, 1), [torch.ones(3, 2), torch.ones(3, 1)], False, 1, 0.0, False, False, False)[0].shape
    torch.Size([1, 1, 1])
    """)
_one_state("rnn_tanh", "tanh", """A stack of Elman layers with tanh: results and last states.

    >>> torch.rnn_tanh(torch.zeros(1, 1, 2), torch.zeros(1, 1, 1), [torch.ones(1, 2), torch.ones(1, 1)], False, 1, 0.0, False, False, False)[0].shape
    torch.Size([1, 1, 1])
    """)
_one_state("rnn_relu", "relu", """A stack of Elman layers with relu: results and last states.

    >>> torch.rnn_relu(torch.zeros(1, 1, 2), torch.zeros(1, 1, 1), [torch.ones(1, 2), torch.ones(1, 1)], False, 1, 0.0, False, False, False)[0].shape
    torch.Size([1, 1, 1])
    """)


@composite('pad_sequence(Tensor[] sequences, bool batch_first=False, float padding_value=0., str padding_side="right") -> Tensor', python="nn")
def pad_sequence(sequences, batch_first, padding_value, padding_side):
    """Sequences [length_i, ...] filled up with `padding_value` to the longest and stacked: [longest, batch, ...] or [batch, longest, ...]."""
    longest = 0
    for s in sequences:
        longest = max(longest, s.size(0))
    rows = []
    for s in sequences:
        missing = longest - s.size(0)
        pads = [0 for i in range(2 * s.dim() - 2)]
        pads.append(missing if padding_side == "left" else 0)
        pads.append(0 if padding_side == "left" else missing)
        rows.append(constant_pad_nd(s, pads, padding_value))
    return stack(rows, 0 if batch_first else 1)
