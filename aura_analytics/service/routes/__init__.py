"""Routes: each asks the library, and answers in JSON."""
