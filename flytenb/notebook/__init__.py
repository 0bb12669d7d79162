"""flytenb inside IPython: cell hooks, magics, and runs shown in the cell that started them. Entry: `extension`."""
