"""Storage: places named by URIs, objects in them, and waiting for what is full or away."""
