"""What ends a job without a traceback."""


class JobError(Exception):
    """A job cannot go on. The message is one line: what, where, what to do. Exit code 1, no traceback."""


class Preempted(Exception):
    """The machine is wanted back (SIGTERM). What was done is on disk; started again, the job goes on. Exit code 143."""
