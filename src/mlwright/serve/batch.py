"""Predict for a file of rows of any size, in the input's order; what was killed goes on.

The input is read in pieces, a piece is scored in a thread of its own, and the pieces are written in
order. Once a second it is noted how far the output is, beside the output; the next run with the
same input, model and choices continues there, and its output is the same to the byte.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlwright import __version__
from mlwright.bundle.bundle import Bundle
from mlwright.bundle.trust import NOTHING, Trust
from mlwright.core.errors import DataError, MlwrightError
from mlwright.serve.scoring import Scored, Scorer
from mlwright.serve.unfinished import unfinished

if TYPE_CHECKING:
    import polars as pl

    from mlwright.data.growing import Growing
    from mlwright.data.pieces import Piece, Pieces
    from mlwright.data.sources import File

STANDARD = Path("-")
_NOTED_EVERY = 1.0
_LISTED = 5

Progress = Callable[[float, int], None]
"""Takes the share of the input that is done, and the rows."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What was predicted; `rows` counts those in the output, `resumed` those of a former run.

    `skipped` rows did not fit the model, and are listed in `problems`.
    """

    rows: int
    skipped: int
    resumed: int
    output: Path
    problems: Path | None
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the documented keys."""
        return {
            "rows": self.rows,
            "skipped": self.skipped,
            "resumed": self.resumed,
            "output": str(self.output),
            "problems": str(self.problems) if self.problems else None,
            "seconds": round(self.seconds, 3),
        }


def predict_file(
    bundle: Path,
    source: Path,
    output: Path,
    *,
    model_version: int = 0,
    keep: Sequence[str] | None = None,
    skip_bad: bool = False,
    trust: Trust = NOTHING,
    say: Callable[[str], None] = lambda _: None,
    progress: Progress = lambda _share, _rows: None,
) -> Batch:
    """Write the rows of `source` with their predictions (see `Scorer.score`).

    Memory does not grow with the table: a few pieces of some megabytes are held.

    Args:
        bundle: the model.
        source: a file or folder of CSV, Parquet or JSON lines; `-` is standard input.
        output: .csv, .jsonl (both also with .gz) or .parquet; `-` is standard output, which gets
            JSON lines for JSON lines, else CSV.
        model_version: what to write beside each prediction.
        keep: the columns of the input to keep, by default all.
        skip_bad: leave out rows that do not fit, and list them in a file beside the output.
        trust: what the user lets a model do.
        say: takes a line for each thing that was assumed.
        progress: is told how far it is.

    Raises:
        SignatureError: columns are missing or do not fit the model.
        DataError: a row does not fit the model, or a file cannot be read or written.
        Busy: another process writes the output.
    """
    from mlwright.data.growing import ending_of, to_standard_output
    from mlwright.data.pieces import Pieces
    from mlwright.data.sources import opened

    started = time.monotonic()
    ending = "" if output == STANDARD else ending_of(output)
    if output != STANDARD and output.resolve() == source.resolve():
        raise DataError(f"{output} is the input too", hint="name another --output")
    if output == STANDARD and skip_bad:
        raise DataError(
            "rows that do not fit are listed beside the output, and standard output has no place",
            hint="name an --output file",
        )
    model = Bundle.open(bundle, trust=trust)
    with _local(source) as place, opened(place, say=say) as files:
        pieces = Pieces(files, say=say)
        if output == STANDARD:
            ending = ".jsonl" if files[0].format == "JSON lines" else ".csv"
        scorer = Scorer(
            model,
            pieces,
            model_version=model_version,
            keep=keep,
            text_only=ending.startswith(".csv"),
        )
        run = _Run(scorer, pieces, source, skip_bad, progress)
        if output == STANDARD:
            run.write(to_standard_output(ending), None, {}, lambda _: None)
            return Batch(run.rows, 0, 0, output, None, time.monotonic() - started)
        task = {
            "version": __version__,
            "bundle": model.hash,
            "model_version": model_version,
            "table_runtime": scorer.runtime,
            "input": [_identity(file) for file in files],
            "keep": None if keep is None else list(keep),
            "skip_bad": skip_bad,
            "ending": ending,
        }
        resumed = _to_file(run, output, ending, task, say)
    problems = _problems_path(output) if run.skipped else None
    seconds = time.monotonic() - started
    return Batch(run.rows, run.skipped, resumed, output, problems, seconds)


