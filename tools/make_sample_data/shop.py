"""What the shop sells: how many pictures of which items, and what the items are called."""
from dataclasses import dataclass

import numpy as np

# How often a class occurs: unevenly, as in a shop.
SHARES = {"Dress": 10, "Tee": 9, "Blouse": 8, "Shorts": 7, "Sweater": 6, "Skirt": 6, "Jacket": 5,
          "Jeans": 5, "Cardigan": 5, "Romper": 4, "Hoodie": 4, "Blazer": 4, "Jumpsuit": 3,
          "Coat": 3, "Button-Down": 3, "Parka": 3, "Bomber": 2, "Halter": 2, "Peacoat": 2,
          "Anorak": 2}
MIN_ITEMS = 3  # a class needs one for each split
MIN_PICTURES, MAX_PICTURES = 4, 10  # of one item
MIN_IMAGES = len(SHARES) * MIN_ITEMS * MIN_PICTURES

# The benchmark's directories have such signs, and other classes' names, in theirs too.
WORDS = ["Relaxed", "Favorite", "Boxy", "Weekend", "Everyday", "70s-Inspired", "Day_&_Night",
         "Life_in_Color", "Caf&eacute;", "Coat_Check", "Tee-Length", "Effortless"]


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
    for class_name, count in _pictures_per_class(images).items():
        for pictures in _pictures_per_item(count, rng):
            directory = f"{rng.choice(WORDS)}_{class_name}"
            while directory in {item.directory for item in items}:
                directory = f"{rng.choice(WORDS)}_{directory}"

            numbers = np.cumsum(rng.integers(1, 5, pictures))
            items.append(Item(len(items), class_name, directory, tuple(numbers.tolist())))
    return items


def item_rng(seed: int, index: int, picture: int = 0) -> np.random.Generator:
    """Returns the dice for one item's cut and fabric, or for one of its pictures."""
    return np.random.default_rng([seed, index, picture])


def _pictures_per_class(images: int) -> dict[str, int]:
    """Gives each class its minimum and shares out the rest; sums to `images`."""
    least = MIN_ITEMS * MIN_PICTURES
    rest = images - least * len(SHARES)
    steps = np.cumsum([0] + list(SHARES.values())) * rest // sum(SHARES.values())
    return {name: least + int(n) for name, n in sorted(zip(SHARES, np.diff(steps)))}


def _pictures_per_item(count: int, rng: np.random.Generator) -> list[int]:
    """Cuts a class's pictures into items of MIN_PICTURES to MAX_PICTURES."""
    items = max(MIN_ITEMS, round(2 * count / (MIN_PICTURES + MAX_PICTURES)))
    sizes = [MIN_PICTURES] * items
    while sum(sizes) < count:
        item = rng.integers(items)
        sizes[item] += sizes[item] < MAX_PICTURES
    return sizes


def categories() -> list[tuple[str, int]]:
    """Returns all rows of list_category_cloth: name and type (1 upper, 2 lower, 3 full body)."""
    lower = {"Jeans", "Shorts", "Skirt", "Chinos", "Joggers", "Leggings", "Sarong"}
    full = {"Coat", "Dress", "Jumpsuit", "Romper", "Cape", "Kimono", "Robe"}
    upper = set(SHARES) - lower - full | {"Flannel", "Henley", "Poncho", "Tank", "Turtleneck"}
    types = enumerate((upper, lower, full), 1)
    return [(name, number) for number, names in types for name in sorted(names)]
