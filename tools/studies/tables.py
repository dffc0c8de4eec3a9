"""What a study found: a CSV row a run, and a Markdown table of means over the seeds."""
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # --help of the tools stays quick
    import pandas as pd


def markdown(table: "pd.DataFrame") -> str:
    """Numbers with three digits after the point; what is missing is blank."""
    def cell(value) -> str:
        return "" if value != value else f"{value:.3f}" if isinstance(value, float) else str(value)
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    return "\n".join(lines + ["| " + " | ".join(map(cell, row)) + " |"
                              for row in table.itertuples(index=False)])


def over_seeds(rows: "pd.DataFrame", by: str, columns: list[str]) -> "pd.DataFrame":
    """"mean ± standard error" of `columns` over the seeds, a row each value of `by`."""
    groups = rows.groupby(by, sort=False)[columns]
    table = with_errors(groups.mean(), groups.sem()).reset_index()
    table.insert(1, "seeds", groups.size().to_list())
    return table


def gains(rows: "pd.DataFrame", by: str, column: str) -> "pd.Series":
    """By how much `column` is above that of the first value of `by`, over the seeds of both."""
    order = list(dict.fromkeys(rows[by]))
    by_seed = rows.pivot(index="seed", columns=by, values=column)[order]
    above = by_seed.sub(by_seed[order[0]], axis=0)
    return with_errors(above.mean().to_frame(), above.sem().to_frame(), "{:+.3f}")[0]


def with_errors(means: "pd.DataFrame", errors: "pd.DataFrame",
                form: str = "{:.3f}") -> "pd.DataFrame":
    """Texts; of one seed there is no error, and of none no mean."""
    return (means.map(lambda mean: form.format(mean) if mean == mean else "")
            + errors.map(lambda error: f" ± {error:.3f}" if error == error else ""))


def write(output: Path, name: str, rows: "pd.DataFrame", text: str) -> None:
    """`name`.csv with all rows and `name`.md, and prints the latter."""
    from fashionclf.system import tables

    tables.write(rows, output / f"{name}.csv")
    (output / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}\n", flush=True)
