"""`python -m aura_analytics`: the command `aura`."""

from aura_analytics.cli.app import main

if __name__ == "__main__":
    main()
