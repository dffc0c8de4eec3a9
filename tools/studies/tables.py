"""The results of a study: a CSV row per run, and a Markdown table of means over seeds."""
from pathlib import Path
from typing import TYPE_CHECKING

from tools import markdown as markdown_tables

if TYPE_CHECKING:  # --help of the studies stays quick
    import pandas as pd


def markdown(table: "pd.DataFrame") -> str:
    return markdown_tables.table(table.columns, table.itertuples(index=False))


def over_seeds(rows: "pd.DataFrame", by: str, columns: list[str]) -> "pd.DataFrame":
    """Returns "mean ± standard error" of `columns` over the seeds, a row per value of `by`."""
    groups = rows.groupby(by, sort=False)[columns]
    table = with_errors(groups.mean(), groups.sem()).reset_index()
    table.insert(1, "seeds", groups.size().to_list())
    return table


def gains(rows: "pd.DataFrame", by: str, column: str) -> "pd.Series":
    """Returns how far `column` is above that of the first value of `by`, paired by seed."""
    order = list(dict.fromkeys(rows[by]))
    by_seed = rows.pivot(index="seed", columns=by, values=column)[order]
    above = by_seed.sub(by_seed[order[0]], axis=0)
    return with_errors(above.mean().to_frame(), above.sem().to_frame(), "{:+.3f}")[0]


def with_errors(means: "pd.DataFrame", errors: "pd.DataFrame",
                form: str = "{:.3f}") -> "pd.DataFrame":
    """Returns texts; one seed has no error, none has no mean."""
    return (means.map(lambda mean: form.format(mean) if mean == mean else "")
            + errors.map(lambda error: f" ± {error:.3f}" if error == error else ""))


def write(output: Path, name: str, rows: "pd.DataFrame", text: str) -> None:
    """Writes `name`.csv with all rows and `name`.md, and prints the latter."""
    from fashionclf.system import tables

    tables.write(rows, output / f"{name}.csv")
    (output / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}\n", flush=True)
