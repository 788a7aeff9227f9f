"""`bgdl synth`: a clip whose mattes are known exactly, to test methods on."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from bgdl.choices import Layout
from bgdl.cli import console
from bgdl.cli.options import Overwrite, parse_size
from bgdl.errors import InputError

SCENE = "Scene"
CAMERA = "Camera"


Out = Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to.")]
SceneOption = Annotated[
    Path | None,
    typer.Option("--scene", help="Background picture or clip (default: a drawn room).", rich_help_panel=SCENE),
]
SubjectOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--subject",
        rich_help_panel=SCENE,
        help="Cutout with transparency; repeat for several subjects (default: drawn people).",
    ),
]
People = Annotated[
    int,
    typer.Option(
        "--people",
        min=0,
        metavar="N",
        help="Number of drawn people, where no --subject is given.",
        rich_help_panel=SCENE,
    ),
]
Height = Annotated[
    float,
    typer.Option("--height", help="Height of subjects as a fraction of the frame's, 0.05 to 1.", rich_help_panel=SCENE),
]
Shadow = Annotated[
    float,
    typer.Option("--shadow", help="Darkness of the subjects' shadows, 0 (none) to 1.", rich_help_panel=SCENE),
]
Size = Annotated[str, typer.Option("--size", help="Frame size in px.", metavar="WxH", rich_help_panel=CAMERA)]
Fps = Annotated[str, typer.Option("--fps", help="Frames per second: 25, 29.97 or 30000/1001.", rich_help_panel=CAMERA)]
Duration = Annotated[
    float, typer.Option("--duration", metavar="SECONDS", help="Length of the clip.", rich_help_panel=CAMERA)
]
LeadIn = Annotated[
    float,
    typer.Option(
        "--lead-in", metavar="SECONDS", help="How long the scene stays empty at the start.", rich_help_panel=CAMERA
    ),
]
Noise = Annotated[
    float,
    typer.Option(
        "--noise", help="Sensor noise: standard deviation in grey levels of 0 to 255.", rich_help_panel=CAMERA
    ),
]
Drift = Annotated[
    float,
    typer.Option(
        "--drift", help="How far the light swings up and down, as a fraction (0.1 is 10 %).", rich_help_panel=CAMERA
    ),
]
Shake = Annotated[
    float, typer.Option("--shake", help="Camera shake: standard deviation in px.", rich_help_panel=CAMERA)
]
Pan = Annotated[float, typer.Option("--pan", help="Camera pan to the right in px per second.", rich_help_panel=CAMERA)]
LayoutOption = Annotated[
    Layout,
    typer.Option("--layout", help="Write clip.mkv and matte.mkv (clip, lossless) or images/ and masks/ (frames, PNG)."),
]
Seed = Annotated[
    int, typer.Option("--seed", min=0, metavar="N", help="Random seed; the same seed gives the same clip.")
]


def synth(
    out: Out,
    scene: SceneOption = None,
    subject: SubjectOption = None,
    people: People = 1,
    height: Height = 0.82,
    shadow: Shadow = 0.3,
    size: Size = "640x360",
    fps: Fps = "25",
    duration: Duration = 10.0,
    lead_in: LeadIn = 2.0,
    noise: Noise = 2.0,
    drift: Drift = 0.0,
    shake: Shake = 0.0,
    pan: Pan = 0.0,
    layout: LayoutOption = "clip",
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Make a test clip with an exact matte: subjects walk through a scene that is empty at first."""
    from bgdl import checks
    from bgdl.synth import files
    from bgdl.synth.clip import SynthOptions, empty_scene, make_frames
    from bgdl.synth.scene import open_scene
    from bgdl.synth.subject import draw_subject, read_subject

    size_hw = parse_size(size, "--size")[::-1]
    settings = SynthOptions(
        size_hw, _rate(fps), duration, lead_in, noise=noise, drift=drift, shadow=shadow, shake_px=shake, pan_px_s=pan,
        seed=seed,
    )  # fmt: skip
    tall_px = round(checks.within("height", height, 0.05, 1) * size_hw[0])
    if subject:
        cast = [read_subject(file, tall_px) for file in subject]
    else:
        heights_px = [round(tall_px * (1 - 0.06 * (number % 3))) for number in range(people)]
        cast = [draw_subject(px, seed=seed + 1 + number) for number, px in enumerate(heights_px)]
    room = open_scene(scene, size_hw=size_hw, shake_px=shake, pan_px=pan * duration, seed=seed)
    what = f"{len(cast)} subject{'s' * (len(cast) != 1)}, {settings.frames} frames of {size}, seed {seed}"
    console.note(f"scene {scene or 'drawn room'}, {what}")
    frames, empty = make_frames(room, cast, settings), empty_scene(room, settings)
    for path in files.write(out, frames, empty, settings, layout=layout, overwrite=overwrite):
        console.out.print(str(path), markup=False)


def _rate(fps: str) -> Fraction:
    try:
        rate = Fraction(fps)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"--fps {fps!r} is not a frame rate; write 25, 29.97 or 30000/1001") from None
    ntsc = Fraction(round(rate * 1001 / 1000) * 1000, 1001)  # 23.976, 29.97, 59.94
    return ntsc if rate.denominator > 1 and abs(rate - ntsc) < Fraction(1, 100) else rate
