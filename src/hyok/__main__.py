"""`python -m hyok` is the `hyok` command."""

from hyok.cli.main import main

if __name__ == "__main__":
    main()
