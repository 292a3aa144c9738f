"""What a newcomer might add, each in one file: the tests put it beside the package, as if it were installed."""
