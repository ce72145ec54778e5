"""What the votes say, from every side: pure functions from a selection of votes to frozen results. No Django inside."""
