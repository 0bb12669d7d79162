"""From what an environment asks for to software that runs: a container's image, a virtual environment, or what is here.

`policy` decides, `satisfied` looks at the caller's environment, `venv` builds a virtual environment, `realise` is the
one entry for executors.
"""
