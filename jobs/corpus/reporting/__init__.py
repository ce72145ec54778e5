"""The report: figures, examples, and the page that a person reads."""
