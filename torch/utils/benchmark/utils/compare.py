"""Measurements as a table."""

from ._measurement import Measurement, select_unit

__all__ = ["Compare"]


class Compare:
    """A table of measurements: one per label, a row per sub-label and threads, a column per description."""

    def __init__(self, results):
        self._results, self._trim = [], False
        self.extend_results(results)

    def extend_results(self, results):
        """Add measurements. Raises ValueError for anything else."""
        for result in results:
            if not isinstance(result, Measurement):
                raise ValueError("Expected an instance of `Measurement`, " f"got {type(result)} instead.")
        self._results += results

    def trim_significant_figures(self):
        """Show only the digits that the spread justifies."""
        self._trim = True

    def colorize(self, rowwise=False):
        """Colours are not used: the table is plain text."""

    def highlight_warnings(self):
        """Colours are not used: the table is plain text."""

    def _table(self, results):
        unit, size = select_unit(min(result.median for result in results))
        columns = list(dict.fromkeys(result.description or result.stmt for result in results))
        rows = list(dict.fromkeys((result.num_threads, result.env, result.as_row_name) for result in results))
        cells = {((r.num_threads, r.env, r.as_row_name), r.description or r.stmt): r for r in results}

        def show(result):
            if result is None:
                return ""
            digits = result.significant_figures if self._trim else 4
            return f"{float(f'{result.median / size:.{digits}g}'):,g}"

        envs = len({env for _, env, _ in rows}) > 1
        names = {row: (f"({row[1]})  " if envs else "") + row[2] for row in rows}
        body = {row: [show(cells.get((row, column))) for column in columns] for row in rows}
        first = max([len(name) + 6 for name in names.values()] + [12])
        widths = [max(len(column), *(len(body[row][i]) for row in rows)) + 2 for i, column in enumerate(columns)]
        total = first + sum(width + 1 for width in widths)
        title = results[0].label or results[0].stmt
        lines = [f"[{f' {title} '.center(total, '-')}]",
                 " " * first + "".join("|" + column.center(width) for column, width in zip(columns, widths))]
        threads = None
        for row in rows:
            if row[0] != threads:
                threads = row[0]
                lines.append(f"{threads} threads: ".ljust(total, "-"))
            lines.append(f"      {names[row]}".ljust(first)
                         + "".join("|" + cell.rjust(width - 1) + " " for cell, width in zip(body[row], widths)))
        words = {"ns": "nanoseconds", "us": "microseconds", "ms": "milliseconds", "s": "seconds"}
        return "\n".join(lines) + f"\n\nTimes are in {words[unit]} ({unit}).\n"

    def __str__(self):
        groups = {}
        for result in Measurement.merge(self._results):
            groups.setdefault(result.label, []).append(result)
        return "\n".join(self._table(results) for results in groups.values())

    def print(self):
        """Print the tables."""
        print(str(self))
