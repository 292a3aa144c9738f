"""Counting in parts, by many processes or machines: events by case, facts by actor, and what is counted of them put together.

    pieces    where the events are (a file, some rows of a file)         `laying`: each is read once, checked, and laid into buckets
    buckets   all events of some cases                                   `making`: each is made into facts, laid by actor
    parts     all facts of some actors                                   `counting`: each is counted

What a task writes it writes beside its place and then moves there, so that a task may be run twice, or by two workers at once.
"""
