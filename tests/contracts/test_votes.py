"""What is remembered of votes: a set in which votes are lost or doubled is none, nor is a damaged watermark a start."""

import pytest

from contracts.votes import VoteSet, Watermark, read_watermark, votes_folder

SET = {
    "recipe": "demo",
    "digest": "a" * 12,
    "after": 0,
    "until": 9,
    "before": None,
    "votes": 5,
    "rows": 3,
    "dropped": {"tie": 2},
    "preferred": {"adapter": 2, "base": 1},
    "judges": {"people": 3},
}


def test_it_works(tmp_path):
    assert VoteSet.model_validate(SET).rows == 3
    assert read_watermark(tmp_path, "demo") == Watermark(vote=0, digest=None)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"dropped": {"tie": 1}}, "votes: 5, but 4 are accounted for"),
        ({"preferred": {"adapter": 4}}, "rows by preference: 3, but 4 are accounted for"),
        ({"judges": {}}, "rows by judge: 3, but 0 are accounted for"),
    ],
)
def test_every_vote_is_accounted_for(changed, told):
    with pytest.raises(ValueError, match=told):
        VoteSet.model_validate(SET | changed)


def test_a_damaged_watermark_is_not_taken_for_a_missing_one(tmp_path):
    votes_folder(tmp_path, "demo").mkdir(parents=True)
    (votes_folder(tmp_path, "demo") / "watermark.json").write_text('{"vote": 1')
    with pytest.raises(ValueError):
        read_watermark(tmp_path, "demo")
