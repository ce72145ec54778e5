"""The error that a job raises when a person can mend what is wrong."""


class JobError(Exception):
    """A job cannot go on. The message is one line: what, where, what to do. Exit code 1, no traceback."""
