"""The statistics that metrics, rules and learning share."""
