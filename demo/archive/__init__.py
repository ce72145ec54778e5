"""The sample archive: original threads in threads/*.yaml, packed and served like the real archive."""
