"""Recognises data sets that are taken for DeepFashion's category benchmark, and says what to do."""
from collections.abc import Iterator
from pathlib import Path

ANNOTATION = ("Anno", "anno", "Anno_coarse", "")
AS_CSV = ("write a CSV with a row per garment's picture ({columns}) and read it with --source=csv "
          "--csv_file=FILE --source_dir={folder}")


def refuse(source_dir: Path) -> None:
    """Raises ValueError if `source_dir` is one of the benchmarks that another --source reads."""
    for name, cure in _known(source_dir):
        raise ValueError(f"{source_dir}: is {name}, not the Category and Attribute Prediction "
                         f"benchmark; {cure}")


def _known(root: Path) -> Iterator[tuple[str, str]]:
    def has(*names: str) -> bool:
        return any((root / folder / name).exists() for folder in ANNOTATION for name in names)

    parts = root / "Eval" / "list_eval_partition.txt"
    columns = parts.read_text(errors="replace")[:200].split() if parts.is_file() else []
    img = next((root / folder for folder in ("Img/img", "img/img", "img", "Img")
                if (root / folder).is_dir()), root)
    garments = {group: any((img / group).glob("*/id_*"))
                for group in ("WOMEN", "MEN", "CLOTHING", "DRESSES", "TOPS", "TROUSERS")}
    groups = [group for group, there in garments.items() if there]
    if has("list_item_inshop.txt", "list_bbox_inshop.txt") or garments["WOMEN"] or (
            garments["MEN"]) or columns[1:3] == ["image_name", "item_id"]:
        yield "DeepFashion's In-shop Clothes Retrieval benchmark", (
            "its folders are classes with a folder per garment: read them with --source=folder "
            f"--source_dir={img / (groups or ['WOMEN'])[0]} (or MEN)")
    if has("list_item_consumer2shop.txt", "list_bbox_consumer2shop.txt") or groups or (
            "image_pair_name_1" in columns):
        yield "DeepFashion's Consumer-to-shop Clothes Retrieval benchmark", (
            "its folders are classes with a folder per garment: read one group of them with "
            f"--source=folder --source_dir={img / (groups or ['CLOTHING'])[0]} (or "
            f"{', '.join(groups[1:]) or 'DRESSES, TOPS, TROUSERS'})")
    if has("list_joints.txt") or has("list_landmarks.txt") and any(img.glob("*.jpg")):
        yield "DeepFashion's Fashion Landmark Detection benchmark", (
            "it has no categories: take the Category and Attribute Prediction benchmark")
    if any((root / part / "annos").is_dir() for part in (".", "train", "validation")) or (
            (root / "json_for_validation").is_dir()):
        yield "DeepFashion2", AS_CSV.format(
            folder=root, columns="path, category_name, pair_id as the garment, bounding_box: from "
            "each file of annos/; it allows several garments in a picture, this program one")
    if has("shape/shape_anno_all.txt", "labels/shape/shape_anno_all.txt") or any(
            any((root / folder).glob("*MEN-*-id_*")) for folder in ("images", ".")):
        yield "DeepFashion-MultiModal", AS_CSV.format(
            folder=root / "images", columns="path, and from its name such as "
            "WOMEN-Dresses-id_00000002-02_1_front.jpg the category and the id as the garment")
