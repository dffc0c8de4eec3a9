"""The shapes that a garment and its wearer are drawn with, in body units (see garments)."""
from dataclasses import dataclass

import numpy as np

from tools.make_sample_data.garments import Cut

# Half of a body's width from the shoulders to the hips.
BODY_Y = [0.0, 0.2, 0.4, 0.62, 0.78]
BODY_HALF = [0.19, 0.165, 0.135, 0.178, 0.18]
WAIST, CROTCH, ARM = 0.4, 0.77, 0.6


@dataclass(frozen=True)
class Shape:
    """A filled outline, float [N, 2]; `material` is cloth (shaded) or the name of a colour."""

    points: np.ndarray
    material: str = "cloth"
    shade: float = 1.0


def shapes(cut: Cut, *, worn: bool, arms: float) -> list[Shape]:
    """Returns all shapes in the order in which they cover one another.

    `arms` is how far sleeves and arms are spread from hanging straight down, radians.
    """
    return (_behind(cut) + (_person(cut, arms) if worn else []) + _pieces(cut, arms)
            + _pockets(cut) + _front(cut) + _waist(cut) + _collar(cut))


def both(points, material: str = "cloth", **how) -> list[Shape]:
    """A shape and its mirror image on the other side of the body."""
    return [Shape(np.multiply(points, (sign, 1)), material, **how) for sign in (1, -1)]


def whole(right_half: list, material: str = "cloth", **how) -> list[Shape]:
    """One symmetric shape, given by its right half from the top down."""
    left_half = np.multiply(right_half[::-1], (-1, 1))
    return [Shape(np.vstack([right_half, left_half]), material, **how)]


def box(x: float, y: float, half: float, height: float, material: str = "cloth", **how) -> Shape:
    """An upright rectangle with the middle of its top at x, y."""
    corners = [(x - half, y), (x + half, y), (x + half, y + height), (x - half, y + height)]
    return Shape(np.array(corners), material, **how)


def disc(x: float, y: float, radius: float, material: str = "cloth") -> Shape:
    """A button, a head, a hood."""
    angles = np.linspace(0, 2 * np.pi, 24)
    return Shape(np.column_stack([x + radius * np.cos(angles), y + radius * np.sin(angles)]),
                 material)


def _half_width(cut: Cut, y):
    """Returns half of the garment's width at the heights y."""
    shaped = np.interp(y, BODY_Y, BODY_HALF) if cut.top != "shoulder" else 0.17
    return cut.ease * shaped + cut.flare * np.maximum(0, y - WAIST)


def _side(cut: Cut, end: float) -> list[tuple[float, float]]:
    """The right edge of the body piece, from the neck (or the waist) down to `end`."""
    edge = {"shoulder": [(0.08, -0.02), (0.14, -0.01), (0.18, 0.1)],
            "straps": [(0.09, -0.01), (0.11, -0.01), (0.12, 0.1)],
            "halter": [(0.04, -0.08), (0.07, -0.08), (0.1, 0.08)], "none": []}[cut.top]
    heights = np.linspace(0.2 if edge else WAIST, end, 8)
    return edge + list(zip(_half_width(cut, heights), heights))


def _limb(angle: float, length: float, start_half: float, end_half: float) -> np.ndarray:
    """The right arm or sleeve: a tapered bar from the shoulder, outwards by the angle."""
    start = np.array([0.15, 0.08])
    end = start + length * np.array([np.sin(angle), np.cos(angle)])
    out = np.array([np.cos(angle), -np.sin(angle)])
    return np.array([start + start_half * out, end + end_half * out,
                     end - end_half * out, start - start_half * out])


def _behind(cut: Cut) -> list[Shape]:
    """The hood behind the head, and the inside of the back, which the neck shows."""
    hood = [disc(0, -0.15, 0.17), disc(0, -0.16, 0.13, "lining")]
    fur = [disc(0, -0.15, 0.19, "fur"), hood[1]]
    back = whole(_side(cut, cut.hem), "lining") if cut.top == "shoulder" else []
    return {"hood": hood, "fur_hood": fur}.get(cut.collar, []) + back


def _person(cut: Cut, arms: float) -> list[Shape]:
    """A body, dressed in a plain colour where the garment leaves that to others."""
    shirt = "other" if cut.top == "none" or cut.gap else "skin"
    trousers = "skin" if cut.top == "none" or cut.legs or cut.hem > 0.9 else "other"
    torso = [(0.045, -0.12), (0.05, -0.03), (0.17, 0.01), *zip(BODY_HALF[1:], BODY_Y[1:])]
    leg = [(0.18, 0.6), (0.19, 1.65), (0.09, 1.65), (0.0, CROTCH), (0.0, 0.6)]
    return [disc(0, -0.24, 0.115, "hair"), *whole(torso, shirt), disc(0, -0.2, 0.09, "skin"),
            *both(_limb(arms, ARM + 0.1, 0.045, 0.03), "skin"), *both(leg, trousers)]


