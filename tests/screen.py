"""What a terminal shows in the end of all that was written to it."""

from __future__ import annotations

import re


class Screen:
    """What a terminal shows of what was written: only the moves that are used here."""

    def __init__(self, written: str, columns: int) -> None:
        self.lines, self.row, self.column = [""], 0, 0
        for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+|\x1b", written):
            self._take(part, columns)

    def _take(self, part: str, columns: int) -> None:
        if part == "\r":
            self.column = 0
        elif part == "\n":
            self.row += 1
            self.lines += [""] * (self.row - len(self.lines) + 1)
        elif part.startswith("\x1b["):
            number = int(re.sub(r"\D", "", part) or 1)
            if part.endswith("A"):
                self.row = max(0, self.row - number)
            elif part.endswith("K"):
                self.lines[self.row] = "" if number == 2 else self.lines[self.row][: self.column]
            elif part.endswith("C"):
                self.column += number
            elif part.endswith("D"):
                self.column = max(0, self.column - number)
        else:
            for sign in part:
                if self.column == columns:
                    self._take("\r", columns)
                    self._take("\n", columns)
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + sign + line[self.column + 1 :]
                self.column += 1
