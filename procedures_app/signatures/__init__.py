"""What an error text says once its variable parts are masked, and a signature that the like of it shares. Pure.

A signature is the same for ever for the same text: it is a function of the text alone, not of what was seen before.
"""

from procedures_app.signatures.identity import MARK, VERSION
from procedures_app.signatures.reading import ErrorText, read, stored

__all__ = ["MARK", "VERSION", "ErrorText", "read", "stored"]
