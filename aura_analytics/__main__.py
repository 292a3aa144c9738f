"""`python -m aura_analytics`: the command `aura`."""

from aura_analytics.cli.entry import main

if __name__ == "__main__":
    main()
