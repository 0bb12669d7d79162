"""Hostile inputs by the thousand: each surface refuses them in words, in bounded time and memory, and goes on.

`FLYTENB_FUZZ=N` tries N inputs a surface (`make fuzz`: 10,000), `FLYTENB_FUZZ_SEED=S` repeats a run, and
`FLYTENB_FUZZ_AT=I` tries input I of it alone.
"""
