"""One page for the head of a department."""
