"""Ray cluster launcher files: reading and checking them, offline."""
