"""What a garment of each class is cut like: ranges from which an item's Cut is drawn.

Lengths are in body units: y grows downwards from the shoulders at 0; the waist is
at 0.40, the crotch at 0.77, the ankles at 1.60; half of the shoulder width is 0.20.
The ranges of neighbouring classes overlap on purpose (Anorak, Parka and Jacket;
Blouse and Button-Down; Cardigan and Sweater): those are to be confused.
"""
from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class Cut:
    """One garment's cut; the defaults make a plain long-sleeved top."""

    top: str = "shoulder"  # shoulder, straps, halter, or none: begins at the waist
    hem: float = 0.62
    ease: float = 1.15  # width over the body's width
    fit: float = 0.3  # 0 hangs straight, 1 follows the body
    flare: float = 0.0  # half-width gained per unit of length below flare_from
    flare_from: float = 0.42
    neck: str = "crew"  # crew or v
    neck_half: float = 0.075
    neck_depth: float = 0.07
    sleeve: float = 1.0  # 0 none, 1 to the wrist
    sleeve_half: float = 0.085
    cuff_half: float = 0.05
    hem_style: str = "straight"  # straight, rib, curved
    gap: float = 0.0  # half-width of an open front
    collar: str = "none"  # none, shirt, stand, rib, turtle, lapel, wide_lapel, hood, fur_hood, bow
    front: str = "none"  # none, buttons, one_button, double, zip, half_zip, half_buttons, ruffle
    pockets: str = "none"  # none, chest, flap, patch, kangaroo, welt, jeans
    waist: str = "none"  # none, belt, drawstring, seam
    legs: float = 0.0  # where the legs end; 0 = no legs
    leg_half: float = 0.07
    pleats: int = 0
    graphic: bool = False
    fabric: str = "plain"
    palette: str = "any"


OUTER = {"palette": "outer", "ease": (1.25, 1.45), "fit": (0.0, 0.3),
         "sleeve_half": (0.09, 0.11), "cuff_half": (0.055, 0.07)}
DRESSY = {"top": ["shoulder", "straps", "straps", "halter"], "sleeve": [0.0, 0.0, 0.28, 0.5],
          "neck": ["crew", "v"], "neck_depth": (0.07, 0.2), "neck_half": (0.08, 0.12),
          "ease": (1.03, 1.12), "fit": (0.8, 1.0), "waist": ["none", "seam", "belt"],
          "fabric": ["floral", "floral", "dots", "plain", "plain", "stripes", "check"]}