def _to_file(
    run: _Run, output: Path, ending: str, task: dict[str, Any], say: Callable[[str], None]
) -> int:
    """Write the output and put it in its place, and return how many rows a former run had done."""
    from mlwright.data.growing import growing

    with unfinished(output, task) as work:
        known = work.progress or {}
        resumed = int(known.get("rows", 0))
        if resumed:
            say(f"goes on after row {run.place_of(known).rows:,}, where a former run ended")
        try:
            with (
                closing(growing(ending, work.folder / "rows", known.get("table", {}))) as table,
                closing(
                    growing(".csv", work.folder / "problems", known.get("problems", {}))
                ) as bad,
            ):
                run.write(table, bad, known, work.save)
                problems = _problems_path(output)
                if run.skipped:
                    bad.finish(problems)
                else:
                    problems.unlink(missing_ok=True)  # of a former output of this name
                table.finish(output)
        except OSError as exc:
            raise DataError(f"{output}: cannot be written: {exc.strerror or exc}") from exc
        except MlwrightError:
            work.remove()
            raise
        work.remove()
    return resumed


class _Run:
    """One way through a table."""

    def __init__(
        self, scorer: Scorer, pieces: Pieces, source: Path, skip_bad: bool, progress: Progress
    ) -> None:
        self._scorer = scorer
        self._pieces = pieces
        self._name = "standard input" if source == STANDARD else str(source)
        self._skip_bad = skip_bad
        self._progress = progress
        self.rows = 0
        self.skipped = 0

    def place_of(self, known: dict[str, Any]) -> Any:
        from mlwright.data.cutting import Place

        return Place(**known["place"]) if known else Place()

    def write(
        self,
        table: Growing,
        bad: Growing | None,
        known: dict[str, Any],
        save: Callable[[dict[str, Any]], None],
    ) -> None:
        self.rows, self.skipped = known.get("rows", 0), known.get("skipped", 0)
        noted = time.monotonic()
        for piece, scored in self._scored(self.place_of(known)):
            self._refuse(scored.bad)
            if bad is not None and scored.bad.height:
                bad.add(scored.bad)
            table.add(scored.table)
            self.rows += scored.table.height
            self.skipped += piece.table.height - scored.table.height
            self._progress(piece.share, piece.end.rows)
            if time.monotonic() - noted > _NOTED_EVERY:
                save(
                    {
                        "place": piece.end.to_json(),
                        "rows": self.rows,
                        "skipped": self.skipped,
                        "table": table.state(),
                        "problems": bad.state() if bad else {},
                    }
                )
                noted = time.monotonic()
        if self.rows + self.skipped == 0:
            raise DataError(
                f"{self._name} has column names but no rows", hint="give a file with rows"
            )

    def _scored(self, start: Any) -> Iterator[tuple[Piece, Scored]]:
        """Score pieces side by side, one a processor, and yield them in order."""
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
        waiting: deque[tuple[Piece, Future[Scored]]] = deque()
        with ThreadPoolExecutor(threads) as pool:
            try:
                for piece in self._pieces.read(start):
                    waiting.append((piece, pool.submit(self._scorer.score, piece)))
                    if len(waiting) > threads:
                        piece, future = waiting.popleft()
                        yield piece, future.result()
                for piece, future in waiting:
                    yield piece, future.result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _refuse(self, bad: pl.DataFrame) -> None:
        if self._skip_bad or not bad.height:
            return
        row = bad["row"][0]
        here = bad.filter(bad["row"] == row)
        listed = [f"{name} {why}" for name, why in here.select("column", "reason").rows()]
        more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
        raise DataError(
            f"{self._name}, row {row:,}: {'; '.join(listed[:_LISTED])}{more}",
            hint="mend that row, or leave such rows out with --on-error skip",
        )


def _problems_path(output: Path) -> Path:
    return output.with_name(f"{output.name}.problems.csv")


def _identity(file: File) -> list[Any]:
    found = file.path.stat()
    return [file.path.name, found.st_size, found.st_mtime_ns]


@contextlib.contextmanager
def _local(source: Path) -> Iterator[Path]:
    """Give the path of the input; standard input is kept in a file, for it is read twice."""
    if source != STANDARD:
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="mlwright-") as folder:
        spool = Path(folder) / "standard input"
        with spool.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield spool.rename(spool.with_name(f"input{_ending(spool)}"))


def _ending(path: Path) -> str:
    """Return the ending that fits the beginning of a file."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"PAR1"):
        return ".parquet"
    if head.startswith(b"\x1f\x8b"):
        import gzip

        with gzip.open(path) as unpacked:
            return ".jsonl.gz" if unpacked.read(64).lstrip().startswith(b"{") else ".csv.gz"
    return ".jsonl" if head.lstrip().startswith(b"{") else ".csv"
