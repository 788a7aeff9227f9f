"""OpenVINO's package, imported in one place: by itself it reports every import to Google Analytics."""

from __future__ import annotations

import importlib
import sys
import threading
from typing import Any

from bgdl.errors import MissingExtra

REPORTS = "openvino_telemetry"

_importing = threading.Lock()


def load_openvino(what: str) -> Any:
    """The package, imported as if what sends its reports were not installed; MissingExtra says that `what` needs it."""
    with _importing:
        silenced = "openvino" not in sys.modules and sys.modules.setdefault(REPORTS, None) is None  # type: ignore[arg-type]
        try:
            return importlib.import_module("openvino")
        except ImportError as error:
            raise MissingExtra(what, "openvino") from error
        finally:
            if silenced:
                del sys.modules[REPORTS]
