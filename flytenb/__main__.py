"""`python -m flytenb`: the command line of this very Python, also where its `bin` folder is not on the path."""

import sys

from flytenb.cli import main

if __name__ == "__main__":
    sys.exit(main())
