"""What a plugin may implement: the hooks of mmgancomp.

A plugin is a module (or any object) with functions of these names, marked
with :data:`mmgancomp.hookimpl` and announced by a package under the
entry-point group ``mmgancomp``. It implements any number of them. Arguments
are passed by name, and an implementation may take fewer of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from mmgancomp.families.base import Family
    from mmgancomp.plugins import Command

hookspec = pluggy.HookspecMarker('mmgancomp')


@hookspec
def mmgancomp_families() -> list[Family]:
    """Say which families of GANs this plugin knows.

    Called whenever a model's family is asked for. The plugin registered last
    is asked first, so a stranger's family beats a built-in one that would
    claim the same model.

    Returns:
        The plugin's families; the same objects at each call.
    """


@hookspec
def mmgancomp_register() -> None:
    """Import the modules that hold the plugin's registered components.

    Called once, when :mod:`mmgancomp.registry` is imported: that is before
    anything with the prefix ``mmgancomp.`` is built, whichever script runs
    the config.
    """


@hookspec
def mmgancomp_commands() -> list[Command]:
    """Add commands to the console command ``mmgancomp``.

    Called when the command line is read.

    Returns:
        The plugin's commands. A name that exists already is an error.
    """


@hookspec
def mmgancomp_report_sections(record: dict) -> list[str]:
    """Add sections to the HTML report of a run.

    Called once per report by ``mmgancomp report``.

    Args:
        record: The run's ``compression.json``.

    Returns:
        Pieces of HTML, each a whole section, without references to the
        network; an empty list adds nothing.
    """
