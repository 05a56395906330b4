"""The commands: ``mmgancomp COMMAND`` and the scripts in ``tools/``.

One module per command, each with ``add_arguments(parser)`` and
``run(args) -> int``. Nothing heavy is imported before ``run``, so that
``--help`` answers at once.
"""
