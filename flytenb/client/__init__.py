"""Find or start the engine, submit, wait, read: what a script, a notebook and the command line do."""
