"""Measures a label page in Chromium: its size, the time until it answers, and whether it stalls.

    python -m tools.benchmark.label_page --pictures=data/catalogue/images

writes a page of --count pictures, one in twenty with a reason to look, opens it from the disk,
makes decisions by keys and scrolls from its top to its end. This is done in a window like a
laptop's, then in one like a phone's, for which Chromium slows the processor down by --slowdown.
"answers" is the time from opening the file to the first picture that a key decided on. During a
task the page answers nothing. Needs the extra dev and Chromium.
"""
import functools
import itertools
import shutil
import tempfile
import time
from pathlib import Path

from absl import flags

from fashionclf import cli
from tools import markdown

FLAGS = flags.FLAGS

cli.path_flag("pictures", None, "Folder of pictures, repeated if they are fewer than --count.")
flags.DEFINE_integer("count", 10_000, "Pictures on the page.", lower_bound=1)
flags.DEFINE_float("slowdown", 4.0, "How many times slower the phone's processor is.",
                   lower_bound=1.0)
flags.DEFINE_integer("decisions", 20, "Decisions by keys.", lower_bound=1)

CLASSES = [f"class {number}" for number in range(20)]
WINDOWS = {"laptop": (1400, 900), "phone": (400, 800)}  # pixels
LONG_TASKS = """
  window.tasks = [];
  new PerformanceObserver(list => tasks.push(...list.getEntries().map(task => task.duration)))
    .observe({type: "longtask", buffered: true});
"""
SCROLL = """async () => {
  const frames = [];
  let before = performance.now();
  for (let at = 0; at <= 300; at += 1) {  // a flick of the whole page, then in steps of a window
    scrollTo(0, at < 100 ? document.body.scrollHeight * at / 100 : innerHeight * (at - 100));
    await new Promise(requestAnimationFrame);
    frames.push(performance.now() - before);
    before = performance.now();
  }
  return Math.max(...frames);
}"""


def main(_: list[str]) -> None:
    from playwright import sync_api

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "labels.html"
        start = time.monotonic()
        write(file)
        print(f"{FLAGS.count:,} pictures: written in {time.monotonic() - start:.0f} s, "
              f"{file.stat().st_size / 1e6:.1f} MB")

        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"),
                                                 args=["--no-sandbox"])
            rows = [measured(browser, file, name) for name in WINDOWS]
    print(markdown.table(["window", "answers, s", "all read, s", "longest task, ms: opening",
                          "deciding", "scrolling", "longest frame, ms", "memory, MB"], rows))


def write(file: Path) -> None:
    """Writes a page of --count pictures of --pictures."""
    from fashionclf.curation import page
    from fashionclf.curation.cards import Card
    from fashionclf.pictures import files as picture_files
    from fashionclf.pictures import reading
    from fashionclf.system import files

    pictures, _ = picture_files.find([FLAGS.pictures])
    repeated = itertools.islice(itertools.cycle(pictures), FLAGS.count)
    cards = [Card(path=picture.path, digest=files.digest(picture.path.encode()),
                  pixels=functools.partial(reading.pixels_or_reason, picture),
                  given=CLASSES[number % 20], suggested=CLASSES[number % 19],
                  probability=number % 97 / 97, alternatives=(CLASSES[number % 17],),
                  reasons=("unsure: 0.5",) if number % 20 == 0 else ())
             for number, picture in enumerate(repeated)]
    page.write(file, cards, title="Benchmark", classes=CLASSES, summary=f"of {len(cards):,}")


def measured(browser, file: Path, name: str) -> list[str]:
    """Opens the page in a window; returns a row of the table."""
    width, height = WINDOWS[name]
    tab = browser.new_page(viewport={"width": width, "height": height})
    tab.add_init_script(LONG_TASKS)
    session = tab.context.new_cdp_session(tab)
    session.send("Performance.enable")
    if name == "phone":
        session.send("Emulation.setCPUThrottlingRate", {"rate": FLAGS.slowdown})

    start = time.monotonic()
    tab.goto(file.as_uri(), wait_until="commit")
    tab.locator(".card img").first.wait_for()
    tab.keyboard.press("y")
    tab.locator(".card.right").first.wait_for()
    answers = time.monotonic() - start
    tab.wait_for_load_state("load")
    loaded, opening = time.monotonic() - start, longest(tab)

    for _ in range(FLAGS.decisions):
        tab.keyboard.press("y")
    tab.wait_for_timeout(500)
    deciding = longest(tab)
    frame = tab.evaluate(SCROLL)
    tab.wait_for_timeout(500)
    metrics = {each["name"]: each["value"]
               for each in session.send("Performance.getMetrics")["metrics"]}
    row = [f"{name}, {width} x {height}", f"{answers:.1f}", f"{loaded:.1f}", opening, deciding,
           longest(tab), f"{frame:.0f}", f"{metrics['JSHeapUsedSize'] / 1e6:.0f}"]
    tab.close()
    return row


def longest(tab) -> str:
    """Returns the duration in ms of the longest task since the last call."""
    return f"{tab.evaluate('Math.max(0, ...tasks.splice(0))'):.0f}"


if __name__ == "__main__":
    flags.mark_flag_as_required("pictures")
    cli.run(main)
