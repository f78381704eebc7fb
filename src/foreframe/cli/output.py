"""Print the result of each command: what it wrote, and which command comes next."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..version import __version__
from .next_steps import (
    FirstTraining,
    as_given,
    command,
    empty_splits,
    free_folder,
    say_next,
    say_open,
    with_data,
)

if TYPE_CHECKING:
    from ..evaluation.results import Evaluation
    from ..metrics import Interval, Metric
    from ..planning import Planned
    from ..portable import Exported
    from ..reporting.experiment_results import ExperimentResult
    from ..reporting.run_comparison import RunComparison
    from ..training import TrainingResult, TrainingSummary
    from ..training.listing import RecipeSummary

Arguments = dict[str, Any]

_LISTED_CLIPS = 20
_TITLE, _SCORE, _METRICS_ABREAST, _WIDTH = 34, 20, 4, 96  # columns of a score table
_MANY = 0.05  # share of black or repeated frames from which on a warning is printed
_SPLITS = ("train", "validate", "test")


def made(store: Any, given: Arguments) -> None:
    of_split = {split: sum(e.split == split for e in store.episodes) for split in _SPLITS}
    counts = ", ".join(f"{count} {split}" for split, count in of_split.items())
    height, width, _ = store.frame_shape
    frames = sum(episode.length for episode in store.episodes)
    what = "wrote" if store.written_now else "is there already, and still matches its source:"
    print(
        f"{what} {store.path}: {_many(len(store.episodes), 'episode')} ({counts}), "
        f"{frames} frames of {height}x{width}"
    )
    notes = store.manifest["notes"]
    for line in _found(store.source, notes, store.frames_per_second):
        print(f"  {line}")
    _audit(notes)
    if skipped := notes.get("skipped"):
        print(f"  LEFT OUT {len(skipped)} bad episodes; the first: {skipped[0]}")
    roles = {column.role for column in store.columns.values()}
    first = FirstTraining.on(store.path, roles, store.longest_clip)
    notes_of_size, training = first.advice((height, width)) if of_split["train"] else ([], [])
    for line in (*empty_splits(of_split), *notes_of_size):
        print(f"  NOTE: {line}")
    say_next(command("data", "preview", store.path, f"{store.path}.png"), *training)


def _found(source: dict[str, Any], notes: dict[str, Any], rate: float | None) -> list[str]:
    """Describe what the import found, from the manifest of this version or an earlier one."""
    from ..data.sources.findings import Findings

    kept = notes.get("findings")
    lines = Findings.from_json(kept).lines() if kept else list(source.get("chosen", ()))
    if "files" in source:
        lines.insert(0, f"files of the source: {source['files']['count']}")
    if source.get("stride", 1) > 1:
        at = f", {rate:.4g} frames per second in the store" if rate else ""
        lines.append(f"stride: 1 of {source['stride']} frames is kept{at}")
    if source.get("size"):
        lines.append(
            f"pictures brought to {source['size'][0]}x{source['size'][1]} by area average, "
            f"other aspects: {source['fit']}"
        )
    return [*lines, *(f"NOTE: {warning}" for warning in notes.get("warnings", ()))]


def exported(count: int, given: Arguments) -> None:
    print(f"wrote {given['out']}: {count} episodes in the {given['format']} layout")
    again = free_folder(Path(f"{given['out']}-store"))
    say_next(command("data", "import", given["out"], again))


def validated(found: dict[str, Any], given: Arguments) -> None:
    for damage in found["damaged"]:
        print(damage)
    if found["damaged"]:
        raise InputError(
            f"{found['store']} is damaged in {len(found['damaged'])} places; make it again"
        )
    print(
        f"{found['store']}: {found['episodes']} episodes, {found['bytes'] / 1e6:.1f} MB, "
        "all as they were written, and the statistics are theirs"
    )


def inspected(found: dict[str, Any], given: Arguments) -> None:
    if given["json"]:
        print(json.dumps(found, indent=1))
        return
    frame, (shortest, longest) = found["frame"], found["frames_per_episode"]
    counts = ", ".join(f"{n} {split}" for split, n in found["episodes"].items())
    copied = ", ".join(
        f"{db} dB {n} frames on" for n, db in found["copy_last_psnr_db"].items() if db is not None
    )
    span = f"{shortest} to {longest} frames" if shortest < longest else f"{longest} frames"
    rate = f"{found['frames_per_second']:.4g}" if found["frames_per_second"] else "unknown number"
    print(f"{found['store']}  (content {found['content'][:12]}, {found['bytes'] / 1e6:.1f} MB)")
    source = found["source"]
    print(f"  source     {_source_in_words(source)}")
    for line in _found(source, found["notes"], found["frames_per_second"]):
        print(f"    {line}")
    print(f"  episodes   {counts}; {span} each, {found['frames']} in all")
    print(f"  frames     {frame['height']}x{frame['width']}x{frame['channels']}, {rate} per second")
    print(f"  copy-last  {copied or 'episodes are too short'}")
    for name, condition in found["conditions"].items():
        _condition(name, condition)
    print(f"  truth      {', '.join(found['truth']) or 'none'}")
    if found["targets"]:
        print(f"  targets    {', '.join(found['targets'])}: a head learns to predict them")
    if found["futures"]:
        fork = found["futures"]
        print(
            f"  futures    {fork['count']} true ones for each of {fork['episodes']} episodes, "
            f"{fork['frames']} frames from frame {fork['start']} on"
        )
    for name, share in found["change_explained"].items():
        if share is not None:
            print(
                f"  explained  {name} tells how much the picture changes "
                f"with a correlation of {share:.2f}"
            )
    _audit(found["notes"])
    for warning in _warnings(found):
        print(f"  NOTE       {warning}")
    roles = {condition["role"] for condition in found["conditions"].values()}
    first = FirstTraining.on(found["store"], roles, found["longest_clip"])
    notes, training = first.advice((frame["height"], frame["width"]))
    for line in (*empty_splits(found["episodes"]), *notes):
        print(f"  NOTE       {line}")
    say_next(*(training if found["episodes"]["train"] else ()))


def _many(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> _many(1, "clip"), _many(2, "clip")
    ('1 clip', '2 clips')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _source_in_words(source: dict[str, Any]) -> str:
    if "world" in source:
        return (
            f"world {source['world']}, {source.get('trajectories', '?')} trajectories, "
            f"seed {source.get('seed', '?')}"
        )
    form = f" ({source['format']})" if "format" in source else ""
    return f"{source.get('path', 'unknown')}{form}"


def _warnings(found: dict[str, Any]) -> list[str]:
    """Return warnings about data that would spoil training without an error."""
    warnings = []
    if found["black_frames"] > _MANY:
        warnings.append(
            f"{found['black_frames']:.0%} of the pictures are all but black: another --camera?"
        )
    if found["repeated_frames"] > _MANY:
        warnings.append(
            f"{found['repeated_frames']:.0%} of the pictures repeat the one before: "
            "import with a --stride?"
        )
    for group in found["duplicates"]:
        across = len({name.split("/")[0] for name in group}) > 1
        where = "ACROSS SPLITS: scores are worth nothing" if across else "in one split"
        warnings.append(
            f"{len(group)} episodes hold the same pictures, {where} ({', '.join(group[:3])})"
        )
    for name, condition in found["conditions"].items():
        for group in condition.get("duplicated", ()):
            warnings.append(f"columns of {name} are the same in every row: {', '.join(group)}")
        for label, turn in condition.get("wrapping", {}).items():
            warnings.append(
                f"{label} of {name} jumps by a turn ({turn:g}): an angle that wraps; "
                "--actions-as deltas goes round"
            )
        for quaternion in condition.get("flipping", ()):
            warnings.append(
                f"{quaternion[0]} ... {quaternion[-1]} of {name} change their sign "
                "while the turn stays: quaternions"
            )
        ids = condition.get("class_ids") if "path" in found["source"] else ()
        if ids:  # a world knows its own columns
            warnings.append(
                f"{', '.join(ids)} of {name} look like class ids: "
                f"import with --one-hot {' '.join(ids)}?"
            )
    for why in found["notes"].get("skipped", ())[:3]:
        warnings.append(f"left out: {why}")
    return warnings


def _condition(name: str, condition: dict[str, Any]) -> None:
    constant = condition.get("constant")
    print(
        f"  {condition['role']:<10} {name}"
        + (f"; constant: {', '.join(constant)}" if constant else "")
    )
    for column, v in condition.get("columns", {}).items():
        span = f"{v['low']:>10.4f} to {v['high']:>9.4f}"
        print(f"    {column:<26} {span}   mean {v['mean']:>9.4f}   std {v['std']:>8.4f}")


def _audit(notes: dict[str, Any]) -> None:
    for name, value in notes.get("audit", {}).items():
        print(f"  {name}: {value}")


def previewed(path: Path, given: Arguments) -> None:
    print(f"wrote {path}")
    say_next(command("data", "inspect", given["store"]))


def recipes_listed(found: list[RecipeSummary], given: Arguments) -> None:
    if given["json"]:
        print(json.dumps([recipe.to_dict() for recipe in found], indent=1))
        return
    width = max(len(recipe.name) for recipe in found)
    print(f"{'recipe':<{width}}  {'parameters':>11}  {'steps':>8}  {'time':>9}  score")
    for recipe in found:
        hours = "unknown" if recipe.hours is None else _hours(recipe.hours)
        by = f", protocol {recipe.protocol}" if recipe.protocol else ""
        print(
            f"{recipe.name:<{width}}  {recipe.parameters:>11,}  {recipe.steps:>8,}  {hours:>9}  "
            f"{recipe.score or 'none yet'}{by}"
        )
        text = textwrap.fill(recipe.about, _WIDTH, initial_indent="    ", subsequent_indent="    ")
        print(text)
    print(f"times: {found[0].hours_from}", end="")
    print("" if given["measure"] else "; --measure measures a step of each here")


def _hours(hours: float) -> str:
    """Return a time in its usual unit.

    >>> _hours(0.2), _hours(5.04), _hours(566.8)
    ('12 min', '5.0 h', '24 days')
    """
    if hours < 1:
        return f"{60 * hours:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.0f} days"


def trained(result: TrainingResult, given: Arguments) -> None:
    out, data = given["out"], given["data"]
    if given["dry_run"]:
        _planned(result.summary)
        return
    if result.rank:
        return  # one process speaks for all
    best = "not validated, so the last weights are the model"
    if result.best_crps is not None:
        best = f"best validation CRPS {result.best_crps:.4f} ({result.best_psnr:.2f} dB)"
    print(f"wrote {out}: {result.steps} steps; {best}")
    if result.skipped_steps:
        print(f"  {result.skipped_steps} steps were not finite and were skipped")
    scored = with_data(data)
    say_next(command("eval", out, *scored), command("sample", out, *scored), command("report", out))


def _planned(summary: TrainingSummary) -> None:
    import yaml

    print(yaml.safe_dump(summary.to_dict(), sort_keys=False), end="")
    for line in summary.advice:
        print(f"NOTE: {line}")
    print(
        f"a dry run, nothing was written: {summary.parameters:,} parameters, "
        f"frames {list(summary.frame)}, conditions {list(summary.condition)}"
    )


def evaluated(result: Evaluation, given: Arguments) -> None:
    from ..evaluation.evaluating import result_file

    if result.submission:
        print(f"wrote {result.submission}: one row per frame, given frames included")
    if not result.clips:
        print("the frames are withheld: nothing was scored")
        return
    run = given["run"]
    _in_turn_under_protocols(result, given["out"], lambda *of: result_file(run, *of))
    chosen = as_given({**given, "protocol": result.protocol.name}, "split", "protocol")
    say_next(command("sample", run, "--data", given["data"], *chosen), command("report", run))


def predictions_evaluated(result: Evaluation, given: Arguments) -> None:
    from ..evaluation.external.evaluating import predictions_result

    path = given["predictions"]
    _in_turn_under_protocols(result, given["out"], lambda *of: predictions_result(path, *of))
    file = predictions_result(path, result.protocol.name, given["out"])
    chosen = as_given({**given, "protocol": result.protocol.name}, "split", "protocol")
    words = ("compare", file, "RUN", "--data", given["data"], *chosen, "--out", "comparison")
    print(f"  beside a run, RUN its folder: {command(*words)}")


def _in_turn_under_protocols(
    result: Evaluation, out: str | None, file_of: Callable[[str, Any], Path]
) -> None:
    """Print the scores under each protocol, and where they were written."""
    from ..evaluation.evaluating import beside

    for each in (result, *result.restated):
        first, name = each is result, each.protocol.name
        print("" if first else "\n", end="")
        scores(each)
        file = file_of(name, out if first else beside(out, name))
        print(f"wrote {file} and its plot, {file.with_suffix('.svg')}")


def clips_listed(file: Path, given: Arguments) -> None:
    print(
        f"wrote {file}; predict these clips in this order: [clip, sample, time, height, width, 3]"
    )
    _then_score(given)


def clips_exported(file: Path, given: Arguments) -> None:
    from ..evaluation.external.exported_clips import read_exported

    exported = read_exported(file)
    held = ", ".join(exported.conditions) or "no conditions"
    print(
        f"wrote {file}: contexts and {held} of {exported.clips} clips; "
        "predict them in this order: [clip, sample, time, height, width, 3]"
    )
    if exported.future_states:
        print(
            "  NOTE: among them are measured states of the frames to predict: they show the future"
        )
    _then_score(given, "--clips", file)


def _then_score(given: Arguments, *clips: object) -> None:
    chosen = as_given(given, "split", "protocol", "n_past", "horizon")
    words = ("eval", "--predictions", "FILE", *clips, "--data", given["data"], *chosen)
    print(f"  then, FILE the predictions: {command(*words)}")


def scores(result: Evaluation) -> None:
    """Print the scores with everything that they depend on, and what they say."""
    protocol, data = result.protocol, result.data
    print(f"protocol {protocol.name}: {protocol.about}")
    print(f"  {protocol.n_past} > {protocol.horizon} frames, ", end="")
    print(f"clip starts {protocol.clip_starts}, conditions {protocol.given}")
    print(f"  {result.split} split of {data.store} ({data.content[:12]}), ", end="")
    print(f"weights {result.run.weights[:12] or 'unknown'}, foreframe {__version__}")
    if result.run.model == "predictions":
        notes = result.run.notes
        print(f"  predictions of {result.run.folder}: {notes['layout']}, {notes['values']}")
    for topic, words in protocol.words.items():
        print(
            textwrap.fill(
                f"{topic}: {words}", _WIDTH, initial_indent="  ", subsequent_indent="    "
            )
        )
    scored = _many(result.clips, "clip")
    scored += f" of {_many(result.episodes, 'episode')}" if result.episodes else ""
    print(f"  {scored}, {result.samples} samples, seed {result.seed}")
    for some in _in_turn(result.metrics(), _METRICS_ABREAST):
        _score_table(result, some)
    if result.world is not None and result.world.clips < result.clips:
        print(f"(rows of {result.world.clips} clips: those whose other true futures are known)")
    _sets(result)
    _latent(result)
    if result.clips <= _LISTED_CLIPS:
        _clip_list(result)
    _verdict(result)


def _in_turn(metrics: Sequence[Metric], count: int) -> list[Sequence[Metric]]:
    return [metrics[begin : begin + count] for begin in range(0, len(metrics), count)]


def _score_table(result: Evaluation, metrics: Sequence[Metric]) -> None:
    """Print some metrics of everything that was scored; intervals of the model's alone."""
    heads = (f"{metric.heading:>{_SCORE}}" for metric in metrics)
    print(f"\n{'':<{_TITLE}}" + "".join(heads))
    for number, row in enumerate(result.rows()):
        found = [row.scores.get(metric.name) for metric in metrics]
        if not any(found):
            continue
        cells = (_cell(f, metric.digits) for f, metric in zip(found, metrics, strict=True))
        print((f"{row.title:<{_TITLE}}" + "".join(cells)).rstrip())
        if number == 0:
            spans = (_span(f, metric.digits) for f, metric in zip(found, metrics, strict=True))
            print(f"{'  95 %':<{_TITLE}}" + "".join(spans))


