"""The big shapes: garments' outlines and the bodies that wear them, in body units."""
from dataclasses import dataclass

import numpy as np

from tools.drawing.cuts import Cut

BODY_Y = [0.0, 0.2, 0.4, 0.62, 0.78]
BODY_HALF = [0.19, 0.165, 0.135, 0.178, 0.18]
WAIST, CROTCH = 0.4, 0.77
ARM = 0.6  # from shoulder to wrist


@dataclass(frozen=True)
class Pose:
    """How limbs are held, in radians from hanging straight down, left and right."""

    arms: tuple[float, float] = (0.2, 0.2)
    elbows: tuple[float, float] = (0.0, 0.0)
    legs: float = 0.05


@dataclass(frozen=True)
class Part:
    """One shape: a filled outline, or an open line where `stroke` (its width) is given.

    `points` is float [N, 2] in body units; `turn` (radians) is how far its fabric is
    turned from the vertical; `shade` multiplies its colour.
    """

    points: np.ndarray
    material: str
    shade: float = 1.0
    turn: float = 0.0
    stroke: float = 0.0


def mirror(points) -> np.ndarray:
    """The same points on the other side of the body."""
    return np.asarray(points, float) * [-1, 1]


def half_width(cut: Cut, y) -> np.ndarray:
    """Half of the garment's width at the heights y."""
    y = np.asarray(y, float)
    slim = cut.flare < 0.1 and cut.fit > 0.6  # then it widens below the hips only
    start = 0.62 if slim else cut.flare_from
    flared = _hanging(cut, start) + cut.flare * (y - start)
    width = np.where(y > start, np.maximum(_hanging(cut, y), flared), _hanging(cut, y))
    if cut.flare < 0:
        width = width + cut.flare * np.clip(y - start, 0, 0.6)
    if cut.hem_style == "rib":  # gathered: blouses out, then narrows
        width = width - 0.05 * np.clip((y - cut.hem + 0.07) / 0.07, 0, 1)
    return width


def _hanging(cut: Cut, y):
    return cut.ease * (cut.fit * np.interp(y, BODY_Y, BODY_HALF) + (1 - cut.fit) * 0.178)


def neckline(cut: Cut, depth: float) -> list[tuple[float, float]]:
    """From the right end of the neckline to the left one."""
    top = -0.02 if cut.top == "shoulder" else {"straps": 0.1, "halter": -0.07}[cut.top]
    across = np.linspace(1, -1, 9)
    if cut.neck == "v":
        drop = 1 - np.abs(across)
    else:
        drop = np.sqrt(np.maximum(0, 1 - across ** 2))
    bottom = max(depth, top + 0.03)
    return [(cut.neck_half * x, top + (bottom - top) * d) for x, d in zip(across, drop)]


def _right_side(cut: Cut) -> list[tuple[float, float]]:
    """From beside the neck, over the shoulder or along the armhole, to the hem."""
    end = hem_y(cut)
    if cut.top == "none":
        heights, side = np.linspace(WAIST - 0.02, end, 9), []
    else:
        heights = np.linspace(0.22, end, 10)
        side = {"shoulder": [(0.19 * min(cut.ease, 1.15), 0.02), (0.178 * cut.ease, 0.1)],
                "straps": [(cut.neck_half + 0.035, 0.1), (0.15, 0.17)],
                "halter": [(0.085, -0.05), (0.1, 0.08)]}[cut.top]
    side = side + list(zip(half_width(cut, heights), heights))
    if cut.hem_style == "curved":
        side[-1] = (side[-1][0] * 0.97, side[-1][1] - 0.06)
        side.append((side[-1][0] * 0.6, end + 0.005))
    return side


def hem_y(cut: Cut) -> float:
    """Where the body piece ends: at the hem, or at the waist where legs take over."""
    return WAIST + 0.05 if cut.legs else cut.hem


def body_pieces(cut: Cut, material: str = "cloth", depth: float | None = None) -> list[Part]:
    """The front of the garment without sleeves: one piece, or two where it is open."""
    side = _right_side(cut)
    if cut.top == "none" and cut.legs:
        return []
    if cut.top == "none":
        return [Part(np.array(side + list(mirror(side[::-1]))), material)]
    neck = neckline(cut, cut.neck_depth if depth is None else depth)
    if not cut.gap or material == "lining":
        return [Part(np.array(side + list(mirror(side[::-1])) + neck[::-1]), material)]
    edge = [(cut.gap * 1.4, hem_y(cut)), (cut.gap, cut.neck_depth), neck[0]]
    panel = np.array(side + edge)
    return [Part(panel, material), Part(mirror(panel), material)]


