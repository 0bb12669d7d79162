"""Snapshots of runs, and facts of tasks and environments, as HTML, SVG and text.

Pure: knows no engine, no IPython and opens no user value. `tree` says what there is to see, `text`, `twin` and
`timeline` draw it.
"""
