"""flytenb: the Flyte 2 programming model in Jupyter notebooks."""
