"""The rules and the journal in a world of messages, crashes and disk errors that one seed decides.

`python -m tests.simulation SEED` replays a world and tells every step; without a seed it runs many.
"""
