"""The process that executes actions: one link to the engine, one lane, many parked parents. Knows no engine code."""
