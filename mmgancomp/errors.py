"""The error that every wrong setting ends in."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

__all__ = ['ConfigError', 'MMGanCompError', 'check_options', 'closest']

_SHOWN, _LONG = 12, 400


class MMGanCompError(Exception):
    """Base class of the errors that this package raises on purpose."""


class ConfigError(MMGanCompError, ValueError):
    """A setting that cannot work, found before training starts.

    The message is one line: the config key, the value that was given and
    what would be right. The command line prints it without a traceback.
    """

    @classmethod
    def at(cls, key: str, value: Any, remedy: str) -> ConfigError:
        """Build the message from its three parts.

        Args:
            key: Dotted config key, for example
                ``default_hooks.sparsity.networks.generator.density``.
            value: The value found there.
            remedy: What would be right, as a sentence or half-sentence.
        """
        shown = repr(value)
        if len(shown) > _LONG:
            shown = f'{shown[:_LONG - 1]}…'
        return cls(f'{key} = {shown}: {remedy}')


def closest(name: str, known: Iterable[str]) -> str:
    """Say which names are known, the likeliest first: for error messages."""
    known = sorted(known)
    plain = {entry.lower(): entry for entry in known}
    near = difflib.get_close_matches(name.lower(), plain, n=1, cutoff=0.6)
    hint = f'did you mean {plain[near[0]]!r}? ' if near else ''
    shown = ', '.join(known[:_SHOWN]) if known else 'none'
    more = len(known) - _SHOWN
    return f'{hint}known: {shown}{f" and {more} more" if more > 0 else ""}'


def check_options(key: str | Callable[[str], str], given: Mapping[str, Any],
                  known: Collection[str], owner: str = '') -> None:
    """Refuse an option that there is not.

    Args:
        key: Dotted config key of the entry that has the options, or what
            makes an option's key of its name.
        given: Option → value.
        known: Names of those that there are.
        owner: Who has them, where that is not plain from the key.

    Raises:
        ConfigError: The first of ``given`` that is not known.
    """
    for option, value in given.items():
        if option not in known:
            where = key(option) if callable(key) else f'{key}.{option}'
            said = f'{owner} has no such option' if owner else 'no such option'
            raise ConfigError.at(where, value,
                                 f'{said}; {closest(str(option), known)}')
