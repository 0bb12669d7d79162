"""Pure rules: events in, rows and messages out. No I/O, clock or randomness: same inputs, same outputs.

`lifecycle` is the table of what each event means, `placement` says which worker runs what, `phases` is behind both.
"""

from flytenb.rules.lifecycle import step
from flytenb.rules.out import Out
from flytenb.rules.state import Action, Capacity, Lane, Run, State

__all__ = ["Action", "Capacity", "Lane", "Out", "Run", "State", "step"]
