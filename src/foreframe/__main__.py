"""`python -m foreframe` is the command `foreframe`."""

from .cli import main

if __name__ == "__main__":
    main()
