"""``python -m imagespec`` is the command ``imagespec``."""

from imagespec.cli import main

if __name__ == "__main__":
    main()