def _cell(found: Interval | None, digits: int) -> str:
    return " " * _SCORE if found is None else f"{found.mean:>{_SCORE}.{digits}f}"


def _span(found: Interval | None, digits: int) -> str:
    if found is None or found.low is None or found.high is None:
        return " " * _SCORE
    return f"{f'{found.low:.{digits}f}..{found.high:.{digits}f}':>{_SCORE}}"


def _sets(result: Evaluation) -> None:
    """Print the distances of sets of videos, what was not computed and why, and which weights."""
    from ..evaluation.results import title_of

    for score in result.sets.values():
        print(f"\n{score.title}, unbiased (as usually published) - {score.variant}")
        for name, found in score.distances.items():
            digits = score.digits
            figures = f"{found.unbiased:>10.{digits}f} ({found.plain:.{digits}f})"
            print(f"{title_of(name):<{_TITLE}}{figures}   {found.clips} clips")
        if score.few:
            print("  few clips for so many features: a part of the bias stays in the first figure")
    print("\n" * bool(result.missing or result.weights), end="")
    for name, why in result.missing.items():
        print(textwrap.fill(f"{name.upper()}: {why}", _WIDTH, subsequent_indent="    "))
    for used in result.weights.values():
        known = used.known_as or "not a file that is known here"
        print(f"weights {used.file}: SHA-256 {used.sha256[:16]}, {known}")


