"""Fine-tune: `python train.py fit --config configs/portrait.yaml`; `bgdl train` is the same."""

from __future__ import annotations

from bgdl.cli.train import main

if __name__ == "__main__":
    main()
