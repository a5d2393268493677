"""`python -m neuralfinder`: the command line."""

from neuralfinder.cli import main

main()
