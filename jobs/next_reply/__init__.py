"""Which post comes next: what was told before a reply, and other posts that could stand in its place."""
