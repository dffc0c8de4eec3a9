"""The small things that tell garments apart: collars, fronts, pockets, waists, hems."""
import numpy as np

from tools.drawing.cuts import Cut
from tools.drawing.outlines import (CROTCH, WAIST, Part, Pose, half_width, hem_y, mirror, neckline,
                                    sleeve_tube)


def both(points, material: str, **how) -> list[Part]:
    """A shape and its mirror image."""
    return [Part(np.asarray(points, float), material, **how), Part(mirror(points), material, **how)]


def line(points, material: str = "trim", width: float = 0.006, shade: float = 1.0) -> Part:
    """An open line."""
    return Part(np.asarray(points, float), material, shade=shade, stroke=width)


def disc(x: float, y: float, radius: float, material: str) -> Part:
    """A button, a bead, a tuft."""
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    return Part(np.column_stack([x + radius * np.cos(angles), y + radius * np.sin(angles)]),
                material)


def box(x: float, y: float, half: float, height: float, material: str, **how) -> Part:
    """An upright rectangle with its top's middle at x, y."""
    return Part(np.array([(x - half, y), (x + half, y), (x + half, y + height),
                          (x - half, y + height)]), material, **how)


def hood_behind(cut: Cut) -> list[Part]:
    """The hood as it stands behind the head; a fur edge around it where it has one."""
    if "hood" not in cut.collar:
        return []
    angles = np.linspace(-2.0, 2.0, 25)
    ring = np.column_stack([0.15 * np.sin(angles), -0.1 - 0.19 * np.cos(angles)])
    inside = ring * [0.72, 0.8] + [0, -0.01]
    parts = [Part(ring, "cloth", shade=0.9), Part(inside, "lining", shade=0.5)]
    if cut.collar == "fur_hood":
        tufts = np.column_stack([0.165 * np.sin(angles), -0.1 - 0.2 * np.cos(angles)])
        tufts[::2] *= 1.12
        parts.insert(1, Part(np.vstack([tufts, inside[::-1]]), "fur"))
    return parts


def collar(cut: Cut) -> list[Part]:
    """What is around the neck, in front."""
    half, depth = cut.neck_half, cut.neck_depth
    if cut.collar == "shirt":
        point = [(half - 0.01, -0.055), (half + 0.035, 0.0), (half - 0.005, depth + 0.045),
                 (0.004, depth - 0.005), (half - 0.035, 0.01)]
        return both(point, "cloth", shade=1.1, turn=0.6)
    if cut.collar in ("lapel", "wide_lapel"):
        return _lapels(cut)
    if cut.collar in ("rib", "stand", "turtle"):
        rise = {"rib": 0.0, "stand": 0.05, "turtle": 0.11}[cut.collar]
        outer = np.array(neckline(cut, depth)) * [1.15, 1] + [0, 0.022]
        inner = np.array(neckline(cut, depth - 0.012)) * [0.95, 1] - [0, rise]
        material = "cloth" if cut.collar == "stand" else "rib"
        if cut.collar == "turtle":
            inner = np.array([(half * 0.8, -rise), (0, 0.015 - rise), (-half * 0.8, -rise)])
        return [Part(np.vstack([outer, inner[::-1]]), material, shade=0.9)]
    if cut.collar in ("hood", "fur_hood"):
        drape = [(half, -0.06), (half + 0.055, 0.0), (half + 0.02, 0.07), (0.0, depth + 0.06),
                 (0.0, depth + 0.01), (half * 0.7, 0.03)]
        return both(drape, "fur" if cut.collar == "fur_hood" else "cloth", shade=1.05)
    return _bow(depth) if cut.collar == "bow" else []


