"""Opens a page in the browser to try a trained run: drop a picture, see its predicted classes.

    fashionclf demo

shows the five most probable classes of the released model with bars, where in the picture it saw
the first one (Grad-CAM) and, with --index of fashionclf.search, the most similar pictures. --run
names another model. Needs the extra demo and no network. Only this machine can open the page,
unless --host allows others. No picture is kept. Ctrl-C ends it.
"""
from absl import flags

from fashionclf import cli
from fashionclf.system import packaged

FLAGS = flags.FLAGS

cli.define_model_flags(batch_size=False)
cli.path_flag("index", None, "Folder of 'fashionclf.search build' for this run (default: no "
              "similar pictures are shown).")
flags.DEFINE_string("host", "127.0.0.1", "Address to listen on; 0.0.0.0 opens the page to the "
                    "network, without a password.")
flags.DEFINE_integer("port", 7860, "Port to listen on.", lower_bound=1, upper_bound=65535)


def main(_: list[str]) -> None:
    with cli.loading():
        from fashionclf.deployment import demo_page
        from fashionclf.deployment.demo_looks import Looker

    looker = Looker(FLAGS.run, FLAGS.index, engine=FLAGS.engine)
    demo_page.serve(looker, title=packaged.name(FLAGS.run), host=FLAGS.host, port=FLAGS.port)


if __name__ == "__main__":
    cli.run(main)
