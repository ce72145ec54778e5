"""The few typed documents that cross a border between folders. Imports nothing of ours."""
