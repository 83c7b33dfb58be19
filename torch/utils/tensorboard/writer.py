"""SummaryWriter: numbers, pictures, sounds, texts and distributions of a program, for TensorBoard."""

from __future__ import annotations

import os
import time

import torch

from . import summary
from ._events import FileWriter

__all__ = ["FileWriter", "SummaryWriter"]


class SummaryWriter:
    """Writes to event files in `log_dir` (default: runs/<date>_<host><comment>).

    `purge_step` hides what an earlier, interrupted run wrote from that step on. Events are written by a thread, flushed every
    `flush_secs` seconds and by :meth:`flush`.

    Example::

        with SummaryWriter("runs/first") as writer:
            writer.add_scalar("loss", 0.3, global_step=1)
    """

    def __init__(self, log_dir=None, comment="", purge_step=None, max_queue=10, flush_secs=120, filename_suffix=""):
        if not log_dir:
            import socket

            log_dir = os.path.join("runs", time.strftime("%b%d_%H-%M-%S") + "_" + socket.gethostname() + comment)
        self.log_dir = os.fspath(log_dir)
        self.purge_step, self.max_queue, self.flush_secs, self.filename_suffix = purge_step, max_queue, flush_secs, filename_suffix
        self.file_writer, self.all_writers = None, {}
        self._get_file_writer()

    def _get_file_writer(self):
        if self.file_writer is None:
            self.file_writer = FileWriter(self.log_dir, self.max_queue, self.flush_secs, self.filename_suffix)
            self.all_writers[self.log_dir] = self.file_writer
            if self.purge_step is not None:
                from ._events import message

                self.file_writer.add_event(message(f7=message(f1=1)), self.purge_step)      # SessionLog: START
                self.purge_step = None
        return self.file_writer

    def _add(self, content, global_step, walltime):
        self._get_file_writer().add_summary(content, global_step, walltime)

    def get_logdir(self):
        """The folder of the event files."""
        return self.log_dir

    def add_scalar(self, tag, scalar_value, global_step=None, walltime=None, new_style=False, double_precision=False):
        """A number."""
        self._add(summary.scalar(tag, scalar_value, new_style), global_step, walltime)

    def add_scalars(self, main_tag, tag_scalar_dict, global_step=None, walltime=None):
        """Several numbers in one chart, each in a run of its own below `log_dir`."""
        for tag, value in tag_scalar_dict.items():
            folder = os.path.join(self.log_dir, f"{main_tag.replace('/', '_')}_{tag}")
            if folder not in self.all_writers:
                self.all_writers[folder] = FileWriter(folder, self.max_queue, self.flush_secs, self.filename_suffix)
            self.all_writers[folder].add_summary(summary.scalar(main_tag, value), global_step, walltime)

    def add_tensor(self, tag, tensor, global_step=None, walltime=None):
        """A tensor."""
        self._add(summary.tensor(tag, tensor), global_step, walltime)

    def add_histogram(self, tag, values, global_step=None, bins="tensorflow", walltime=None, max_bins=None):
        """The distribution of values."""
        self._add(summary.histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(self, tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts, global_step=None, walltime=None):
        """A distribution by its buckets."""
        self._add(summary.histogram_raw(tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts), global_step, walltime)

    def add_image(self, tag, img_tensor, global_step=None, walltime=None, dataformats="CHW"):
        """A picture: integers up to 255, or floats up to 1, with dimensions as `dataformats` says."""
        self._add(summary.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_images(self, tag, img_tensor, global_step=None, walltime=None, dataformats="NCHW"):
        """Pictures as one grid."""
        self._add(summary.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_figure(self, tag, figure, global_step=None, close=True, walltime=None):
        """Matplotlib figures as pictures; they are closed unless `close` is False."""
        import numpy as np
        from matplotlib import pyplot
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        figures = figure if isinstance(figure, list) else [figure]
        images = []
        for f in figures:
            canvas = FigureCanvasAgg(f)
            canvas.draw()
            images.append(np.asarray(canvas.buffer_rgba())[..., :3].transpose(2, 0, 1))
            if close:
                pyplot.close(f)
        if isinstance(figure, list):
            self.add_images(tag, np.stack(images), global_step, walltime, dataformats="NCHW")
        else:
            self.add_image(tag, images[0], global_step, walltime, dataformats="CHW")

    def add_audio(self, tag, snd_tensor, global_step=None, sample_rate=44100, walltime=None):
        """A sound: samples between -1 and 1."""
        self._add(summary.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_text(self, tag, text_string, global_step=None, walltime=None):
        """A text in Markdown."""
        self._add(summary.text(tag, text_string), global_step, walltime)

    def add_pr_curve(self, tag, labels, predictions, global_step=None, num_thresholds=127, weights=None, walltime=None):
        """Precision against recall, of predictions between 0 and 1 for 0/1 labels."""
        self._add(summary.pr_curve(tag, labels, predictions, num_thresholds, weights), global_step, walltime)

    def add_pr_curve_raw(self, tag, true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts, precision, recall,
                         global_step=None, num_thresholds=127, weights=None, walltime=None):
        """Precision against recall, by the counts at each threshold."""
        self._add(summary.pr_curve_raw(tag, true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts, precision, recall,
                                       num_thresholds, weights), global_step, walltime)

    def add_custom_scalars(self, layout):
        """A page of charts: {category: {title: ["Multiline" or "Margin", tags]}}."""
        self._add(summary.custom_scalars(layout), None, None)

    def add_custom_scalars_multilinechart(self, tags, category="default", title="untitled"):
        """A page of one chart with several lines."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(self, tags, category="default", title="untitled"):
        """A page of one chart with a line between two bounds: tags of the line, of the lower and of the upper one."""
        if len(tags) != 3:
            raise AssertionError(f"Expected 3 tags, got {len(tags)}.")
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_mesh(self, tag, vertices, colors=None, faces=None, config_dict=None, global_step=None, walltime=None):
        """Points or meshes: vertices (batch, n, 3), colours (batch, n, 3), triangles (batch, m, 3)."""
        self._add(summary.mesh(tag, vertices, colors, faces, config_dict), global_step, walltime)

    def add_hparams(self, hparam_dict, metric_dict, hparam_domain_discrete=None, run_name=None, global_step=None):
        """A run of hyperparameters with its metrics, in a folder of its own below `log_dir`."""
        if not isinstance(hparam_dict, dict) or not isinstance(metric_dict, dict):
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        parts = summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        with SummaryWriter(log_dir=os.path.join(self.log_dir, run_name or str(time.time()))) as writer:
            for part in parts:
                writer.file_writer.add_summary(part, global_step)
            for key, value in metric_dict.items():
                writer.add_scalar(key, value, global_step)

    def add_embedding(self, mat, metadata=None, label_img=None, global_step=None, tag="default", metadata_header=None):
        """Rows as points to be projected, with a label (or a row of labels) and a picture (n, channels, height, width) each."""
        mat = summary.as_array(mat)
        if mat.ndim != 2:
            raise AssertionError("mat should be 2D, where mat.size(0) is the number of data points")
        folder = f"{'' if global_step is None else f'{global_step:05d}'}{'/' if global_step is not None else ''}{tag}".strip("/")
        path = os.path.join(self.log_dir, folder)
        os.makedirs(path, exist_ok=True)
        entry = [f'tensor_name: "{tag}:{global_step}"', f'tensor_path: "{folder}/tensors.tsv"']
        _write_rows(os.path.join(path, "tensors.tsv"), mat)
        if metadata is not None:
            if len(metadata) != len(mat):
                raise AssertionError("#labels should equal with #data points")
            rows = [[label] if isinstance(label, str) or not hasattr(label, "__iter__") else label for label in metadata]
            _write_rows(os.path.join(path, "metadata.tsv"), ([metadata_header] if metadata_header else []) + rows)
            entry.append(f'metadata_path: "{folder}/metadata.tsv"')
        if label_img is not None:
            if len(label_img) != len(mat):
                raise AssertionError("#images should equal with #data points")
            entry += self._write_sprite(path, folder, label_img)
        with open(os.path.join(self.log_dir, "projector_config.pbtxt"), "a") as config:
            config.write("embeddings {\n" + "\n".join(entry) + "\n}\n")

    @staticmethod
    def _write_sprite(path, folder, label_img):
        """One picture with all labels, in rows; the lines of the configuration that name it."""
        import math

        import numpy as np

        images = summary.as_array(label_img)
        side = math.ceil(math.sqrt(len(images)))
        count, channels, height, width = images.shape
        sprite = np.zeros((channels, side * height, side * width), dtype=np.float32)
        for k in range(count):
            y, x = k // side * height, k % side * width
            sprite[:, y:y + height, x:x + width] = images[k]
        pixels = (summary.to_hwc(sprite, "CHW") * (1 if images.dtype == np.uint8 else 255)).clip(0, 255).astype(np.uint8)
        with open(os.path.join(path, "sprite.png"), "wb") as file:
            file.write(summary._png(np.ascontiguousarray(pixels)))
        return ["sprite {", f'image_path: "{folder}/sprite.png"', f"single_image_dim: {width}", f"single_image_dim: {height}", "}"]

    def flush(self):
        """Waits until everything added is in the files."""
        for writer in self.all_writers.values():
            writer.flush()

    def close(self):
        """Flushes and closes the files; adding more opens new ones."""
        for writer in self.all_writers.values():
            writer.close()
        self.file_writer, self.all_writers = None, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _write_rows(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write("\t".join(str(x.item() if isinstance(x, torch.Tensor) else x) for x in row) + "\n")
