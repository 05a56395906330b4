"""A checkpoint that a run cannot go on from, in one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mmgancomp.errors import ConfigError, MMGanCompError

if TYPE_CHECKING:
    from .state import RunState

__all__ = ['check_optimizers', 'damage_named', 'name_damage']


@contextmanager
def damage_named(source: Any) -> Iterator[None]:
    """Let what a broken checkpoint ends in name the checkpoint.

    Args:
        source: The file, or what the config says of it.

    Raises:
        ConfigError: In place of whatever the block stumbled over.
    """
    try:
        yield
    except ConfigError:
        raise
    except (AttributeError, LookupError, MMGanCompError, RuntimeError,
            TypeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or ['no reason given'])[0]
        raise ConfigError.at(
            'resume', source,
            'the run cannot go on from this checkpoint, which is damaged or '
            f'of another model ({type(error).__name__}: {reason}); resume '
            'from another one, or start a new run from its weights with '
            'load_from') from error


def check_optimizers(checkpoint: Mapping[str, Any],
                     names: Iterable[str]) -> None:
    """Refuse what MMEngine would pass over: the state of one is missing.

    Args:
        checkpoint: A checkpoint to resume from.
        names: Names of the run's optimizers.

    Raises:
        MMGanCompError: It has states, but not one for each.
    """
    saved = checkpoint.get('optimizer')
    for name in names if isinstance(saved, Mapping) else ():
        if name not in saved:
            raise MMGanCompError(
                f'the optimizer of the {name} has no state in it')


def name_damage(state: RunState) -> None:
    """Let a run that cannot be resumed say so, from now on.

    Args:
        state: The run's; its ``source`` will be what it is resumed from.
    """
    resume = state.runner.resume

    def resume_or_say(filename: str, *args: Any, **kwargs: Any) -> None:
        state.source = filename
        with damage_named(filename):
            resume(filename, *args, **kwargs)

    state.runner.resume = resume_or_say
