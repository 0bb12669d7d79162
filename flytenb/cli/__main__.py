"""`python -m flytenb.cli`."""

import sys

from flytenb.cli import main

sys.exit(main())
