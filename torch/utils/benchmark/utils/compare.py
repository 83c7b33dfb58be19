"""Measurements as a table."""

import enum

from .common import Measurement, select_unit, unit_to_english

__all__ = ["Colorize", "Compare"]


class Colorize(enum.Enum):
    """What the colours of a table compare."""

    NONE = "none"
    COLUMNWISE = "columnwise"
    ROWWISE = "rowwise"


_GOOD, _BAD, _WORST, _END = "\033[1m\033[92m", "\033[2m\033[91m", "\033[31m", "\033[0m"


def _colour(time, best):
    """The colour of a time beside the best one of its row or column."""
    if time <= best * 1.05:
        return _GOOD
    if time <= best * 1.5:
        return ""
    return _BAD if time <= best * 5 else _WORST


class Compare:
    """A table of measurements: one per label, a row per sub-label and threads, a column per description."""

    def __init__(self, results):
        self._results, self._trim, self._colorize, self._highlight = [], False, Colorize.NONE, False
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
        """Colours the times by how they compare within their columns, or their rows."""
        self._colorize = Colorize.ROWWISE if rowwise else Colorize.COLUMNWISE

    def highlight_warnings(self):
        """Marks times that scatter much with an exclamation mark."""
        self._highlight = True

    def _shown(self, cell, result, rivals):
        """A cell's text with its mark and colour; the width of what is seen stays."""
        if result is None:
            return cell
        if self._highlight and result.has_warnings:
            cell = cell[:-1] + "!"
        colour = _colour(result.median, min(r.median for r in rivals if r is not None)) if self._colorize is not Colorize.NONE else ""
        return f"{colour}{cell}{_END}" if colour else cell

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
            line = f"      {names[row]}".ljust(first)
            for column, cell, width in zip(columns, body[row], widths):
                rivals = [cells.get((row, c)) for c in columns] if self._colorize is Colorize.ROWWISE else [cells.get((r, column)) for r in rows]
                line += "|" + self._shown(cell.rjust(width - 1) + " ", cells.get((row, column)), rivals)
            lines.append(line)
        marked = "Times marked with ! scatter much.\n" if self._highlight and any(r.has_warnings for r in results) else ""
        return "\n".join(lines) + f"\n\nTimes are in {unit_to_english(unit)}s ({unit}).\n{marked}"

    def __str__(self):
        groups = {}
        for result in Measurement.merge(self._results):
            groups.setdefault(result.label, []).append(result)
        return "\n".join(self._table(results) for results in groups.values())

    def print(self):
        """Print the tables."""
        print(str(self))
