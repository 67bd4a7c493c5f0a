"""Groups of commands, and what all commands share; ``cli.py`` puts them together."""