def _clip_list(result: Evaluation) -> None:
    first = result.headline
    print(f"\n{first.label} of each clip")
    for clip in result.per_clip:
        value = f"{clip.scores[first.name]:>8.{first.digits}f} {first.unit}".rstrip()
        print(f"  {clip.episode:<24} from frame {clip.first_frame:<6}{value}")


def _verdict(result: Evaluation) -> None:
    signs = {True: "+", False: "-", None: " "}
    print("\nverdict")
    for statement in result.verdict:
        text = textwrap.fill(statement.text, _WIDTH, subsequent_indent="    ")
        print(f"  {signs[statement.good]} {text}")


def _latent(result: Evaluation) -> None:
    latent = result.latent
    if latent.rate_nats_per_frame is None:
        return
    print(f"\nlatent: {latent.rate_nats_per_frame:.2f} nats per frame, ", end="")
    print(f"{latent.active_dimensions} of {latent.dimensions} dimensions in use", end="")
    gaps = latent.posterior_minus_prior
    ranking = next((m for m in result.metrics() if m.ranks and m.name in gaps), None)
    if ranking is not None:
        gap = f"{gaps[ranking.name]:+.{ranking.digits}f} {ranking.unit}".rstrip()
        print(f"; posterior minus prior {gap} {ranking.title}", end="")
    print()


