"""From the rows of a foreign log to events: one step a file."""
