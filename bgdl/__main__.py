"""`python -m bgdl` is `bgdl`."""

from bgdl.cli.main import script

if __name__ == "__main__":
    script()
