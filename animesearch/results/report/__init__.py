"""One file that tells what a run has found, to be sent by mail and opened without network."""