def _lapels(cut: Cut) -> list[Part]:
    wide = 0.06 if cut.collar == "wide_lapel" else 0.02
    half, end = cut.neck_half, cut.neck_depth
    notch = 0.12 if end > 0.2 else 0.09
    lapel = [(half - 0.012, 0.0), (half + 0.035 + wide, notch), (half + 0.05 + wide, notch + 0.03),
             (cut.gap + 0.004, end + 0.04 + wide), (cut.gap, end)]
    upper = [(half - 0.012, -0.04), (half + 0.03, -0.02), (half + 0.04 + wide, notch - 0.035),
             (half + 0.02, notch - 0.01)]
    edges = [line(side(lapel[:4]), shade=0.55, width=0.005) for side in (np.array, mirror)]
    return (both(lapel, "cloth", shade=1.12, turn=0.5)
            + both(upper, "cloth", shade=1.0, turn=0.9) + edges)


def _bow(depth: float) -> list[Part]:
    loop = [(0.0, depth), (0.07, depth - 0.035), (0.08, depth + 0.035)]
    tail = [(0.0, depth), (0.035, depth + 0.2), (0.005, depth + 0.19)]
    return both(tail, "cloth", shade=1.05) + both(loop, "cloth", shade=1.15)


def front(cut: Cut) -> list[Part]:
    """Buttons, zip or frill down the middle."""
    top, end = cut.neck_depth + 0.02, hem_y(cut) - 0.02
    reach = {"half_zip": 0.36, "half_buttons": 0.34, "ruffle": 0.45}.get(cut.front, end)
    rows = np.arange(top + 0.02, reach - 0.02, 0.085)
    if cut.front in ("zip", "half_zip"):
        x = cut.gap
        zips = [line([(way, top - 0.03), (way, reach)], "metal", 0.013) for way in {x, -x}]
        return zips + [line([(x + 0.014, top - 0.03), (x + 0.014, reach)], shade=0.6)]
    if cut.front in ("buttons", "half_buttons"):
        edge = [] if cut.gap else [line([(x, top - 0.02), (x, reach)], shade=0.65)
                                   for x in (-0.018, 0.018)]
        return edge + [disc(cut.gap + 0.012 * (cut.gap > 0), y, 0.009, "button") for y in rows]
    if cut.front == "one_button" and not cut.gap:
        return [line([(0.0, top - 0.02), (0.01, end)], shade=0.5),
                disc(0.004, top + 0.01, 0.011, "button")]
    if cut.front == "double":
        rows = np.arange(top + 0.08, end - 0.08, 0.13)
        return [line([(-0.06, top), (-0.06, end)], shade=0.5)] + [
            disc(x, y, 0.015, "button") for y in rows for x in (-0.095, 0.08)]
    if cut.front == "ruffle":
        waves = np.arange(top - 0.02, reach, 0.02)
        frill = [(0.045 + 0.018 * (-1) ** i, y) for i, y in enumerate(waves)]
        return both(frill + [(0.0, reach), (0.0, top - 0.03)], "cloth", shade=1.12, turn=0.8)
    return []


def pockets(cut: Cut) -> list[Part]:
    """Pockets, on the chest or beside the belly."""
    low = min(hem_y(cut) - 0.2, 0.56)
    if cut.pockets == "chest":
        return [box(0.085, 0.19, 0.04, 0.09, "cloth", shade=0.92),
                line([(0.045, 0.19), (0.125, 0.19)], shade=0.6)]
    if cut.pockets in ("flap", "patch"):
        height = 0.035 if cut.pockets == "flap" else 0.13
        sides = [s * (0.115 + cut.gap / 2) for s in (-1, 1)]
        return [box(x, low, 0.055, height, "cloth", shade=0.85) for x in sides] + [
            line([(x - 0.055, low + height), (x + 0.055, low + height)], shade=0.5) for x in sides]
    if cut.pockets == "welt":
        slit = [(0.1 + cut.gap / 2, low + 0.06), (0.13 + cut.gap / 2, low - 0.03)]
        return [line(side(slit), shade=0.4, width=0.012) for side in (np.array, mirror)]
    if cut.pockets == "kangaroo":
        low = hem_y(cut) - 0.24
        pouch = [(0.085, low), (0.15, low + 0.12), (0.15, low + 0.18)]
        return [Part(np.vstack([pouch, mirror(pouch[::-1])]), "cloth", shade=0.9),
                line(pouch[:2], shade=0.5), line(mirror(pouch[:2]), shade=0.5)]
    return _jeans_front() if cut.pockets == "jeans" else []


