"""The `bgdl` command: one visible list of verbs, each in a file of its own; errors become one sentence."""

from __future__ import annotations

import gc
import sys
import warnings
from typing import Annotated

import typer

import bgdl
from bgdl import download
from bgdl.cli import bench, console, data, doctor, eval, export, image, live, models, synth, train, video
from bgdl.cli.download_bar import DownloadBar
from bgdl.errors import BgdlError, InputError

app = typer.Typer(
    name="bgdl",
    help=bgdl.__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        console.out.print(f"bgdl {bgdl.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of `bgdl` itself."""


app.command("image")(image.image)
app.command("video")(video.video)
app.command("live")(live.live)
app.command("virtual-background")(live.virtual_background)
app.command("eval")(eval.eval_)
app.command("bench")(bench.bench)
app.add_typer(data.app, name="data")
app.command("train", context_settings=train.PASSED_ON, add_help_option=False)(train.train)
app.command("export")(export.export)
app.command("synth")(synth.synth)
app.add_typer(models.app, name="models")
app.command("doctor")(doctor.doctor)


def main() -> None:
    """What the console script does: exit status 1 on a known error or a file system's, 130 on Ctrl-C."""
    console.print_anything()
    download.make_bar = DownloadBar
    try:
        with warnings.catch_warnings():
            if sys.argv[1:2] != ["train"]:  # Lightning's say where they come from
                warnings.showwarning = _show_warning
            _run()
    except BgdlError as error:
        console.error(str(error))
        sys.exit(1)
    except OSError as error:
        console.let_go()
        if not isinstance(error, BrokenPipeError):  # whose reader has read enough
            console.error(_sentence(error))
        sys.exit(1)
    except (RuntimeError, MemoryError) as error:
        from bgdl.device import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        console.error(f"memory ran out ({_first_line(error)}); end what else uses it, or make size or batch smaller")
        sys.exit(1)
    except KeyboardInterrupt:
        console.error("stopped")
        sys.exit(130)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """A sentence, without the line of code that Python would add."""
    console.note(f"warning: {message}")


def _run() -> None:
    try:
        _refuse_empty(sys.argv[1:])
        app()
    finally:
        console.flush()  # a full disk is an error here, and not when Python has ended


def _refuse_empty(words: list[str]) -> None:
    """A shell makes an empty word of a variable that is not set: it would name the current folder."""
    if words[:1] == ["train"]:
        return  # its words are Lightning's
    for before, word in zip(["", *words], words, strict=False):
        if not word or (word.startswith("--") and word.find("=") == len(word) - 1):
            what = word[:-1] or (before if before.startswith("-") else "an argument")
            raise InputError(f"{what} is empty; is it a shell variable that is not set?")


def _sentence(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"cannot read or write {error.filename}: {reason}" if error.filename else reason


def script() -> None:
    """The console script: `main`, with a quick start and end for pictures, where these are most of the time."""
    quick = sys.argv[1:2] == ["image"]
    if quick:
        gc.disable()  # `image` turns it on again once all is loaded
    try:
        main()
    except SystemExit as end:
        if quick and not end.code:
            console.leave()
        raise