def drawn(paths: list[Path], given: Arguments) -> None:
    print(f"wrote {len(paths)} animations with their strips in {paths[0].parent}")
    if given.get("store"):
        print(f"wrote {given['store']}: a clip store of the imagined episodes")
        copy = free_folder(Path(f"{given['store']}-lerobot"))
        say_next(command("data", "export", given["store"], copy, "--format", "lerobot"))
        return
    say_next(command("report", given["run"]))


def plotted(paths: list[Path], given: Arguments) -> None:
    print(f"wrote {', '.join(str(path) for path in paths)}")
    say_next(command("report", given["runs"][0]))


def reported(path: Path, given: Arguments) -> None:
    print(f"wrote {path}")
    say_open(path)


def played(result: None, given: Arguments) -> None:
    print("the page is closed; saved drives are in", given["out"])


def planned(result: Planned, given: Arguments) -> None:
    """Print what the plan should cost, what came of it in the model, and where it lies."""
    first, count = result.plans[0], len(result.plans)
    print(f"goal: {result.goal}")
    tried = sum(plan.evaluations for plan in result.plans)
    print(
        f"  {_many(count, 'plan')}, {tried} sequences tried, {first.at_once} at once, "
        f"{sum(plan.seconds for plan in result.plans):.1f} s"
    )
    cost, rest = first.expected, first.at_rest
    print(
        f"  expected cost {cost.mean:.5g} (deviation of its futures {cost.deviation:.2g}); "
        f"the mean action all the time costs {rest.mean:.5g}"
    )
    if result.before is not None and result.after is not None:
        print(
            f"  in the model: {result.before:.5g} at the start, "
            f"{result.after:.5g} after {_many(result.frames, 'frame')}"
        )
    print(f"wrote {result.folder}: plan.json, actions.csv, actions.npz, film.{given['format']}")
    data = ["--data", given["data"]] if given["data"] else []
    say_next(command("play", given["run"], *data))


