"""One part of the archive: from .7z to records, from records to cleaned posts."""
