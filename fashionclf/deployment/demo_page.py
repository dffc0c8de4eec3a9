"""The page, by Gradio, which brings its own fonts and scripts: no network is needed."""
import os
import tempfile
from pathlib import Path

from fashionclf.deployment.demo_looks import NAMED, Looker
from fashionclf.system import extras

MOST_BYTES = "20mb"  # of a dropped picture
NARROW = 300  # pixels; columns of a telephone stand below each other
# Similar pictures: two in a row or more, all in sight, with their captions in full
CSS = """
#similar .grid-container { grid-template-columns: repeat(auto-fill, minmax(min(45%, 250px), 1fr)) }
#similar .grid-wrap { height: auto; max-height: none }
#similar .caption-label { right: 0; bottom: 0; max-width: 100%; white-space: normal;
                          overflow-wrap: anywhere }
"""


def serve(looker: Looker, *, title: str, host: str, port: int) -> None:
    """Serves the page until it is interrupted.

    Raises:
        ValueError: Gradio isn't installed.
        OSError: the address is taken.
    """
    with tempfile.TemporaryDirectory() as folder:  # no dropped picture outlives the page
        os.environ |= {"GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False",
                       "HF_HUB_OFFLINE": "1"}

        page = build(looker, title)
        page.launch(server_name=host, server_port=port, share=False, quiet=True, ssr_mode=False,
                    max_file_size=MOST_BYTES, footer_links=[], prevent_thread_lock=True, css=CSS)
        print(f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}/  (Ctrl-C ends it)",
              flush=True)
        page.block_thread()


def build(looker: Looker, title: str):
    """Returns the page as gradio.Blocks; raises ValueError if Gradio isn't installed."""
    try:
        import gradio as gr
    except ImportError as error:
        raise ValueError(f"the page needs Gradio: {extras.install('demo')}") from error

    def look(file: str | None):
        if file is None:  # the picture was removed
            return None, None, []
        try:
            seen = looker.look(Path(file).read_bytes())
        except ValueError as error:
            raise gr.Error(f"This can't be used: {error}", print_exception=False) from error
        return seen.picture, seen.classes, seen.neighbours

    def heat_map(file: str | None):
        return looker.heat_map(Path(file).read_bytes()) if file else None

    with gr.Blocks(title="fashionclf", analytics_enabled=False) as page:
        gr.Markdown(f"## What garment is this?\nDrop a photograph of one garment; `{title}` "
                    "predicts its class.")
        dropped = gr.File(label="Photograph", height=120)
        with gr.Row():
            shown = [gr.Image(label="Photograph", interactive=False, height=360, buttons=[],
                              format="jpeg", min_width=NARROW),
                     gr.Label(label="Most probable classes", num_top_classes=NAMED,
                              min_width=NARROW)]
            where = gr.Image(label="Where it saw the first class (Grad-CAM)", interactive=False,
                             height=360, buttons=[], format="jpeg", min_width=NARROW)
        similar = gr.Gallery(label="Similar pictures", format="jpeg", buttons=[], height="auto",
                             object_fit="contain", elem_id="similar",
                             visible=looker.index is not None)
        answered = dropped.change(look, dropped, [*shown, similar], api_name="look")
        answered.success(heat_map, dropped, where, api_name="heat_map")
    return page
