"""Fine-tune: `python train.py fit --config configs/portrait.yaml`; `bgdl train` is the same."""

from __future__ import annotations

import sys

from bgdl.cli.main import main

if __name__ == "__main__":
    if sys.argv[1:2] != ["train"]:  # Lightning starts further processes by the changed arguments
        sys.argv.insert(1, "train")
    main()
