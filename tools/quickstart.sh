#!/usr/bin/env bash
# From nothing to a trained, evaluated garment classifier on a generated sample, and to
# predictions of the released model:
#
#     bash tools/quickstart.sh
#
# installs fashionclf into .venv (2.8 GB, most of it TensorFlow; minutes), from a package
# registry. Then, in about two minutes on two CPU cores, it
#
#     draws 1,200 pictures           data/sample                       25 MB
#     writes them as records         data/sample_records               22 MB
#     trains and evaluates           saved_models/quickstart          155 MB
#                                    data/sample_records.trunk_cache   59 MB
#     predicts with the released model
#
# Running it again keeps what exists.
set -euo pipefail
started_in=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/setup_venv.sh
case "${1-}" in
    '') ;;
    -h | --help) opening_comment tools/quickstart.sh; exit ;;
    *) die "unknown argument '$1'; the quick start takes none (--help explains it)" ;;
esac
setup_venv ''

SAMPLE=data/sample
RECORDS=$(sed -n 's/^--records=//p' configs/records_sample.cfg)
RUN=saved_models/quickstart
SECONDS=0

if [ -d "$SAMPLE" ]; then
    echo "== 1/5 The sample exists: $SAMPLE"
else
    echo "== 1/5 Drawing a sample of garments in DeepFashion's layout: $SAMPLE"
    python -m tools.make_sample_data --output="$SAMPLE" --images=1200
fi

if [ -d "$RECORDS" ]; then
    echo "== 2/5 The records exist: $RECORDS"
else
    echo "== 2/5 Auditing and splitting the sample, writing TFRecords: $RECORDS"
    python -m fashionclf.build_tfrecords --flagfile=configs/records_sample.cfg
fi

echo "== 3/5 Fine-tuning the released model's trunk in two phases: $RUN"
python -m fashionclf.train --flagfile=configs/quickstart.cfg

echo "== 4/5 Its accuracy on test pictures of items it has never seen"
python - "$RUN/report/metrics.json" <<'PYTHON'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    metrics = json.load(file)
print(f"test accuracy      {metrics['top1']:.3f}")
print(f"majority baseline  {metrics['majority_baseline']:.3f}  (always predicting the most frequent class)")
PYTHON

echo "== 5/5 Predictions of the released model (trained on real photographs) for some drawings"
pictures=()
for class in Dress Hoodie Shorts Skirt Tee; do
    directories=("$SAMPLE"/img/*_"$class")
    files=("${directories[0]}"/*.jpg)
    pictures+=("${files[0]}")
done
python -m fashionclf.predict --run=saved_models/fashion_b0 --output=- "${pictures[@]}"

echo
echo "Done in $((SECONDS / 60)) min $((SECONDS % 60)) s, installation aside."
echo
echo "Commands that work in this shell now:"
[ "$started_in" = "$PWD" ] || printf '  cd %q\n' "$PWD"
cat <<COMMANDS
  .venv/bin/fashionclf predict --output=labels.csv $SAMPLE/img
  .venv/bin/tensorboard --logdir=$RUN/tb --window_title=quickstart
  source .venv/bin/activate
The first labels pictures: name a folder of your own. After the last, the README's commands work as
they are written. The report is $RUN/report/report.html.
COMMANDS