def limb(start, angle: float, bend: float, length: float, halves) -> np.ndarray:
    """An arm or sleeve on the right side, from its upper edge round to the lower one.

    Gives [6, 2], or [4, 2] where it ends above the elbow.

    Args:
        start: where its middle line begins.
        angle: of the upper half, from straight down outwards, radians.
        bend: of the elbow, inwards.
        length: along the middle line; an arm bends in the middle of ARM.
        halves: half of the width at start and end.
    """
    first = min(length, ARM / 2)
    ways = [np.array([np.sin(a), np.cos(a)]) for a in (angle, angle - bend)]
    elbow = np.asarray(start) + first * ways[0]
    end = elbow + (length - first) * ways[1]
    outward = [np.array([w[1], -w[0]]) for w in ways]
    middle = halves[0] + (halves[1] - halves[0]) * first / max(length, 1e-6)
    centre_line = [(np.asarray(start), outward[0], halves[0]), (elbow, outward[0], middle),
                   (end, outward[1], halves[1])]
    if length <= ARM / 2:
        del centre_line[1]
    return np.array([p + o * h for p, o, h in centre_line]
                    + [p - o * h for p, o, h in centre_line[::-1]])


def sleeve_tube(cut: Cut, angle: float, bend: float) -> np.ndarray:
    """The right sleeve below the shoulder, as `limb` gives it."""
    start = (0.19 * min(cut.ease, 1.15) - 0.045, 0.085)
    return limb(start, angle, bend, cut.sleeve * ARM, (cut.sleeve_half, cut.cuff_half))


def sleeves(cut: Cut, pose: Pose) -> list[Part]:
    """The left and right sleeve, if it has any."""
    if cut.sleeve <= 0 or cut.top != "shoulder":
        return []
    parts = []
    for side, angle, bend in zip((1, -1), pose.arms, pose.elbows):
        outline = np.vstack([[(0.11, 0.0)], sleeve_tube(cut, angle, bend), [(0.12, 0.24)]])
        parts.append(Part(outline * [side, 1], "cloth", shade=0.93, turn=side * angle))
    return parts


def leg_pieces(cut: Cut, pose: Pose) -> list[Part]:
    """Trouser legs from the waist down, if it has any."""
    if not cut.legs:
        return []
    top = WAIST + (-0.02 if cut.top == "none" else 0.03)
    heights = np.linspace(top, CROTCH - 0.05, 5)
    outer = list(zip(half_width(cut, heights), heights))
    middle = 0.1 + np.sin(pose.legs) * (cut.legs - CROTCH)
    parts = []
    for side in (1, -1):
        right, left, end = middle + cut.leg_half, middle - cut.leg_half, cut.legs
        leg = outer + [(right, end - 0.02), (right, end), (left, end), (left, end - 0.02),
                       (0.012, CROTCH + 0.04), (-0.004, CROTCH), (-0.004, top)]
        parts.append(Part(np.array(leg) * [side, 1], "cloth", turn=side * pose.legs))
    return parts


def lining(cut: Cut) -> list[Part]:
    """The inside of the back, as it is seen through the neck or an open front."""
    if cut.top != "shoulder":
        return []
    return [Part(p.points, "lining", shade=0.6) for p in body_pieces(cut, "lining", depth=0.01)]


def person(pose: Pose, material: str = "skin") -> list[Part]:
    """A body with head, arms and legs; `material` is skin or a mannequin's."""
    heights = np.array(BODY_Y)
    side = [(0.045, -0.12), (0.05, -0.04), (0.17, 0.01)] + list(zip(BODY_HALF[1:], heights[1:]))
    head = [(0.085 * np.sin(a), -0.21 - 0.115 * np.cos(a)) for a in np.linspace(0, 6.1, 16)]
    parts = [Part(np.array(side + list(mirror(side[::-1]))), material)]
    for way, angle, bend in zip((1, -1), pose.arms, pose.elbows):
        arm = limb((0.15, 0.05), angle, bend, ARM + 0.1, (0.05, 0.03))
        leg = [(0.175, 0.7), (0.1 + np.sin(pose.legs) + 0.045, 1.65),
               (0.1 + np.sin(pose.legs) - 0.04, 1.65), (0.005, CROTCH)]
        parts += [Part(arm * [way, 1], material), Part(np.array(leg) * [way, 1], material)]
    if material == "skin":
        hair = [(0.1 * np.sin(a), -0.23 - 0.12 * np.cos(a)) for a in np.linspace(0, 6.1, 16)]
        parts.insert(0, Part(np.array(hair), "hair"))
    return parts + [Part(np.array(head), material)]