def _jeans_front() -> list[Part]:
    scoop = [(0.075, WAIST + 0.03), (0.095, WAIST + 0.09), (0.165, WAIST + 0.12)]
    fly = [(0.03, WAIST + 0.03), (0.032, WAIST + 0.16), (0.0, WAIST + 0.22), (0.0, CROTCH)]
    return [line(scoop, "stitch", 0.007), line(mirror(scoop), "stitch", 0.007),
            line(fly, "stitch", 0.006), disc(0.0, WAIST + 0.005, 0.011, "metal")]


def waist(cut: Cut) -> list[Part]:
    """Waistband, belt or drawstring."""
    y = WAIST - 0.02 if cut.top == "none" else WAIST + 0.02
    if cut.waist == "none" or y + 0.05 > cut.hem and not cut.legs:
        return []
    half = float(half_width(cut, y + 0.02)) + 0.004
    if cut.waist == "drawstring":
        return [box(0, y + 0.005, half, 0.02, "cloth", shade=0.8),
                line([(-0.02, y + 0.15), (-0.005, y + 0.02), (0.02, y + 0.17)], "stitch", 0.01)]
    if cut.waist == "belt":
        return [box(0, y, half, 0.045, "belt"), box(0, y + 0.004, 0.025, 0.037, "metal")]
    return [box(0, y, half, 0.04, "cloth", shade=0.88),
            line([(-half, y + 0.04), (half, y + 0.04)], shade=0.5)]


def hems(cut: Cut, pose: Pose) -> list[Part]:
    """Ribbed bands at hem and cuffs, pleats, stitched hems of legs."""
    parts = []
    if cut.hem_style == "rib":
        half = float(half_width(cut, cut.hem))
        parts += [Part(piece, "rib", shade=0.9) for piece in _band(half, cut.hem, cut.gap)]
    if cut.hem_style == "rib" and cut.sleeve > 0.8:
        parts += _cuffs(cut, pose)
    if cut.pleats:
        parts += [line([(f * float(half_width(cut, WAIST + 0.05)), WAIST + 0.05),
                        (f * float(half_width(cut, cut.hem)), cut.hem)], shade=0.62, width=0.009)
                  for f in np.linspace(-0.85, 0.85, cut.pleats)]
    return parts


def _band(half: float, y: float, gap: float) -> list[np.ndarray]:
    if not gap:
        return [box(0, y - 0.03, half, 0.055, "rib").points]
    piece = np.array([(gap, y - 0.03), (half, y - 0.03), (half, y + 0.025), (gap * 1.1, y + 0.025)])
    return [piece, mirror(piece)]


def _cuffs(cut: Cut, pose: Pose) -> list[Part]:
    parts = []
    for side, angle, bend in zip((1, -1), pose.arms, pose.elbows):
        upper, lower = sleeve_tube(cut, angle, bend)[2:4]
        down = 0.05 * np.array([np.sin(angle - bend), np.cos(angle - bend)])
        inset = 0.18 * (lower - upper)
        cuff = np.array([upper + inset, upper + inset + down, lower - inset + down, lower - inset])
        parts.append(Part(cuff * [side, 1], "rib", shade=0.9, turn=side * angle))
    return parts


def print_on_chest(cut: Cut, rng: np.random.Generator) -> list[Part]:
    """A made-up logo: a few shapes in the trim's colour."""
    if not cut.graphic:
        return []
    shapes = [box(rng.uniform(-0.05, 0.05), rng.uniform(0.15, 0.3), rng.uniform(0.02, 0.09),
                  rng.uniform(0.015, 0.04), "print") for _ in range(rng.integers(1, 4))]
    return shapes + [disc(0, rng.uniform(0.18, 0.3), rng.uniform(0.03, 0.075), "print")]
