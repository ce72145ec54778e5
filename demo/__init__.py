"""One machine, no Docker: starts the real parts, holds them, follows the first run."""
