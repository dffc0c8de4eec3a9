"""The rows of a prediction become cards: whose category differs, what is unsure, in whose words."""
from PIL import Image

from fashionclf.curation import prediction_cards
from fashionclf.pictures.files import Picture

CLASSES = ["T-Shirt", "Dress"]


def row(path, name="T-Shirt", probability=0.9, *, check=False, error=None, **more):
    return {"path": path, "class": name, "probability": probability, "class_2": "Dress",
            "class_3": None, "error": error, "check": check, **more}


def made(tmp_path, rows, given=()):
    Image.new("RGB", (9, 6)).save(tmp_path / "a.png")
    pictures = [Picture(path=str(tmp_path / "a.png"), root="/") for _ in rows]
    return prediction_cards.cards(pictures, rows, given=given, classes=CLASSES)


def test_only_a_category_that_the_model_knows_can_differ_from_its_class(tmp_path):
    given = ["t-shirts", "dresses", "Kurtas", ""]
    cards, classes = made(tmp_path, [row(str(number)) for number in range(4)], given)
    assert [card.reasons for card in cards] == [(), ("differs from the CSV",), (), ()]
    assert prediction_cards.summary(cards, CLASSES) == (
        "of 4: 3 labelled, 1 to check. 1 have a category in the CSV that is not one of the model's "
        "classes, so it was not compared")

    # The model's classes in the shop's words, so that decisions fit its CSV
    assert classes == ["t-shirts", "dresses", "Kurtas"]
    assert [card.suggested for card in cards] == ["t-shirts"] * 4
    assert [card.label for card in cards] == ["t-shirts", "dresses", "Kurtas", "t-shirts"]
    assert cards[0].alternatives == ("dresses",)


def test_what_differs_comes_before_what_is_unsure_and_the_summary_counts_all(tmp_path):
    rows = [row("a", "Dress", 0.4, check=True), row("b"), row("c", outlier=True),
            row("d", None, None, error="empty file", check=True) | {"class_2": None}, row("e")]
    cards, _ = made(tmp_path, rows, ["Dress", "Dress", "", "", "T-Shirt"])
    assert [card.reasons for card in cards] == [
        ("unsure: 0.40",), ("differs from the CSV",), ("may show no garment",), (), ()]
    assert sorted(cards, key=lambda card: -card.priority)[0].path == "b"
    assert cards[3].error == "empty file" and cards[3].label is None
    assert prediction_cards.summary(cards, CLASSES) == "of 5: 1 labelled, 3 to check, 1 unreadable"
    assert len(cards[0].digest) == 64 and cards[0].pixels().shape == (6, 9, 3)


def test_pictures_to_label_next_come_before_all_others_in_their_order(tmp_path):
    rows = [row("a", "Dress", 0.1, check=True, outlier=True), row("b", next=2), row("c", next=None),
            row("d", next=1)]
    cards, _ = made(tmp_path, rows, ["T-Shirt"] * 4)
    assert [card.path for card in sorted(cards, key=lambda card: -card.priority)][:3] == [
        "d", "b", "a"]
    assert cards[3].reasons == ("label next: number 1",) and cards[2].reasons == ()
    assert "; 2 to label next come first" in prediction_cards.summary(cards, CLASSES)
