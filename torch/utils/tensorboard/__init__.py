"""Event files for TensorBoard, written without further packages: `SummaryWriter`."""

from ._events import FileWriter
from .writer import SummaryWriter

__all__ = ["FileWriter", "SummaryWriter"]
