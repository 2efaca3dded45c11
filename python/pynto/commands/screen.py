"""The screen of ``pynto top``: what is on it, and what its keys do."""

from __future__ import annotations

import curses
import time
from typing import Any

from pynto.client import Connection, connect
from pynto.commands.top import View, header, heads, line


def run(address: str, view: View, interval: float, connection: Connection) -> int:
    """Until somebody presses q; the exit code."""
    return curses.wrapper(lambda window: Screen(window, address, view, interval).run(connection))


class Screen:
    """What is on the terminal, and what its keys do."""

    def __init__(self, window: Any, address: str, view: View, interval: float) -> None:
        self.window = window
        self.address = address
        self.view = view
        self.interval = interval
        self.chosen = 0  # the number of the connection that is meant
        self.first = 0  # line of the table on top
        self.says = ""
        self.asks = 0

    def run(self, connection: Connection) -> int:
        curses.curs_set(0)
        curses.use_default_colors()
        due = 0.0
        while True:
            if time.monotonic() >= due:
                self.view.take(connection.root.snapshot())
                due = time.monotonic() + self.interval
            self.draw()
            self.window.timeout(max(1, int((due - time.monotonic()) * 1000)))
            if not self.press(self.window.getch()):
                return 0

    def _room(self) -> int:
        return max(1, int(self.window.getmaxyx()[0]) - 4)

    def draw(self) -> None:
        assert self.view.snapshot is not None
        height, width = self.window.getmaxyx()
        rows = self.view.rows()
        numbers = [row.number for row in rows]
        at = numbers.index(self.chosen) if self.chosen in numbers else 0
        self.chosen = numbers[at] if numbers else 0
        self.first = min(max(self.first, at - self._room() + 1), at)
        self.window.erase()
        for y, text in enumerate(heads(self.view.snapshot.totals, width - 1)):
            self._put(y, text, curses.A_NORMAL)
        self._put(2, header(self.view, width - 1).ljust(width - 1), curses.A_REVERSE)
        for y, row in enumerate(rows[self.first : self.first + self._room()]):
            style = curses.A_BOLD if row.number == self.chosen else curses.A_NORMAL
            mark = ">" if row.number == self.chosen else " "
            self._put(3 + y, mark + line(self.view, row, width - 1)[1:], style)
        usual = "q leave  s sort  r reverse  d disconnect"
        self._put(height - 1, (self.says or usual)[: width - 1], curses.A_DIM)
        self.window.refresh()

    def _put(self, y: int, text: str, style: int) -> None:
        if y < self.window.getmaxyx()[0]:
            self.window.addstr(y, 0, text, style)

    def _move(self, by: int) -> None:
        numbers = [row.number for row in self.view.rows()]
        if numbers:
            at = numbers.index(self.chosen) if self.chosen in numbers else 0
            self.chosen = numbers[min(max(at + by, 0), len(numbers) - 1)]

    def _disconnect(self, number: int) -> None:
        """By the other root: who looks cannot."""
        with connect(self.address, root="control") as control:
            found = control.root.disconnect(number)
        self.says = f"connection {number} was ended" if found else f"there is no connection {number} any more"

    def press(self, key: int) -> bool:
        """False: it was the last one."""
        asked, self.asks = self.asks, 0
        if key == -1:
            self.asks = asked
            return True
        self.says = ""
        moves = {
            curses.KEY_UP: -1,
            curses.KEY_DOWN: 1,
            curses.KEY_PPAGE: -self._room(),
            curses.KEY_NPAGE: self._room(),
            curses.KEY_HOME: -(1 << 30),
            curses.KEY_END: 1 << 30,
        }
        if key in moves:
            self._move(moves[key])
        elif key in (curses.KEY_LEFT, curses.KEY_RIGHT, ord("s")):
            self.view.turn(-1 if key == curses.KEY_LEFT else 1)
        elif key == ord("r"):
            self.view.reverse = not self.view.reverse
        elif key == ord("d") and self.chosen:
            self.asks = self.chosen
            self.says = f"disconnect connection {self.chosen}? y: yes"
        elif key == ord("y") and asked:
            self._disconnect(asked)
        return key not in (ord("q"), 27)
