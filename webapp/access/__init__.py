"""Who may do what how often: limits kept in the database, and keys for programs."""
