"""Files from servers and folders, whole and checked."""
