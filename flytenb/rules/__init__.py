"""Pure rules: events in, rows and messages out. No I/O, clock or randomness: same inputs, same outputs.

`lifecycle` says what an event means, `placement` which worker runs what, `phases` is the table behind both.
"""

from flytenb.rules.lifecycle import step
from flytenb.rules.out import Out
from flytenb.rules.state import Action, Capacity, Lane, Run, State

__all__ = ["Action", "Capacity", "Lane", "Out", "Run", "State", "step"]
