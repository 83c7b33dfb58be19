"""What every operator means: definitions as data and small pure functions, a file a family."""
