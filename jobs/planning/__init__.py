"""What a training will need, reckoned before it runs."""
