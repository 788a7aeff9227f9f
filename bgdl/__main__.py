"""`python -m bgdl` is `bgdl`."""

from bgdl.cli.main import main

if __name__ == "__main__":
    main()
