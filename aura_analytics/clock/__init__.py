"""Time: moments and spans, business calendars, limits of cases."""
