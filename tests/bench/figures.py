"""Figures as they are kept, judged and printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

JUDGED = ("workers: 1", "default")  # columns; the floor and other servers have no targets
REACHED, MISSED = "reached", "MISSED"
LABEL_WIDTH, CELL_WIDTH = 32, 22


@dataclass(frozen=True)
class Line:
    """One figure of each column, measured several times in turns."""

    what: str
    cells: Mapping[str, Sequence[float]]
    digits: int = 2
    limit: float | None = None  # the median may be at most this
    least: float | None = None  # ... and must be this at least
    note: str = ""

    def median(self, column: str) -> float:
        return round(median(self.cells[column]), self.digits)

    def verdicts(self) -> dict[str, str]:
        if self.limit is None and self.least is None:
            return {}
        return {column: REACHED if self.is_reached(column) else MISSED
                for column in JUDGED if self.cells.get(column)}

    def is_reached(self, column: str) -> bool:
        value = self.median(column)
        return ((self.limit is None or value <= self.limit)
                and (self.least is None or value >= self.least))

    def cell_text(self, column: str) -> str:
        values = self.cells.get(column)
        if not values:
            return "-"
        text = f"{self.median(column):.{self.digits}f}"
        if len(values) > 1:
            text += f" ({min(values):.{self.digits}f}..{max(values):.{self.digits}f})"
        return text

    def target_text(self) -> str:
        verdicts = self.verdicts()
        if not verdicts:
            return ""
        if len(set(verdicts.values())) == 1:
            found = next(iter(verdicts.values()))
        else:
            found = ", ".join(f"{column} {verdict}" for column, verdict in verdicts.items())
        bounds = [f"{sign} {bound:g}" for sign, bound in ((">=", self.least), ("<=", self.limit))
                  if bound is not None]
        return f"{', '.join(bounds)}: {found}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"verdicts": self.verdicts()}


@dataclass(frozen=True)
class Table:
    """What one row of the bench has found."""

    name: str
    title: str
    lines: Sequence[Line]

    def verdicts(self) -> list[str]:
        return [verdict for line in self.lines for verdict in line.verdicts().values()]

    def as_text(self, columns: Sequence[str]) -> str:
        head = "".join(f"{column:>{CELL_WIDTH}}" for column in columns)
        rows = [f"\n{self.name}: {self.title}", f"  {'':{LABEL_WIDTH}}{head}  target"]
        for line in self.lines:
            cells = "".join(f"{line.cell_text(column):>{CELL_WIDTH}}" for column in columns)
            rows.append(f"  {line.what:{LABEL_WIDTH}}{cells}  {line.target_text()}".rstrip())
            if line.note:
                rows.append(f"  {'':{LABEL_WIDTH}}  {line.note}")
        return "\n".join(rows)

    def as_markdown(self, columns: Sequence[str]) -> str:
        rows = [f"| {self.title} | {' | '.join(columns)} | target |",
                f"| --- {'| --- ' * (len(columns) + 1)}|"]
        for line in self.lines:
            what = f"{line.what} ({line.note})" if line.note else line.what
            cells = " | ".join(line.cell_text(column) for column in columns)
            rows.append(f"| {what} | {cells} | {line.target_text()} |")
        return "\n".join(rows)

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "title": self.title,
                "lines": [line.as_json() for line in self.lines]}
