"""What earlier runs left behind, and what of it is still needed."""
