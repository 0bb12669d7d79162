"""The groups of commands, a module each; what they do loads when it is asked for."""