def _pieces(cut: Cut, arms: float) -> list[Shape]:
    """Sleeves, legs, and the body piece, which is two where the front is open."""
    limbs = []
    if cut.sleeve:
        tube = _limb(arms, cut.sleeve * ARM, 0.07 * cut.ease, 0.055 * cut.ease)
        limbs += both([(0.14, -0.01), *tube, (0.12, 0.2)], shade=0.9)
    if cut.legs:
        limbs += both([(_half_width(cut, WAIST), WAIST), (_half_width(cut, 0.65), 0.65),
                       (0.12 + cut.leg_half, cut.legs), (0.12 - cut.leg_half, cut.legs),
                       (0.0, CROTCH), (0.0, WAIST)])

    side = _side(cut, WAIST + 0.05 if cut.legs else cut.hem)
    if cut.top == "none":
        return limbs or whole(side)
    if cut.gap:
        return limbs + both([(cut.gap, cut.neck), *side, (1.3 * cut.gap, cut.hem)])
    x = side[0][0]
    curve = [(0.45 * x, cut.neck), (0.8 * x, 0.6 * cut.neck)] if cut.neck < 0.1 else []
    return limbs + whole([(0, cut.neck), *curve, *side])


def _collar(cut: Cut) -> list[Shape]:
    """What lies around the neck, in front."""
    y = cut.neck
    rib = [(0.05, y + 0.01), (0.0, y + 0.03)]
    lapel = [(0.06, -0.04), (0.115, 0.0), (0.14, 0.06), (0.17, 0.09), (0.15, 0.14),
             (cut.gap, y + 0.05), (cut.gap, y)]
    edge = [(0.07, -0.06), (0.13, 0.0), (0.1, 0.07), (0.0, y + 0.06), (0.0, y)]
    return {
        "none": [],
        "shirt": both([(0.06, -0.05), (0.115, 0.0), (0.07, y + 0.05), (0.0, y)], shade=1.15),
        "rib": whole([(0.0, 0.0), (0.065, -0.03), (0.095, 0.0), *rib], "rib"),
        "turtle": whole([(0.0, -0.08), (0.065, -0.11), (0.095, 0.0), *rib], "rib"),
        "lapel": both(lapel, shade=1.2),
        "hood": both(edge, shade=1.1), "fur_hood": both(edge, "fur"),
    }[cut.collar]


def _front(cut: Cut) -> list[Shape]:
    """What runs down the middle, or is printed on the chest."""
    x, top, end = cut.gap, cut.neck + 0.03, cut.hem - 0.02
    seam = [] if x else [box(0.018, top, 0.003, end - top, "seam")]
    return {
        "none": [], "one_button": seam + [disc(x, top, 0.014, "trim")],
        "buttons": seam + [disc(x, y, 0.011, "trim") for y in np.arange(top + 0.02, end, 0.09)],
        "double": seam + [disc(x, y, 0.016, "trim") for x in (-0.09, 0.09)
                          for y in np.arange(top + 0.1, end - 0.08, 0.13)],
        "zip": [box(x, top, 0.007, end - top, "metal")],
        "half_zip": [box(x, top, 0.007, 0.36 - top, "metal")],
        "print": [disc(0, 0.24, 0.06, "trim"), box(0, 0.32, 0.08, 0.03, "trim")],
    }[cut.front]


def _pockets(cut: Cut) -> list[Shape]:
    x, y = 0.11 + cut.gap, min(cut.hem - 0.2, 0.56)
    scoop = [(0.075, WAIST), (0.095, WAIST + 0.09), (0.165, WAIST + 0.12), (0.15, WAIST)]
    return {
        "none": [], "chest": [box(0.09, 0.18, 0.04, 0.09, shade=0.75)],
        "flap": [box(side, y, 0.05, 0.04, shade=0.7) for side in (-x, x)],
        "kangaroo": [box(0, y, 0.14, 0.15, shade=0.8)],
        "jeans": both(scoop, shade=0.75),
    }[cut.pockets]


def _waist(cut: Cut) -> list[Shape]:
    half, end = _half_width(cut, WAIST), _half_width(cut, cut.hem)
    band = [box(0, WAIST - 0.02, half, 0.04, shade=0.8)]
    cord = [(0.0, WAIST), (0.035, WAIST + 0.15), (0.02, WAIST + 0.15)]
    return {
        "none": [], "band": band,
        "belt": [box(0, WAIST - 0.02, half, 0.04, "belt"), disc(0, WAIST, 0.025, "metal")],
        "drawstring": band + both(cord, "trim"),
        "rib": [box(0, cut.hem - 0.03, end - 0.015, 0.06, "rib")],
    }[cut.waist]
