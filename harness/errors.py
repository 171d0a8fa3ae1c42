"""The one error that a user can cause, and mend."""


class HarnessError(Exception):
    """One sentence: *X must be ..., got Y*, and what to do next. The command line exits with 2."""
