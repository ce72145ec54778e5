"""From archive to corpus: download → extract → scan → read → clean → threads → split → report.

`download` and `build` are jobs; every other file is one step. A record of the archive is either kept or it
lies in rejects/ with its part, byte offset, line, reason and raw text: the report adds both up.
"""