# (low, high) is a range, a list is a choice, anything else is as it stands.
CUTS: dict[str, dict] = {
    "Anorak": OUTER | {
        "hem": (0.66, 0.82), "collar": "hood", "front": ["half_zip", "half_zip", "zip"],
        "pockets": ["kangaroo", "flap"], "waist": ["drawstring", "drawstring", "none"],
        "fabric": ["plain", "plain", "check"], "palette": ["bright", "outer"]},
    "Blazer": OUTER | {
        "hem": (0.64, 0.76), "collar": "lapel", "front": "one_button", "neck": "v",
        "neck_depth": (0.32, 0.42), "pockets": ["welt", "flap"], "ease": (1.12, 1.25),
        "fit": (0.5, 0.8), "gap": [0.0, 0.0, (0.04, 0.08)], "hem_style": "curved",
        "fabric": ["plain", "plain", "pinstripe", "tweed", "check"]},
    "Blouse": {
        "hem": (0.55, 0.68), "neck": ["v", "crew"], "neck_depth": (0.08, 0.22),
        "collar": ["none", "none", "bow", "shirt"], "sleeve": (0.35, 1.0),
        "cuff_half": (0.05, 0.13), "flare": (0.05, 0.3), "ease": (1.15, 1.35),
        "front": ["ruffle", "half_buttons", "none", "buttons"],
        "fabric": ["plain", "floral", "dots", "sheer"], "palette": ["soft", "soft", "any"]},
    "Bomber": OUTER | {
        "hem": (0.54, 0.64), "collar": "rib", "front": "zip", "hem_style": "rib",
        "pockets": ["welt", "none"], "sleeve_half": (0.1, 0.125), "cuff_half": (0.065, 0.08),
        "fabric": ["plain", "plain", "quilt", "floral", "leather"]},
    "Button-Down": {
        "hem": (0.62, 0.74), "collar": "shirt", "front": "buttons", "hem_style": "curved",
        "pockets": ["chest", "none"], "sleeve": [(0.3, 0.4), (0.75, 1.0), (0.9, 1.0)],
        "fabric": ["check", "check", "stripes", "pinstripe", "denim", "plain"]},
    "Cardigan": {
        "hem": (0.6, 0.95), "gap": [0.0, (0.04, 0.1), (0.04, 0.1)], "neck": "v",
        "neck_depth": (0.25, 0.36), "front": "buttons", "pockets": ["none", "patch"],
        "ease": (1.15, 1.35), "hem_style": "rib", "fabric": ["knit", "knit", "stripes"],
        "palette": ["soft", "any"]},
    "Coat": OUTER | {
        "hem": (0.95, 1.25), "collar": ["lapel", "shirt", "wide_lapel"], "neck": "v",
        "neck_depth": (0.14, 0.3), "front": "buttons", "gap": [0.0, 0.0, (0.05, 0.1)],
        "pockets": ["flap", "welt"], "waist": ["none", "none", "belt"], "flare": (0.05, 0.16),
        "fabric": ["plain", "tweed", "tweed", "check"]},
    "Dress": DRESSY | {
        "hem": (0.95, 1.5), "flare": (0.03, 0.5), "pleats": [0, 0, 5, 7]},
    "Halter": DRESSY | {
        "top": "halter", "sleeve": 0.0, "hem": (0.46, 0.64), "neck": ["v", "crew"],
        "neck_half": 0.06, "flare": (0.0, 0.25), "waist": "none"},
    "Hoodie": {
        "hem": (0.6, 0.7), "ease": (1.25, 1.4), "collar": "hood", "hem_style": "rib",
        "front": ["none", "none", "zip"], "pockets": "kangaroo", "cuff_half": (0.05, 0.065),
        "sleeve_half": (0.09, 0.11), "graphic": [False, True],
        "fabric": ["plain", "plain", "stripes"]},
    "Jacket": OUTER | {
        "hem": (0.54, 0.68), "collar": ["shirt", "stand"], "front": ["buttons", "zip", "zip"],
        "pockets": ["chest", "welt", "flap"], "ease": (1.18, 1.32),
        "gap": [0.0, 0.0, (0.03, 0.07)], "fabric": ["denim", "leather", "leather", "plain"]},
    "Jeans": {
        "top": "none", "legs": (1.45, 1.63), "leg_half": (0.05, 0.11), "ease": (1.02, 1.12),
        "fit": 1.0, "pockets": "jeans", "waist": "seam", "fabric": "denim"},
    "Jumpsuit": DRESSY | {
        "hem": 0.5, "legs": (1.35, 1.62), "leg_half": (0.06, 0.16),
        "waist": ["belt", "seam", "seam"], "fabric": ["plain", "plain", "floral", "denim"]},
    "Parka": OUTER | {
        "hem": (0.8, 1.02), "collar": ["fur_hood", "fur_hood", "hood"],
        "front": ["zip", "buttons"], "pockets": "flap",
        "waist": ["drawstring", "none"], "fabric": ["plain", "plain", "quilt"],
        "palette": "army"},
    "Peacoat": OUTER | {
        "hem": (0.7, 0.86), "collar": "wide_lapel", "front": "double", "neck": "v",
        "neck_depth": (0.12, 0.2), "pockets": ["welt", "flap"], "palette": ["navy", "outer"],
        "fabric": ["plain", "plain", "tweed"]},
    "Romper": DRESSY | {
        "hem": 0.5, "legs": (0.86, 0.98), "leg_half": (0.1, 0.14),
        "waist": ["drawstring", "belt", "seam"]},
    "Shorts": {
        "top": "none", "legs": (0.84, 1.08), "leg_half": (0.1, 0.14), "ease": (1.05, 1.2),
        "fit": 1.0, "pockets": ["jeans", "none"], "waist": ["seam", "drawstring", "belt"],
        "fabric": ["denim", "plain", "floral", "check"]},
    "Skirt": {
        "top": "none", "hem": (0.8, 1.4), "ease": (1.02, 1.1), "fit": 1.0,
        "flare": (-0.02, 0.55), "waist": ["seam", "belt"], "pleats": [0, 0, 5, 8, 10],
        "fabric": ["plain", "floral", "check", "denim", "dots", "stripes"]},
    "Sweater": {
        "hem": (0.58, 0.74), "ease": (1.15, 1.4), "collar": ["rib", "rib", "turtle"],
        "hem_style": "rib", "sleeve_half": (0.085, 0.11),
        "fabric": ["knit", "knit", "knit", "stripes"], "palette": ["soft", "any"]},
    "Tee": {
        "hem": (0.56, 0.7), "sleeve": (0.22, 0.38), "cuff_half": (0.07, 0.09),
        "neck": ["crew", "crew", "v"], "neck_depth": (0.06, 0.15), "collar": ["rib", "none"],
        "graphic": [False, False, True], "pockets": ["none", "none", "chest"],
        "fabric": ["plain", "plain", "stripes"]},
}


def draw_cut(name: str, rng: np.random.Generator) -> Cut:
    """Draws the cut of one item of the class `name`."""
    chosen = {key: _draw(wish, rng) for key, wish in CUTS[name].items()}
    if chosen.get("top") in ("straps", "halter"):
        chosen["sleeve"] = 0.0
    return Cut(**{field.name: chosen[field.name] for field in fields(Cut)
                  if field.name in chosen})


def _draw(wish, rng: np.random.Generator):
    if isinstance(wish, list):
        return _draw(wish[rng.integers(len(wish))], rng)
    return float(rng.uniform(*wish)) if isinstance(wish, tuple) else wish
