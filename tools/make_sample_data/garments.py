"""Garments of 20 classes: how they are cut, and the fabrics that they are made of.

Lengths are in body units: y grows downwards from the shoulders at 0; the waist is
at 0.4, the crotch at 0.77, the ankles at 1.6; half of the shoulder width is 0.19.
"""
import colorsys
from dataclasses import dataclass

import numpy as np

TILE = 96  # pixels of a fabric's tile; a multiple of all repeats below, so that it has no seam


@dataclass(frozen=True)
class Cut:
    """How a garment is cut; the defaults make a plain long-sleeved top."""

    top: str = "shoulder"  # shoulder, straps, halter, or none: begins at the waist
    hem: float = 0.62
    ease: float = 1.2  # width over the body's width
    flare: float = 0.0  # half-width gained per unit of length below the waist
    neck: float = 0.08  # how deep the neckline is; a V from 0.1 on
    sleeve: float = 1.0  # 0 none, 1 to the wrist
    gap: float = 0.0  # half-width of an open front
    collar: str = "none"  # none, shirt, rib, turtle, lapel, hood, fur_hood
    front: str = "none"  # none, buttons, one_button, double, zip, half_zip, print
    pockets: str = "none"  # none, chest, flap, kangaroo, jeans
    waist: str = "none"  # none, belt, drawstring, band, or rib: a band at the hem
    legs: float = 0.0  # where the legs end; 0 = no legs
    leg_half: float = 0.1  # half of a leg's width at its end
    fabric: str = "plain"  # plain, stripes, check, dots, knit, denim
    palette: str = "any"


# In CUTS a tuple is a range, a list is a choice, anything else is taken as it is. The ranges
# of neighbours (Anorak and Parka, Coat and Peacoat) overlap: a model is meant to confuse some.
OUTER = dict(ease=(1.25, 1.4), neck=(0.12, 0.2), pockets="flap", palette="dark",
             fabric=["plain", "plain", "check"])
SUMMER = dict(top=["straps", "straps", "halter"], sleeve=0.0, neck=(0.08, 0.2), ease=1.08,
              fabric=["dots", "dots", "plain", "stripes", "check"])
WAIST_DOWN = dict(top="none", sleeve=0.0, ease=(1.02, 1.12), waist="band")

CUTS: dict[str, dict] = {
    "Anorak": dict(OUTER, hem=(0.66, 0.86), collar="hood", front=["half_zip", "zip"],
                   waist="drawstring", pockets=["kangaroo", "flap"]),
    "Blazer": dict(OUTER, hem=(0.64, 0.76), collar="lapel", front="one_button", neck=(0.32, 0.42),
                   gap=[0.0, (0.04, 0.08)]),
    "Blouse": dict(hem=(0.55, 0.68), collar=["none", "shirt"], front=["none", "buttons"],
                   neck=(0.1, 0.22), flare=(0.05, 0.35), sleeve=(0.35, 1.0), palette="soft"),
    "Bomber": dict(OUTER, hem=(0.54, 0.62), collar="rib", front="zip", waist="rib", neck=0.08),
    "Button-Down": dict(hem=(0.62, 0.74), collar="shirt", front="buttons", sleeve=[0.35, 1.0],
                        pockets=["chest", "none"], fabric=["check", "stripes", "denim"]),
    "Cardigan": dict(hem=(0.6, 0.95), front="buttons", neck=(0.25, 0.36), gap=[0.0, (0.04, 0.1)],
                     fabric=["knit", "knit", "stripes"]),
    "Coat": dict(OUTER, hem=(0.82, 1.25), collar="lapel", front=["buttons", "double"],
                 neck=(0.16, 0.3), waist=["none", "belt"], flare=(0.05, 0.16)),
    "Dress": dict(SUMMER, hem=(0.95, 1.45), flare=(0.05, 0.5), waist=["band", "belt"]),
    "Halter": dict(SUMMER, top="halter", hem=(0.46, 0.64), flare=(0.0, 0.2)),
    "Hoodie": dict(hem=(0.6, 0.7), collar="hood", front=["none", "print", "zip"], waist="rib",
                   pockets="kangaroo", ease=(1.25, 1.4)),
    "Jacket": dict(OUTER, hem=(0.54, 0.68), collar=["shirt", "lapel"], front=["buttons", "zip"],
                   pockets=["chest", "flap"], fabric=["denim", "plain"]),
    "Jeans": dict(WAIST_DOWN, legs=(1.45, 1.63), leg_half=(0.05, 0.11), pockets="jeans",
                  fabric="denim"),
    "Jumpsuit": dict(SUMMER, legs=(1.35, 1.62), leg_half=(0.06, 0.11), waist=["belt", "band"]),
    "Parka": dict(OUTER, hem=(0.76, 1.02), collar=["fur_hood", "hood"], front="zip",
                  waist=["drawstring", "none"], palette="army"),
    "Peacoat": dict(OUTER, hem=(0.7, 0.88), collar="lapel", front=["double", "buttons"]),
    "Romper": dict(SUMMER, legs=(0.86, 0.98), waist=["drawstring", "belt", "band"]),
    "Shorts": dict(WAIST_DOWN, legs=(0.84, 1.08), waist=["band", "drawstring", "belt"],
                   pockets=["jeans", "none"], fabric=["denim", "plain", "dots", "check"]),
    "Skirt": dict(WAIST_DOWN, hem=(0.8, 1.4), flare=(0.0, 0.5),
                  fabric=["plain", "check", "denim", "dots", "stripes"]),
    "Sweater": dict(hem=(0.58, 0.74), collar=["rib", "turtle"], waist="rib", ease=(1.15, 1.4),
                    fabric=["knit", "knit", "stripes"]),
    "Tee": dict(hem=(0.56, 0.7), sleeve=(0.22, 0.38), neck=(0.06, 0.14), front=["none", "print"],
                pockets=["none", "chest"], fabric=["plain", "plain", "stripes"]),
}

