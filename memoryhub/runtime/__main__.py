"""``python -m memoryhub.runtime``: the supervisor without Django around it."""

import sys

from memoryhub.runtime.start import main

sys.exit(main())
