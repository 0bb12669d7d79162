"""A notebook executed unattended: the batch is a run, each of its code cells an action.

`mirror` records what an executing client does, `papermill_engine` is that client (papermill's own, so that a batch is
what papermill makes of the notebook), `execute` is `flyte.batch`.
"""
