"""Interactive parts for notebooks: a state that needs no front end, and a thin view of it."""
