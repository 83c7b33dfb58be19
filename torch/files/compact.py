"""Pickling without the parts of storages that no tensor sees."""

import io
import math

import torch
from torch import _utils

from ._pickled import StorageCollector

_REBUILDERS = (_utils._rebuild_tensor_v2, _utils._rebuild_tensor_v3)
_GRAIN = 16


class _View:
    """Where a tensor lies in its storage, in bytes."""

    def __init__(self, tensor):
        self.size, self.stride, self.item = tuple(tensor.size()), tensor.stride(), tensor.element_size()
        self.first = tensor.storage_offset() * self.item
        spans = [(size - 1) * step for size, step in zip(self.size, self.stride)]
        self.last = self.first + (sum(spans) + 1) * self.item if 0 not in self.size else self.first
        self.geometry = (self.first, self.size, self.stride, tensor.dtype)
        self.tensor, self.pending = tensor, True


class _Region:
    """A range of a storage that some tensors see, and where it is to lie."""

    def __init__(self, view):
        self.first = view.first // _GRAIN * _GRAIN  # so that views of any dtype stay aligned
        self.last, self.views = view.last, {view.geometry: view}
        self.place = 0

    def dense(self):
        """The elements of the only view, when they leave gaps; else None."""
        if len(self.views) > 1:
            return None
        (view,) = self.views.values()
        seen = math.prod(size for size, step in zip(view.size, view.stride) if step) * view.item
        return view.tensor.detach().clone() if seen < self.last - self.first and 0 not in view.stride else None


def _regions(views):
    """The views of one storage by the separate ranges that they touch."""
    regions = []
    for view in sorted(views, key=lambda view: (view.first, view.last)):
        if regions and view.first < regions[-1].last:
            regions[-1].last = max(regions[-1].last, view.last)
            regions[-1].views[view.geometry] = view
        else:
            regions.append(_Region(view))
    return regions


class _Survey(StorageCollector):
    """Pickles to nowhere, to see which parts of which storages are in use."""

    def __init__(self, protocol, tag):
        super().__init__(io.BytesIO(), protocol, tag)
        self.views, self.whole = {}, set()  # address of a storage -> views; addresses of storages saved by themselves

    def persistent_id(self, obj):
        """None but for storages, which are noted when no tensor around them was."""
        pid = super().persistent_id(obj)
        if pid is not None:
            address = obj._cdata
            seen = self.views.get(address, [])
            if not seen or not seen[-1].pending:
                self.whole.add(address)
            else:
                seen[-1].pending = False
        return pid

    def reducer_override(self, obj):
        """Note where a tensor lies; it pickles as always."""
        if _compactable(obj):
            self.views.setdefault(obj.untyped_storage()._cdata, []).append(_View(obj))
        return NotImplemented


def _compactable(obj):
    return type(obj) is torch.Tensor and obj.layout == torch.strided and not obj.is_meta and not obj.is_conj() and not obj.is_neg()


class CompactCollector(StorageCollector):
    """Pickles an object whose storages are replaced by what its tensors see of them."""

    def __init__(self, file, protocol, tag, obj):
        super().__init__(file, protocol, tag)
        survey = _Survey(protocol, tag)
        survey.dump(obj)
        self.moved = {}  # (address of a storage, geometry) -> (new storage, first byte, strides)
        self.alive = survey
        for address, views in survey.views.items():
            if address not in survey.whole:
                self._plan(address, views)

    def _plan(self, address, views):
        """Lay the ranges in use one after the other in a new storage, if that is smaller."""
        regions, total, old = _regions(views), 0, views[0].tensor.untyped_storage()
        packed = [(region, region.dense()) for region in regions]
        for region, dense in packed:
            region.place = total
            nbytes = region.last - region.first if dense is None else dense.numel() * dense.element_size()
            total += -(-nbytes // _GRAIN) * _GRAIN if region is not regions[-1] else nbytes
        if total >= old.nbytes():
            return
        new = torch.UntypedStorage(total, device=old.device)
        target = torch.empty(0, dtype=torch.uint8, device=old.device).set_(new)
        source = torch.empty(0, dtype=torch.uint8, device=old.device).set_(old)
        for region, dense in packed:
            if dense is None:
                target[region.place:][:region.last - region.first] = source[region.first:region.last]
            elif dense.numel():
                bytes_of = torch.empty(0, dtype=torch.uint8, device=old.device).set_(dense.untyped_storage())
                target[region.place:][:bytes_of.numel()] = bytes_of
            for geometry, view in region.views.items():
                first = view.first - region.first if dense is None else 0
                self.moved[address, geometry] = (new, region.place + first, view.stride if dense is None else dense.stride())

    def reducer_override(self, obj):
        """A tensor of which the storage shrinks, at its new place."""
        if not _compactable(obj):
            return super().reducer_override(obj)
        found = self.moved.get((obj.untyped_storage()._cdata, _View(obj).geometry))
        if found is None:
            return super().reducer_override(obj)
        rebuild, args = obj.__reduce_ex__(2)
        if rebuild not in _REBUILDERS:
            return NotImplemented
        new, first, stride = found
        _, _, size, _, *rest = args
        storage = new if rebuild is _utils._rebuild_tensor_v3 else torch.storage.TypedStorage(
            wrap_storage=new, dtype=obj.dtype, _internal=True)
        return rebuild, (storage, first // obj.element_size(), size, stride, *rest)
