"""How far the demo is: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from mmgancomp.report.text import duration_text

__all__ = ['Screen']

# Without a terminal: a line at each tenth, or when it has been silent so
# long.
_PARTS, _SILENCE = 10, 15.


class Screen:
    """Says which step is under way, and shows it moving.

    Args:
        console: Where to; a terminal or not. Give it its stream: it must not
            follow `sys.stdout` into the log.
        live: Whether moving bars may be drawn. Defaults to whether it is a
            terminal.
    """

    def __init__(self, console: Console, live: bool | None = None) -> None:
        self.console = console
        self._live = console.is_terminal if live is None else live

    def step(self, position: int, of: int, title: str,
             seconds: int | None) -> None:
        """Begin a step.

        Args:
            position: Its number, from 1.
            of: How many there are.
            title: What is done in it.
            seconds: About how long it takes on two idle cores; None if it
                was done before.
        """
        about = (f' [dim](about {duration_text(seconds)})[/dim]'
                 if seconds else '')
        self._say(f'[bold]Step {position} of {of}[/bold]  {title}{about}')

    def done(self, seconds: float, result: str = '') -> None:
        """End a step."""
        tail = f': {result}' if result else ''
        self._say(f'  done in {duration_text(seconds)}{tail}')

    def reused(self, result: str) -> None:
        """End a step that had been done before."""
        self._say(f'  [dim]there already:[/dim] {result}')

    def note(self, text: str) -> None:
        """Say something the user should know."""
        from rich.markup import escape
        self._say(f'  [yellow]{escape(text)}[/yellow]')

    def _say(self, text: str) -> None:
        # Not wrapped where nobody knows how wide a line may be.
        self.console.print(
            text, highlight=False, soft_wrap=not self.console.is_terminal)

    @contextlib.contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Show that something is being done whose length is not known."""
        if not self._live:
            yield
            return
        with self._progress(SpinnerColumn(), TextColumn('{task.description}')
                            ) as progress:
            progress.add_task(what)
            yield

    @contextlib.contextmanager
    def bar(self) -> Iterator[Callable[[int, int], None]]:
        """Show a training; gives what wants to know each iteration."""
        if not self._live:
            yield _Lines(self._say).tick
            return
        columns = (SpinnerColumn(), BarColumn(), MofNCompleteColumn(),
                   TextColumn('iterations'), TimeRemainingColumn(),
                   TextColumn('left'))
        with self._progress(*columns) as progress:
            task = progress.add_task('', total=None)

            def tick(done: int, of: int) -> None:
                progress.update(task, completed=done, total=of)

            yield tick

    def _progress(self, *columns: object) -> Progress:
        # The libraries' output goes elsewhere already.
        return Progress(
            *columns,
            console=self.console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False)


class _Lines:
    """Progress as lines."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._first: tuple[int, float] | None = None
        self._shown, self._when = 0, 0.

    def tick(self, done: int, of: int) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = (done, now)
            self._shown, self._when = done, now
            if done:
                self._say(f'  going on at iteration {done:,} of {of:,}')
            return
        far = (done - self._shown) * _PARTS >= of
        if not far and now - self._when < _SILENCE and done < of:
            return
        begun, start = self._first
        left = (now - start) / (done - begun) * (of - done)
        tail = f', about {duration_text(left)} left' if done < of else ''
        self._say(f'  iteration {done:,} of {of:,}{tail}')
        self._shown, self._when = done, now