def watched(result: None, given: Arguments) -> None:
    print("the page is closed")


def published(card: Path, given: Arguments) -> None:
    print(f"wrote {card.parent}: weights, clips to begin from, scores, and {card.name}")
    if given["push"]:
        from ..hub import model_at, page_of

        print(f"pushed it to {page_of(model_at(given['push']))}")
    say_next(command("play", given["push"] or card.parent))


def model_exported(result: Exported, given: Arguments) -> None:
    checked, megabytes = result.checked, result.bytes / 1e6
    what = "a page that drives the model" if given["web"] else "three graphs and their manifest"
    print(f"wrote {result.folder}: {what}, {megabytes:.1f} MB, ", end="")
    print(f"of which the model is {result.model_bytes / 1e6:.1f} MB")
    print(
        f"checked: {checked.frames} frames under {checked.runtime} differ from PyTorch by at most "
        f"{checked.largest_difference:.1g} of 1"
    )
    if given["web"]:
        words = ["python", "-m", "http.server", "--directory", str(result.folder), "8000"]
        print("  any server of static files can serve it; on this machine:")
        print(f"  {shlex.join(words)}   then open http://localhost:8000/")


def compared(result: ExperimentResult, given: Arguments) -> None:
    folder = Path(result.folder)
    print(f"{result.question}\n{result.seeds} seeds, {result.clips} test clips, ", end="")
    print(f"{result.samples} samples\n")
    print((folder / "table.md").read_text(encoding="utf-8"))
    print(f"wrote {folder}: the runs, experiment.json, table.md, curves.svg, index.html")
    say_open(folder / "index.html")


def runs_compared(result: RunComparison, given: Arguments) -> None:
    folder = Path(result.folder)
    print((folder / "comparison.md").read_text(encoding="utf-8"))
    print(f"wrote {folder}: comparison.md, .csv, .json, curves.svg, clips, index.html")
    say_open(folder / "index.html")


def demonstrated(result: Evaluation, given: Arguments) -> None:
    scores(result)
    out = Path(given["out"])
    print(f"\nwrote {out}: the run, eval.json, report.html")
    say_open(out / "report.html")
    longer = ("--out", out, "--training.steps", "5000")
    say_next(command("train", "push-tiny", "--data", out / "data", *longer))


def completed(script: str, given: Arguments) -> None:
    print(script)


def informed(found: dict[str, Any], given: Arguments) -> None:
    print(json.dumps(found, indent=1))
