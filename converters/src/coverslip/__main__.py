"""`python -m coverslip` is the command `coverslip`."""

import sys

from .cli import main

sys.exit(main())
