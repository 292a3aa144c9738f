"""The command `aura`: thin views of the library, one file a group of commands.

Tables for people on a terminal, `--json` for programs. Results go to standard output, progress and errors to standard error.
"""
