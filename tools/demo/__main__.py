"""Opens a page in the browser to try a trained run: drop a picture, see its predicted classes.

    python -m tools.demo --run=saved_models/fashion_b0

shows the five most probable classes with bars, where in the picture the model saw the first one
(Grad-CAM) and, with --index of fashionclf.search, the most similar pictures. Needs
pip install 'fashionclf[demo]' and no network. Only this machine can open the page, unless --host
allows others. No picture is kept. Ctrl-C ends it.
"""
from absl import flags

from fashionclf import cli

FLAGS = flags.FLAGS

cli.path_flag("run", None, "Folder of a finished training, e.g. saved_models/fashion_b0.")
cli.path_flag("index", None, "Folder of 'fashionclf.search build' for this run (default: no "
              "similar pictures are shown).")
flags.DEFINE_string("host", "127.0.0.1", "Address to listen on; 0.0.0.0 opens the page to the "
                    "network, without a password.")
flags.DEFINE_integer("port", 7860, "Port to listen on.", lower_bound=1, upper_bound=65535)


def main(_: list[str]) -> None:
    from tools.demo import page
    from tools.demo.looking import Looker

    page.serve(Looker(FLAGS.run, FLAGS.index), title=FLAGS.run, host=FLAGS.host, port=FLAGS.port)


if __name__ == "__main__":
    flags.mark_flag_as_required("run")
    cli.run(main)
