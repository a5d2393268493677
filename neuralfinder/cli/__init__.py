"""The command line. Heavy imports wait until a command needs them.

In the order in which one needs the other:

    program     the group of commands, what they say, the code it ends with
    options     options and arguments made from the settings
    folders     the record of a run folder
    searching, looking, using, listing    the commands, as the help groups them
"""

from neuralfinder.cli import listing, looking, searching, using  # noqa: F401 - their commands join the group
from neuralfinder.cli.program import cli, main

__all__ = ["cli", "main"]
