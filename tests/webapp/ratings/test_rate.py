"""`manage.py rate` and its twin without a site, as a person with only a file runs them."""

import json
import math
import os
import pathlib
import subprocess
import sys

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
NO_SITE = {"PATH": os.environ["PATH"]}
NO_DATABASE = NO_SITE | {"DJANGO_SECRET_KEY": "none", "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}
COMMANDS = {
    "manage": (["webapp/manage.py", "rate"], NO_DATABASE),
    "module": (["-m", "webapp.insights.ratings"], NO_SITE),
}

# 30 votes for a, 10 for b, 20 ties, 5 both bad; c never lost
VOTES = [("a", "b", "model_a", 30), ("b", "a", "model_a", 10), ("a", "b", "tie", 20), ("a", "b", "tie (bothbad)", 5)]
VOTES += [("c", "a", "model_a", 2)]


def _run(command, path, *options):
    arguments, environment = COMMANDS[command]
    return subprocess.run(
        [sys.executable, *arguments, "--votes", path, *options],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def file(tmp_path):
    columns = ("model_a", "model_b", "winner", "count")
    path = tmp_path / "battles.jsonl"
    path.write_text("\n".join(json.dumps(dict(zip(columns, row, strict=True))) for row in VOTES))
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_it_works(command, file):
    ran = _run(command, file)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert (found["votes"], found["both_bad"], found["voters"], found["models"]) == (67, 5, None, 3)
    for model in ("bradley_terry", "rao_kupper", "davidson"):
        fitted = found[model]
        best, other, unrated = fitted["ratings"]
        assert (best["model"], other["model"], unrated["model"]) == ("a", "b", "c")
        assert best["low"] < best["rating"] < best["high"]
        assert best["rating"] == pytest.approx(-other["rating"])
        assert best["elo"] == pytest.approx(1000 + 400 / math.log(10) * best["rating"])
        assert unrated["rating"] is unrated["elo"] is None and "never lost" in unrated["reason"]
        assert fitted["log_loss_votes"] == 60
        assert 0 < fitted["seconds"] < 5
        assert fitted["intervals"] == "model-based"
        assert "never lost: c" in fitted["warnings"]


def test_the_numbers_are_those_worked_by_hand(file):
    found = json.loads(_run("module", file).stdout)
    # Bradley-Terry with ties as halves: a has 40 of 60 points
    gap = found["bradley_terry"]["ratings"][0]["rating"] * 2
    assert gap == pytest.approx(math.log(2))
    assert found["bradley_terry"]["log_loss"] == pytest.approx(-(40 * math.log(2 / 3) + 20 * math.log(1 / 3)) / 60)
    # Two models, three outcomes, two parameters: both ties models fit the shares 1/2, 1/3, 1/6 exactly
    entropy = math.log(2) / 2 + math.log(3) / 3 + math.log(6) / 6
    assert found["davidson"]["log_loss"] == pytest.approx(entropy)
    assert found["rao_kupper"]["log_loss"] == pytest.approx(entropy)
    assert found["davidson"]["ratings"][0]["rating"] * 2 == pytest.approx(math.log(3))
    assert found["davidson"]["tie"]["nu"] == pytest.approx((1 / 3) / math.sqrt(1 / 2 * 1 / 6))
    # P(left)/(1-P(left)) = a/θb = 1, P(right)/(1-P(right)) = b/θa = 1/5
    assert found["rao_kupper"]["tie"]["theta"] == pytest.approx(math.sqrt(5))
    assert found["rao_kupper"]["ratings"][0]["rating"] * 2 == pytest.approx(math.log(5) / 2)


def test_side_bias_is_told_when_asked_for(tmp_path):
    path = tmp_path / "battles.csv"
    path.write_text("model_a,model_b,winner,count\na,b,model_a,8\na,b,model_b,2\nb,a,model_a,8\nb,a,model_b,2\n")
    bias = json.loads(_run("module", path, "--side-bias").stdout)["bradley_terry"]["side_bias"]
    assert bias["value"] == pytest.approx(math.log(4))  # 16 of 20 for the left, by equal models
    assert bias["standard_error"] == pytest.approx(1 / math.sqrt(20 * 0.8 * 0.2))
    assert "side_bias" not in json.loads(_run("module", path).stdout)["bradley_terry"]


def _talk(reply):
    return [{"role": "user", "content": "Hail, traveller!\n\nWho goes there?"}, {"role": "assistant", "content": reply}]


@pytest.mark.parametrize("kind", [".json", ".jsonl", ".parquet"])
def test_what_style_explains_is_no_strength(tmp_path, kind):
    """Equal models, one of which writes more; people like more of it, on whichever side it stood."""
    rng, rows = np.random.default_rng(5), []
    for number in range(3000):
        lengths = rng.integers(20, 60, 2) + np.array([0, 40])
        length = (lengths[0] - lengths[1]) / lengths.sum()
        first = rng.random() < 1 / (1 + np.exp(-4 * length))
        turned = bool(number % 2)
        rows.append(
            {
                "model_a": "brief",
                "model_b": "long",
                "winner": "model_a" if first else "model_b",
                "conversation_a": _talk("x" * lengths[0]),
                "conversation_b": _talk("x" * (lengths[1] - 3) + "\n\ny"),
                "side_shown": "right" if turned else "left",
            }
        )
    path = tmp_path / f"battles{kind}"
    if kind == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        path.write_text(json.dumps(rows) if kind == ".json" else "\n".join(map(json.dumps, rows)))
    plain, styled = (
        json.loads(_run("module", path, *more).stdout)["bradley_terry"] for more in ((), ("--style", "length"))
    )
    assert plain["ratings"][0]["model"] == "long" and plain["ratings"][0]["low"] > 0.2 and "style" not in plain
    strength = {rating["model"]: rating for rating in styled["ratings"]}["long"]
    assert strength["low"] < 0 < strength["high"]
    assert styled["style"]["length"]["low"] > 0
    assert styled["log_loss"] < plain["log_loss"]
    both = json.loads(_run("module", path, "--style", "length", "paragraphs").stdout)["bradley_terry"]
    assert both["ratings"] is None and "cannot be told from the models" in both["warnings"][0]


def test_how_far_people_agree_is_told_of_what_several_judged(tmp_path):
    path = tmp_path / "battles.csv"
    rows = ["1,ann,a,b,model_a", "1,bob,b,a,model_b", "1,bob,b,a,model_a", "2,ann,a,b,tie", "2,cy,a,b,model_b"]
    path.write_text("question_id,judge,model_a,model_b,winner\n" + "\n".join(rows))
    found = json.loads(_run("manage", path).stdout)["agreement"]
    assert (found["battles"], found["votes"], found["pairwise"]["value"]) == (2, 4, 0.5)  # the same model, either side
    path.write_text("model_a,model_b,winner\na,b,model_a\n")
    assert json.loads(_run("module", path).stdout)["agreement"] is None


def test_a_model_of_votes_without_an_estimate_does_not_take_the_others_down(tmp_path):
    path = tmp_path / "battles.csv"
    path.write_text("model_a,model_b,winner\na,b,model_a\na,c,tie\nc,b,tie\n")
    found = json.loads(_run("module", path).stdout)
    assert found["bradley_terry"]["log_loss"] > 0
    assert found["davidson"]["ratings"] is None and "without exception" in found["davidson"]["warnings"][0]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_file_is_told_in_one_line(command, tmp_path):
    path = tmp_path / "battles.csv"
    path.write_text("model_a,model_b,winner\na,b,draw\n")
    ran = _run(command, path)
    assert ran.returncode == 1 and ran.stdout == ""
    assert f"{path}, row 1: winner is 'draw'" in ran.stderr and len(ran.stderr.splitlines()) == 1


def test_the_mathematics_knows_no_django():
    program = "import sys, webapp.insights.ratings.report; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=NO_SITE).returncode == 0
