"""From archive to corpus: fetching → parsing and cleaning → duplicates → assembly → reporting, a folder a step.

`download` (with `verify` as its --check) and `build` are the jobs. A record of the archive is either kept or it lies in
rejects/ with its part, byte offset, line, reason and raw bytes: the report adds both up.
"""
