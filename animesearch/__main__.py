"""``python -m animesearch``."""

from animesearch.cli import main

if __name__ == "__main__":
    main()
