"""The results dashboard: a read-only web server over run folders; no torch, no Ray."""
