"""Items: a cut with its fabrics, and the shapes that it and its wearer are drawn with."""
from dataclasses import dataclass, replace

import numpy as np

from tools.drawing import details, outlines
from tools.drawing.cuts import Cut, draw_cut
from tools.drawing.fabrics import Fabric, contrast, draw_colour, draw_fabric, flat
from tools.drawing.outlines import Part, Pose

WEARERS = {"person": 0.45, "mannequin": 0.2, "hanger": 0.15, "nobody": 0.2}


@dataclass(frozen=True)
class Garment:
    """An item: the same in all of its pictures."""

    cut: Cut
    fabrics: dict[str, Fabric]
    print_seed: int


def draw_garment(name: str, rng: np.random.Generator) -> Garment:
    """Draws an item of the class `name`."""
    cut = draw_cut(name, rng)
    cloth = draw_fabric(cut.fabric, cut.palette, rng)
    colour, other = cloth.colour, contrast(cloth.colour, rng)
    rib = draw_fabric("knit", cut.palette, rng)
    if rng.random() < 0.7:
        rib = Fabric(np.clip(rib.tile / rib.colour * colour, 0, 255))
    buttons = [other, colour * 0.4, (235, 230, 220)]
    fabrics = {
        "cloth": cloth, "lining": flat(colour * 0.8 + 20), "rib": rib,
        "metal": flat([(190, 190, 195), (200, 165, 90), (60, 60, 65)][rng.integers(3)]),
        "trim": flat(colour), "print": flat(other), "belt": flat(other * 0.5),
        "stitch": flat((200, 150, 80) if cut.fabric == "denim" else other),
        "fur": draw_fabric("tweed", "outer", rng), "button": flat(buttons[rng.integers(3)])}
    return Garment(cut, fabrics, int(rng.integers(2 ** 31)))


def draw_wearer(rng: np.random.Generator) -> tuple[str, Pose, dict[str, Fabric]]:
    """Draws who wears it in one picture: the kind, the pose, the colours."""
    wearer = str(rng.choice(list(WEARERS), p=list(WEARERS.values())))
    spread = {"person": 0.35, "mannequin": 0.12, "hanger": 0.1, "nobody": 0.6}[wearer]
    arms = tuple(0.1 + rng.uniform(0, spread, 2))
    elbows = tuple(rng.uniform(-0.1, 0.8 if wearer == "person" else 0.15, 2))
    grey = rng.uniform(170, 245)
    fabrics = {"skin": flat(draw_colour("skin", rng)),
               "mannequin": flat((grey, grey, grey * 0.96)),
               "hair": flat(np.float32([150, 100, 60]) * rng.uniform(0.1, 1.3)),
               "wood": flat(np.float32([170, 130, 90]) * rng.uniform(0.3, 1.3)),
               "other": draw_fabric("plain", "any", rng),
               "inner": draw_fabric("plain", "soft", rng)}
    return wearer, Pose(arms, elbows, float(rng.uniform(0.0, 0.14))), fabrics


def layers(garment: Garment, wearer: str, pose: Pose) -> list[Part]:
    """All shapes, in the order in which they cover one another."""
    cut = garment.cut
    return (details.hood_behind(cut) + outlines.lining(cut) + _props(cut, wearer, pose)
            + (_shirt_under(cut) if wearer == "person" else [])
            + outlines.sleeves(cut, pose) + outlines.leg_pieces(cut, pose)
            + outlines.body_pieces(cut) + details.hems(cut, pose) + details.pockets(cut)
            + details.front(cut) + details.waist(cut) + details.collar(cut)
            + details.print_on_chest(cut, np.random.default_rng(garment.print_seed)))


def _shirt_under(cut: Cut) -> list[Part]:
    """What is worn under an open or deeply cut front."""
    if cut.top != "shoulder" or not cut.gap and cut.neck_depth < 0.24:
        return []
    shirt = outlines.body_pieces(Cut(hem=0.6, ease=1.0, fit=0.8, neck_depth=0.09))
    return [replace(part, material="inner") for part in shirt]


def _props(cut: Cut, wearer: str, pose: Pose) -> list[Part]:
    """The wearer, and what else is worn."""
    if wearer == "hanger":
        return _hanger(cut)
    if wearer == "mannequin":
        stand = details.box(0, 0.7, 0.015, 1.1, "wood")
        return [stand] + outlines.person(pose, "mannequin")
    if wearer == "nobody":
        return []
    if cut.top == "none":
        shirt = Cut(hem=0.55, sleeve=0.3, ease=1.05, fit=0.9)
        other = outlines.sleeves(shirt, pose) + outlines.body_pieces(shirt)
    elif cut.legs or cut.hem > 0.9:
        other = []
    else:
        other = outlines.leg_pieces(Cut(top="none", legs=1.6, ease=1.03, fit=1.0), pose)
    return outlines.person(pose) + [replace(p, material="other") for p in other]


def _hanger(cut: Cut) -> list[Part]:
    top = outlines.WAIST - 0.06 if cut.top == "none" else -0.05
    hook = [(0.0, top), (0.0, top - 0.05), (0.025, top - 0.08), (0.0, top - 0.11),
            (-0.025, top - 0.08)]
    arms = [(-0.17, top + 0.07), (0.0, top), (0.17, top + 0.07), (-0.17, top + 0.07)]
    return [details.line(hook, "metal", 0.012), details.line(arms, "wood", 0.025)]
