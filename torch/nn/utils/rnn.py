"""Sequences of different lengths: padding and packing."""

from collections import namedtuple

import torch

__all__ = ["PackedSequence", "invert_permutation", "pack_padded_sequence", "pad_packed_sequence", "pad_sequence",
           "unpad_sequence", "pack_sequence", "unpack_sequence"]


def invert_permutation(permutation):
    """The permutation that undoes `permutation`; None stays None."""
    if permutation is None:
        return None
    output = torch.empty_like(permutation, memory_format=torch.contiguous_format)
    output.scatter_(0, permutation, torch.arange(0, permutation.numel(), device=permutation.device))
    return output


class PackedSequence(namedtuple("PackedSequence", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"])):
    """Sequences of a batch interleaved by step: the first elements of all, then the second ones, and so on.

    Made by :func:`pack_padded_sequence` and :func:`pack_sequence`; `batch_sizes` holds how many sequences reach each step.
    """

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("PackedSequence needs data and batch_sizes")
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes.device.type != "cpu":
            raise ValueError("batch_sizes should always be on CPU. Instances of PackedSequence should never be created "
                             "manually. They should be instantiated by functions like pack_sequence and "
                             "pack_padded_sequences in nn.utils.rnn.")
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args, **kwargs):
        """Convert the data, and move the indices along with it."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        move = [None if index is None else index.to(data.device) for index in (self.sorted_indices, self.unsorted_indices)]
        return type(self)(data, self.batch_sizes, *move)

    def cpu(self, *args, **kwargs):
        """Move to the CPU."""
        return self.to(*(args or ("cpu",)), **kwargs)

    def cuda(self, *args, **kwargs):
        """Move to a CUDA device."""
        return self.to(*(args or ("cuda",)), **kwargs)

    def pin_memory(self):
        """Pin the data in memory."""
        return type(self)(self.data.pin_memory(), *self[1:])

    @property
    def is_cuda(self):
        """True when the data is on a CUDA device."""
        return self.data.is_cuda

    def is_pinned(self):
        """True when the data is in pinned memory."""
        return self.data.is_pinned()


def _conversion(name, dtype):
    def convert(self):
        return self.to(dtype=dtype)

    convert.__name__, convert.__qualname__ = name, f"PackedSequence.{name}"
    convert.__doc__ = f"Convert the data to {dtype}."
    return convert


for _name, _dtype in {"double": torch.double, "float": torch.float, "half": torch.half, "long": torch.long, "int": torch.int,
                      "short": torch.short, "char": torch.int8, "byte": torch.uint8}.items():
    setattr(PackedSequence, _name, _conversion(_name, _dtype))


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """Pack padded sequences (L, N, *) (or (N, L, *)) with the given `lengths`.

    With `enforce_sorted` the lengths must not increase (RuntimeError); without it they are sorted here.
    """
    if not isinstance(lengths, torch.Tensor):
        lengths = torch.as_tensor(lengths, dtype=torch.int64, device="cpu")
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = torch.sort(lengths, descending=True)
        sorted_indices = sorted_indices.to(input.device)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    steps = input.transpose(0, 1) if batch_first else input
    counts = lengths.tolist()
    if len(counts) != steps.size(1):
        raise RuntimeError(f"Expected `len(lengths)` to be equal to batch_size, but got {len(counts)} (batch_size="
                           f"{steps.size(1)})")
    if any(first < second for first, second in zip(counts, counts[1:])):
        raise RuntimeError("`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
                           "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this "
                           "requirement if you do not need ONNX exportability.")
    if counts[-1] <= 0:
        raise RuntimeError("Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0")
    batch_sizes = [sum(count > step for count in counts) for step in range(counts[0])]
    data = torch.cat([steps[step, :size] for step, size in enumerate(batch_sizes)])
    return PackedSequence(data, torch.tensor(batch_sizes, dtype=torch.int64), sorted_indices, None)


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """Undo :func:`pack_padded_sequence`: (padded sequences, lengths). Raises ValueError if `total_length` is too short."""
    sizes = sequence.batch_sizes.tolist()
    length = len(sizes)
    if total_length is not None:
        if total_length < length:
            raise ValueError("Expected total_length to be at least the length of the longest sequence in input, but got "
                             f"total_length={total_length} and max sequence length being {length}")
        length = total_length
    data = sequence.data
    padded = data.new_full((length, sizes[0], *data.shape[1:]), padding_value)
    for step, piece in enumerate(data.split(sizes)):
        padded[step, :sizes[step]] = piece
    lengths = torch.tensor([sum(size > row for size in sizes) for row in range(sizes[0])], dtype=torch.int64)
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices.cpu()]
    return (padded.transpose(0, 1) if batch_first else padded), lengths


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """Stack sequences (L_i, *) into (max L, N, *) or (N, max L, *), filled up with `padding_value`."""
    if not isinstance(sequences, (list, tuple, torch.Tensor)):
        sequences = tuple(sequences)
    if isinstance(sequences, torch.Tensor):
        sequences = sequences.unbind(0)
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"padding_side should be either 'left' or 'right', but got {padding_side}")
    longest = max(sequence.size(0) for sequence in sequences)
    rows = []
    for sequence in sequences:
        filling = sequence.new_full((longest - sequence.size(0), *sequence.shape[1:]), padding_value)
        rows.append(torch.cat([sequence, filling] if padding_side == "right" else [filling, sequence]))
    return torch.stack(rows, 0 if batch_first else 1)


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """The sequences inside a padded tensor, as a list."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [row[:int(length)] for row, length in zip(padded_sequences, lengths)]


def pack_sequence(sequences, enforce_sorted=True):
    """Pack a list of sequences (L_i, *)."""
    lengths = torch.as_tensor([sequence.size(0) for sequence in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """The sequences inside a PackedSequence, as a list."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
