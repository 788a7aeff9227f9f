"""What bgdl raises: every message says what came, what is allowed and what to do."""


class BgdlError(Exception):
    """Base of every error that bgdl raises on purpose; the command line prints its text and exits 1."""


class InputError(BgdlError, ValueError):
    """A picture, clip, folder or option that cannot be used."""


class WeightsError(BgdlError):
    """Weights that are missing, damaged, of another architecture or not to be had offline."""


class ForeignGraph(WeightsError):
    """A sound ONNX file that is not a U²-Net in rembg's layout; one of the runtimes may still run it."""


class DeviceError(BgdlError, RuntimeError):
    """A device or engine that was asked for by name and is not there."""


class MissingExtra(BgdlError, ImportError):
    """An optional package that is not installed; the message names the extra that brings it.

    Without `extra`, `what` is the whole message: so it is made anew where another process raised it.
    """

    def __init__(self, what: str, extra: str | None = None) -> None:
        super().__init__(f'{what} needs an optional package: pip install "bgdl[{extra}]"' if extra else what)
