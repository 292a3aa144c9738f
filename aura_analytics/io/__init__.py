"""Files: events as they stand in files, and foreign logs through a mapping."""
