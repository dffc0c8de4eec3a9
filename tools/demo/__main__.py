"""Opens a page on which a trained run can be tried: drop a picture, see what the model makes of it.

    python -m tools.demo --run=saved_models/fashion_b0

shows the five most probable classes with bars, where in the picture the model saw the first
(Grad-CAM), and, with --index of fashionclf.search, the pictures that look most alike. It needs
pip install 'fashionclf[demo]', no network, and is seen by this machine alone unless --host says
otherwise. Nothing is kept of the pictures. Ctrl-C ends it.
"""
from absl import flags

from fashionclf import cli

FLAGS = flags.FLAGS

flags.DEFINE_string("run", None, "Folder of a finished training, e.g. saved_models/fashion_b0.")
flags.DEFINE_string("index", None, "Folder that 'fashionclf.search build' wrote with this run "
                    "(default: no neighbours are shown).")
flags.DEFINE_string("host", "127.0.0.1", "Address to listen on; 0.0.0.0 lets the network in, which "
                    "has no password to pass.")
flags.DEFINE_integer("port", 7860, "Port to listen on.", lower_bound=1, upper_bound=65535)


def main(_: list[str]) -> None:
    from tools.demo import page
    from tools.demo.looking import Looker

    page.serve(Looker(FLAGS.run, FLAGS.index), title=FLAGS.run, host=FLAGS.host, port=FLAGS.port)


if __name__ == "__main__":
    flags.mark_flag_as_required("run")
    cli.run(main)
