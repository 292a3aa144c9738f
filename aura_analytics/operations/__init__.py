"""Use cases that join what is stored and what is counted."""
