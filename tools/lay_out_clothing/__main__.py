"""Lays out the photographs of alexeygrigorev/clothing-dataset as configs/records_*.cfg read them.

    git clone https://github.com/alexeygrigorev/clothing-dataset data/clothing-dataset
    python -m tools.lay_out_clothing --source_dir=data/clothing-dataset \
        --output=data/clothing_cc0 --senders=configs/senders_fashion_b0.csv

The photographs are in the public domain (CC0). The output has DeepFashion's layout, with a folder
per sender and class: img/Sender_<id>_<Class>/img_<number>.jpg, upright, at most 300 pixels long,
and the lists in Anno_coarse/. pictures.csv has a row for each picture of the source, with its new
path or the reason why it is left out.

The released model and all figures on "the 4,097 photographs" come from the 276 senders that
--senders names here. The other senders were kept back. With this file, expect 4,097 pictures in 17
classes. A split by sender then has the same pictures as ours, but not the same bytes: pictures are
encoded anew. Their numbers follow images.csv and may differ from ours, so --max_per_class and a
random split draw other pictures. Without --senders, all senders are laid out, and splits and
figures differ.

alexeygrigorev/clothing-dataset-small names no senders; build_tfrecords --source=folder reads it as
it is.
"""
from pathlib import Path

from absl import flags

from fashionclf import cli
from fashionclf.system import files

FLAGS = flags.FLAGS

cli.path_flag("source_dir", None, "Checkout of alexeygrigorev/clothing-dataset, with images.csv "
              "and images/.")
cli.path_flag("senders", None, "CSV with a column sender_id: the senders to lay out (default: "
              "all).")
cli.path_flag("output", None, "Folder to write; it must not exist.")


def main(_: list[str]) -> None:
    source, output = Path(FLAGS.source_dir), Path(FLAGS.output)
    cli.require_file(source / "images.csv", "--source_dir takes a checkout of "
                     "alexeygrigorev/clothing-dataset")
    cli.require_file(FLAGS.senders, "--senders takes a CSV with the column sender_id")
    files.refuse_existing(output, flag="--output")

    from fashionclf.sources import categories
    from tools.lay_out_clothing import photographs

    with files.staging(output, flag="--output") as staged:
        rows = photographs.read(source, FLAGS.senders)
        rows = photographs.lay_out(rows, source, staged)

    used, left_out = rows[rows["path"] != ""], rows[rows["path"] == ""]
    print(f"{output}: {len(used):,} pictures of {used['sender_id'].nunique():,} senders in "
          f"{used['label'].nunique()} classes")
    print(categories.counts_text("left out, see pictures.csv", left_out["reason"]))


if __name__ == "__main__":
    flags.mark_flags_as_required(["source_dir", "output"])
    cli.run(main)
