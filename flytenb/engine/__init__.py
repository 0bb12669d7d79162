"""The daemon: sockets, loop, timers, recovery. It carries out what `rules` decided and never opens a user's value."""