# The ranges of hue, saturation and value.
PALETTES = {
    "any": [(0, 1, 0.05, 0.85, 0.25, 0.95), (0, 1, 0, 0.1, 0.08, 0.97)],
    "soft": [(0, 1, 0.05, 0.35, 0.75, 0.97)],
    "dark": [(0.55, 0.68, 0.3, 0.7, 0.2, 0.45), (0, 1, 0, 0.5, 0.15, 0.7)],
    "army": [(0.09, 0.25, 0.25, 0.6, 0.25, 0.6)],
    "denim": [(0.57, 0.62, 0.25, 0.65, 0.3, 0.8)],
    "skin": [(0.04, 0.08, 0.25, 0.6, 0.4, 0.97)],
}


@dataclass(frozen=True)
class Garment:
    """An item: the same in all of its pictures.

    `cloth` is a tile of its fabric, uint8 [TILE, TILE, 3]; `colours` are RGB 0..255.
    """

    cut: Cut
    cloth: np.ndarray
    colours: dict[str, np.ndarray]


def draw_garment(class_name: str, rng: np.random.Generator) -> Garment:
    """Draws an item of the class."""
    cut = Cut(**{key: _draw(wish, rng) for key, wish in CUTS[class_name].items()})
    colour = draw_colour("denim" if cut.fabric == "denim" else cut.palette, rng)
    other = (colour + rng.uniform(90, 166, 3)) % 256  # stands out from the first
    return Garment(cut, _weave(cut.fabric, colour, other, rng), {
        "rib": colour * 0.75, "lining": colour * 0.45, "seam": colour * 0.5, "trim": other,
        "belt": other * 0.5, "metal": np.float32([190, 185, 170]), "fur": draw_colour("soft", rng)})


def _draw(wish, rng: np.random.Generator):
    if isinstance(wish, list):
        return _draw(wish[rng.integers(len(wish))], rng)
    return float(rng.uniform(*wish)) if isinstance(wish, tuple) else wish


def draw_colour(palette: str, rng: np.random.Generator) -> np.ndarray:
    """Draws a colour of the palette, RGB 0..255, float32 [3]."""
    ranges = PALETTES[palette][rng.integers(len(PALETTES[palette]))]
    hsv = [rng.uniform(*ranges[i:i + 2]) for i in (0, 2, 4)]
    return np.float32(colorsys.hsv_to_rgb(*hsv)) * 255


def _weave(fabric: str, colour: np.ndarray, other: np.ndarray, rng: np.random.Generator
           ) -> np.ndarray:
    """Returns a tile of the fabric, uint8 [TILE, TILE, 3]."""
    y, x = np.mgrid[:TILE, :TILE]
    period = TILE // rng.choice((2, 3, 4, 6))
    across, down = x % period / period, y % period / period

    # How much of the other colour shows, and how the yarn catches the light.
    share = {"stripes": down < 0.4, "check": (across < 0.5) / 2 + (down < 0.5) / 2,
             "dots": np.hypot(across - 0.5, down - 0.5) < 0.3}.get(fabric, 0 * x)
    light = {"knit": 0.6 + 0.4 * np.abs(np.sin(np.pi * x / 6) * np.sin(np.pi * y / 4)),
             "denim": 1 + rng.normal(0, 0.15, TILE) + 0 * y}.get(fabric, 1 + 0 * x)

    tile = (colour + share[..., None] * (other - colour)) * light[..., None]
    return np.clip(tile + rng.normal(0, 3, tile.shape), 0, 255).astype(np.uint8)
