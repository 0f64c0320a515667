"""The item function that fine-tunes one fold."""

import json
from pathlib import Path

from pipeline.finetuning.tuning import FoldTuning, TuningTask
from pipeline.runtime.device import current_device

FOLD, HISTORY = "fold.safetensors", "history.json"


def finetune_fold(task: TuningTask, directory: Path) -> None:
    """Tune one fold; write `FOLD` (the best epoch's weights) and `HISTORY`.

    A run that was killed goes on after its last finished epoch and ends with the same bytes.

    Raises
    ------
    InputError
        The fold has no annotated frames to learn from, or a clip does not suit a backbone.
    """
    run = FoldTuning(task, current_device())
    run.start()
    while not run.finished:
        run.run_epoch()
        run.save()
    run.restore_best()
    start, best = run.history[0], run.history[run.best_epoch + 1]
    summary = {"p": best["p"], "start_p": start["p"], "best_epoch": run.best_epoch, "epochs": run.epochs}
    run.fold.metadata.update(summary, released=int(best["released"]))
    run.fold.save(directory / FOLD)
    (directory / HISTORY).write_text(json.dumps({"summary": summary, "rows": run.history}, indent=0), encoding="utf-8")
    task.checkpoint.unlink(missing_ok=True)
