"""Figures as they are kept, judged and printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

WIDTH = 22  # of a column
REACHED, MISSED = "reached", "MISSED"


@dataclass(frozen=True)
class Line:
    """One figure of each column, measured several times in turns."""

    what: str
    cells: Mapping[str, Sequence[float]]
    digits: int = 2
    limit: float | None = None  # the median may be at most this
    note: str = ""

    def verdict(self, column: str) -> str:
        """Nothing for what has no target: the floor and other servers have none."""
        if self.limit is None or column not in self.judged or not self.cells.get(column):
            return ""
        return REACHED if self.shown(column) <= self.limit else MISSED

    @property
    def judged(self) -> Sequence[str]:
        return ("workers: 1", "default")

    def shown(self, column: str) -> float:
        return round(median(self.cells[column]), self.digits)

    def text(self, column: str) -> str:
        values = self.cells.get(column)
        if not values:
            return "-"
        text = f"{self.shown(column):.{self.digits}f}"
        if len(values) > 1:
            text += f" ({min(values):.{self.digits}f}..{max(values):.{self.digits}f})"
        return text

    def as_json(self, columns: Sequence[str]) -> dict[str, Any]:
        verdicts = {column: self.verdict(column) for column in columns if self.verdict(column)}
        return asdict(self) | {"cells": {name: list(values) for name, values in self.cells.items()},
                               "verdicts": verdicts}


@dataclass(frozen=True)
class Table:
    """What one row of the bench has found."""

    name: str
    title: str
    lines: Sequence[Line]

    def verdicts(self, columns: Sequence[str]) -> list[str]:
        found = [line.verdict(column) for line in self.lines for column in columns]
        return [verdict for verdict in found if verdict]

    def as_text(self, columns: Sequence[str]) -> str:
        rows = [f"\n{self.name}: {self.title}",
                f"  {'':34}" + "".join(f"{column:>{WIDTH}}" for column in columns) + "  target"]
        for line in self.lines:
            cells = "".join(f"{line.text(column):>{WIDTH}}" for column in columns)
            rows.append(f"  {line.what:34}{cells}  {describe_target(line, columns)}".rstrip())
            if line.note:
                rows.append(f"  {'':34}  {line.note}")
        return "\n".join(rows)

    def as_markdown(self, columns: Sequence[str]) -> str:
        rows = [f"| {self.title} | {' | '.join(columns)} | target |",
                f"| --- {'| --- ' * (len(columns) + 1)}|"]
        for line in self.lines:
            cells = " | ".join(line.text(column) for column in columns)
            what = f"{line.what} ({line.note})" if line.note else line.what
            rows.append(f"| {what} | {cells} | {describe_target(line, columns)} |")
        return "\n".join(rows)

    def as_json(self, columns: Sequence[str]) -> dict[str, Any]:
        return {"name": self.name, "title": self.title,
                "lines": [line.as_json(columns) for line in self.lines]}


def describe_target(line: Line, columns: Sequence[str]) -> str:
    if line.limit is None:
        return ""
    found = {column: line.verdict(column) for column in columns if line.verdict(column)}
    if len(set(found.values())) == 1:
        return f"<= {line.limit:g}: {next(iter(found.values()))}"
    return f"<= {line.limit:g}: " + ", ".join(f"{name} {text}" for name, text in found.items())
