"""What the shop sells: how many pictures of which items, and what the items are called."""
from dataclasses import dataclass

import numpy as np

from tools.drawing.cuts import CUTS, Cut, draw_cut

# Uneven, as in a shop: how often a class occurs.
SHARES = {"Dress": 10, "Tee": 9, "Blouse": 8, "Shorts": 7, "Sweater": 6, "Skirt": 6, "Jacket": 5,
          "Jeans": 5, "Cardigan": 5, "Romper": 4, "Hoodie": 4, "Blazer": 4, "Jumpsuit": 3,
          "Coat": 3, "Button-Down": 3, "Parka": 3, "Bomber": 2, "Halter": 2, "Peacoat": 2,
          "Anorak": 2}
MIN_ITEMS = 3  # a class needs one for each split
MIN_PICTURES, MAX_PICTURES = 4, 10  # of one item
MIN_IMAGES = len(SHARES) * MIN_ITEMS * MIN_PICTURES

FABRIC_WORDS = {
    "plain": ["Classic", "Woven", "Cotton", "Solid"], "sheer": ["Sheer", "Chiffon"],
    "leather": ["Faux_Leather", "Coated"], "stripes": ["Striped", "Multi-Stripe"],
    "pinstripe": ["Pinstriped", "Pinstripe"], "check": ["Plaid", "Gingham", "Checkered"],
    "tweed": ["Boucl&eacute;", "Tweed", "Marled"], "knit": ["Cable_Knit", "Ribbed", "Slub_Knit"],
    "denim": ["Denim", "Chambray", "Mineral_Wash"], "quilt": ["Quilted", "Padded"],
    "dots": ["Polka_Dot", "Dotted"], "floral": ["Floral", "Rose_Print", "Botanical"]}
MOODS = ["Relaxed", "Favorite", "Boxy", "Weekend", "Heathered", "Contrast", "Everyday",
         "Textured", "70s-Inspired", "Life_in_Color", "Black_&_Bright", "Effortless", "Faded"]


@dataclass(frozen=True)
class Item:
    """One garment of the shop."""

    index: int
    class_name: str
    directory: str
    numbers: tuple[int, ...]  # of its pictures, ascending, with gaps


def plan(images: int, seed: int) -> list[Item]:
    """Plans `images` (at least MIN_IMAGES) pictures over all classes."""
    rng = np.random.default_rng(seed)
    items: list[Item] = []
    taken: set[str] = set()
    for class_name, count in _pictures_per_class(images).items():
        for pictures in _pictures_per_item(count, rng):
            cut = draw_cut(class_name, item_rng(seed, len(items)))
            directory = _new_title(class_name, cut, taken, rng)
            numbers = np.cumsum(rng.integers(1, 5, pictures))
            items.append(Item(len(items), class_name, directory, tuple(numbers.tolist())))
    return items


def item_rng(seed: int, index: int, picture: int = 0) -> np.random.Generator:
    """The dice for one item's cut and fabrics, or for one of its pictures."""
    return np.random.default_rng([seed, index, picture])


def _pictures_per_class(images: int) -> dict[str, int]:
    """Everyone's minimum first, the rest by share; sums to `images`."""
    least = MIN_ITEMS * MIN_PICTURES
    rest = images - least * len(SHARES)
    steps = np.cumsum([0] + list(SHARES.values())) * rest // sum(SHARES.values())
    return {name: least + int(n) for name, n in sorted(zip(SHARES, np.diff(steps)))}


def _pictures_per_item(count: int, rng: np.random.Generator) -> list[int]:
    """Cuts a class's pictures into items of MIN_PICTURES to MAX_PICTURES."""
    items = max(MIN_ITEMS, round(2 * count / (MIN_PICTURES + MAX_PICTURES)))
    sizes = [MIN_PICTURES] * items
    while sum(sizes) < count:
        one = rng.integers(items)
        sizes[one] += sizes[one] < MAX_PICTURES
    return sizes


def _new_title(class_name: str, cut: Cut, taken: set[str], rng: np.random.Generator) -> str:
    """A directory name that is not taken yet; it ends with _<class>."""
    words = [rng.choice(FABRIC_WORDS[cut.fabric])]
    details = _detail_words(cut)
    if details:
        words.append(rng.choice(details))
    while (title := "_".join([*words, class_name])) in taken:
        words.insert(0, rng.choice(MOODS))
    taken.add(title)
    return title


def _detail_words(cut: Cut) -> list[str]:
    """What a shop would say about the cut; may hold another class's word (Halter-Neck)."""
    said = {
        "V-Neck": cut.neck == "v" and cut.top == "shoulder" and cut.collar in ("none", "rib"),
        "Hooded": cut.collar == "hood", "Faux_Fur-Trim": cut.collar == "fur_hood",
        "Tie-Neck": cut.collar == "bow", "Mock_Neck": cut.collar == "turtle",
        "Double-Breasted": cut.front == "double", "Zip-Front": cut.front == "zip",
        "Half-Zip": cut.front == "half_zip", "Ruffled-Front": cut.front == "ruffle",
        "Open-Front": cut.gap > 0, "Belted": cut.waist == "belt",
        "Drawstring": cut.waist == "drawstring", "Pleated": cut.pleats > 0,
        "Halter-Neck": cut.top == "halter", "Cami": cut.top == "straps",
        "Graphic": cut.graphic, "Pocket": cut.pockets == "chest",
        "Maxi": cut.hem > 1.3, "A-Line": cut.flare > 0.25,
        "Wide-Leg": cut.legs > 1.2 and cut.leg_half > 0.11,
        "Skinny": cut.legs > 1.2 and cut.leg_half < 0.065,
        "Long-Sleeved": cut.sleeve > 0.8 and cut.collar == "shirt"}
    return [word for word, holds in said.items() if holds]


def categories() -> list[tuple[str, int]]:
    """All rows of list_category_cloth: name and type (1 upper, 2 lower, 3 full body)."""
    lower = {"Jeans", "Shorts", "Skirt", "Chinos", "Joggers", "Leggings", "Sarong"}
    full = {"Coat", "Dress", "Jumpsuit", "Romper", "Cape", "Kimono", "Robe"}
    upper = {"Flannel", "Henley", "Poncho", "Tank", "Top", "Turtleneck"}
    upper |= set(CUTS) - lower - full
    return [(name, kind) for kind, names in enumerate((upper, lower, full), 1)
            for name in sorted(names)]
