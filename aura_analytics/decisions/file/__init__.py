"""The decision log in a file."""
