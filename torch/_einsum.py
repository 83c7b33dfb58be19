"""Einstein summation: subscripts are parsed here, and every pair of operands is contracted by one batched matrix product."""

from __future__ import annotations

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ELLIPSIS = "..."


def _check(condition, message):
    if not condition:
        raise RuntimeError("einsum(): " + message)


def _labels(text, what, position):
    """The labels of one operand, an ellipsis as one label."""
    labels, i = [], 0
    text = text.replace(" ", "")
    while i < len(text):
        if text[i] == ".":
            _check(text[i:i + 3] == _ELLIPSIS and _ELLIPSIS not in labels, f"found '.' for {what} that is not part of any ellipsis")
            labels.append(_ELLIPSIS)
            i += 3
        else:
            _check(text[i] in _LETTERS, f"invalid subscript given at index {position + i} in the equation string, subscripts must be in [a-zA-Z]")
            labels.append(text[i])
            i += 1
    return labels


def _parse(equation, operands):
    """(labels of each operand, labels of the result or None)."""
    left, arrow, right = equation.partition("->")
    parts = left.split(",")
    _check(len(parts) >= len(operands), "more operands were provided than specified in the equation")
    _check(len(parts) <= len(operands), "fewer operands were provided than specified in the equation")
    inputs, position = [], 0
    for i, part in enumerate(parts):
        inputs.append(_labels(part, f"operand {i}", position))
        position += len(part) + 1
    return inputs, _labels(right, "the output", position + 1) if arrow else None


def _expand_ellipsis(inputs, output, operands):
    """Number the ellipsis dimensions, counted from the right: (labels with numbers, how many there are)."""
    widest, numbered = 0, []
    for i, (labels, x) in enumerate(zip(inputs, operands)):
        named = len(labels) - labels.count(_ELLIPSIS)
        hidden = x.dim() - named
        if _ELLIPSIS in labels:
            _check(hidden >= 0, f"the number of subscripts in the equation ({named}) is more than the number of dimensions ({x.dim()}) for operand {i}")
            widest = max(widest, hidden)
        else:
            _check(hidden == 0, f"the number of subscripts in the equation ({named}) does not match the number of dimensions ({x.dim()}) for operand {i} "
                                "and no ellipsis was given")
        numbered.append((labels, hidden))
    inputs = [[m for label in labels for m in (range(widest - hidden, widest) if label == _ELLIPSIS else (label,))] for labels, hidden in numbered]
    if output is None:
        seen = [label for labels in inputs for label in labels]
        output = list(range(widest)) + sorted(label for label in set(seen) if isinstance(label, str) and seen.count(label) == 1)
    else:
        output = [m for label in output for m in (range(widest) if label == _ELLIPSIS else (label,))]
    return inputs, output


def _diagonalise(x, labels):
    """Take the diagonal of dimensions that share a label."""
    labels = list(labels)
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            _check(x.size(first) == x.size(second), f"subscript {label} is repeated for one operand but the sizes don't match, {x.size(second)} != {x.size(first)}")
            x = x.diagonal(0, first, second)
            labels.pop(second)
            labels.pop(first)
            labels.append(label)
    return x, labels


def _sum_product(a, b, kept, dims):
    """Product of two aligned operands, summed over every dimension of `dims` that is not kept. One batched matrix product where both matter."""
    batch, rows, columns, inner = [], [], [], []
    for d in dims:
        one_a, one_b = a.size(d) == 1, b.size(d) == 1
        if d in kept:
            (batch if one_a == one_b else columns if one_a else rows).append(d)
        elif one_a == one_b:
            inner.append(d)
        elif one_a:
            b = b.sum(d, True)
        else:
            a = a.sum(d, True)
    if not inner and all(a.size(d) == 1 for d in dims if d not in kept):
        return a * b
    absent = [d for d in dims if d not in kept and d not in inner]

    def flat(x, *groups):
        order = [d for g in groups for d in g]
        order += [d for d in dims if d not in order]
        sizes = []
        for g in groups:
            n = 1
            for d in g:
                n *= x.size(d)
            sizes.append(n)
        return x.permute(order).reshape(sizes)

    left, right = flat(a, batch, rows, inner), flat(b, batch, inner, columns)
    product = left.bmm(right)
    shape = [a.size(d) for d in batch] + [a.size(d) for d in rows] + [1] * (len(inner) + len(absent)) + [b.size(d) for d in columns]
    order = batch + rows + inner + absent + columns
    back = [0] * len(order)
    for at, d in enumerate(order):
        back[d] = at
    return product.reshape(shape).permute(back)


def contract(equation, operands, path=None):
    """einsum for a list of operands; `path` lists pairs of operands to contract, which then move to the end."""
    _check(len(operands) > 0, "must provide at least one operand")
    inputs, output = _expand_ellipsis(*_parse(equation, operands), operands)
    known = {label for labels in inputs for label in labels}
    for label in output:
        _check(output.count(label) == 1, f"output subscript {label} appears more than once in the output")
        _check(label in known, f"output subscript {label} does not appear in the equation for any input operand")
    summed = sorted((label for label in known if label not in output), key=str)
    order = list(output) + summed
    place = {label: i for i, label in enumerate(order)}
    sizes, aligned, last = {}, [], {}
    for i, (x, labels) in enumerate(zip(operands, inputs)):
        x, labels = _diagonalise(x, labels)
        for label, size in zip(labels, x.shape):
            old = sizes.setdefault(label, size)
            if old == 1:
                sizes[label] = size
            _check(size in (1, sizes[label]), f"subscript {label} has size {size} for operand {i} which does not broadcast with previously seen size {old}")
        x = _align(x, labels, order)
        aligned.append(x)
    for i, x in enumerate(aligned):
        for label in order:
            if x.size(place[label]) != 1 or i == 0:
                last[label] = i
    if len(aligned) == 1:
        x = aligned[0]
        return x.sum(list(range(len(output), len(order)))) if summed else x
    kept = set(range(len(output)))
    steps = [tuple(path[i:i + 2]) for i in range(0, len(path), 2)] if path else [(0, 1)] * (len(aligned) - 1)
    dims = list(range(len(order)))
    for first, second in steps:
        low, high = sorted((first, second))
        b, a = aligned.pop(high), aligned.pop(low)
        if first > second:
            a, b = b, a
        needed = kept | {d for d in dims if any(x.size(d) != 1 for x in aligned)}
        result = _sum_product(a, b, needed, dims)
        aligned.insert(0, result) if not path else aligned.append(result)
    x = aligned[0]
    return x.reshape(x.shape[:len(output)]) if summed else x


def _align(x, labels, order):
    """Dimensions in the order of all labels, with size 1 where the operand has none."""
    missing = [label for label in order if label not in labels]
    for _ in missing:
        x = x.unsqueeze(-1)
    labels = list(labels) + missing
    return x.permute([labels.index(label) for label in order])


