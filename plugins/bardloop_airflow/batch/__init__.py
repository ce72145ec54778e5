"""Batch jobs: one interface (submit, find, logs, cancel), one backend for each place where jobs can run."""
