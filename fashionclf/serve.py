"""Answers requests with pictures over HTTP.

    fashionclf serve
    curl --data-binary @photo.jpg http://127.0.0.1:8000/predict

labels photographs by the released model; --run names another one. /predict/batch takes several
pictures in a form, /docs explains all paths, /healthz and /metrics are for who runs it. Needs the
extra serve and no network. Only this machine can connect, unless --host allows others, who then
need a token. No picture is kept. Ctrl-C or SIGTERM answers what is in flight and ends it;
docs/serve.md has the rest.
"""
import dataclasses
import ipaddress
import os
from pathlib import Path

from absl import flags

from fashionclf import cli
from fashionclf.pictures import headers
from fashionclf.serving.server_limits import Limits
from fashionclf.system import extras, packaged

FLAGS = flags.FLAGS
TOKEN = "FASHIONCLF_TOKEN"  # variable of the environment
MIN_TOKEN = 16  # characters

# Model
cli.define_model_flags(batch_size=False)
flags.DEFINE_integer("max_batch", 8, "Waiting pictures that are predicted together.", lower_bound=1)
# Address
flags.DEFINE_string("host", "127.0.0.1", "Address to listen on; 0.0.0.0 is all of this machine's.")
flags.DEFINE_integer("port", 8000, "Port to listen on; 0 takes a free one.", lower_bound=0,
                     upper_bound=65535)
cli.path_flag("token_file", None, "File with the token that requests must have (default: the "
              f"variable {TOKEN}); any --host but this machine alone needs one.")
# Limits
flags.DEFINE_integer("max_picture_bytes", Limits.max_picture_bytes, "Bytes of a picture.",
                     lower_bound=1)
flags.DEFINE_integer("max_request_bytes", Limits.max_request_bytes, "Bytes of the body of a "
                     "request.", lower_bound=1)
flags.DEFINE_integer("max_waiting_bytes", Limits.max_waiting_bytes, "Bytes of all requests that "
                     "are not answered yet.", lower_bound=1)
flags.DEFINE_integer("max_pixels", Limits.max_pixels, "Width x height of a picture.",
                     lower_bound=1, upper_bound=headers.MAX_PIXELS)
flags.DEFINE_integer("max_pictures", Limits.max_pictures, "Pictures of a request.", lower_bound=1)
flags.DEFINE_integer("max_waiting", Limits.max_waiting, "Pictures of all requests that are not "
                     "answered yet.", lower_bound=1)
flags.DEFINE_integer("max_connections", Limits.max_connections, "Connections of all clients.",
                     lower_bound=1)
flags.DEFINE_float("receive_s", Limits.receive_s, "Seconds to send the headers of a request, and "
                   "again its body.", lower_bound=0.1)
flags.DEFINE_float("answer_s", Limits.answer_s, "Seconds to predict the pictures of a request.",
                   lower_bound=0.1)
flags.DEFINE_integer("grace_s", 30, "Seconds to answer what is in flight at a stop.",
                     lower_bound=1)
# Log
flags.DEFINE_boolean("access_log", False, "Print a line for each request on standard output.")


def main(_: list[str]) -> None:
    extras.require("serve", ["fastapi", "fastapi_offline", "uvicorn", "prometheus_client",
                             "python_multipart"], purpose="serve")
    word = token()
    with cli.loading():
        from fashionclf.deployment import engines
        from fashionclf.serving import server, server_app

    # A taken port is reported before the model is loaded.
    taken = server.bound(FLAGS.host, FLAGS.port)
    engine, model = engines.load(FLAGS.run, FLAGS.engine), packaged.name(FLAGS.run)
    limits = Limits(**{field.name: FLAGS[field.name].value
                       for field in dataclasses.fields(Limits)})
    app = server_app.build(engine, limits, model=model, token=word, max_batch=FLAGS.max_batch)
    running = server.Server(app, limits, grace_s=FLAGS.grace_s, access_log=FLAGS.access_log)

    print(f"{server.url(taken)} serves {model} by {engine.name} (docs at /docs; Ctrl-C ends it)",
          flush=True)
    server.until_signalled(running, taken)


def token() -> str | None:
    """The token that requests must have, or None.

    Raises:
        ValueError: it is too short, or --host needs one and there is none.
    """
    if FLAGS.token_file:
        place, word = FLAGS.token_file, Path(FLAGS.token_file).read_text(encoding="ascii").strip()
    else:
        place, word = TOKEN, os.environ.get(TOKEN)
        if not word:
            if not is_loopback(FLAGS.host):
                raise ValueError(
                    f"--host={FLAGS.host} opens the server to others, who then need a token: "
                    f"write one to a file for --token_file, or to the variable {TOKEN} "
                    "('openssl rand -hex 32' makes one)")
            return None
    if len(word) < MIN_TOKEN or not word.isascii() or any(map(str.isspace, word)):
        raise ValueError(f"{place}: a token has at least {MIN_TOKEN} ASCII characters and no blank")
    return word


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":
    cli.run(main)
