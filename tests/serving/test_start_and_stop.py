"""What was live is live again after a restart, what is gone is said to be gone, and nothing stays behind."""

import json

import openai
import psutil
import pytest

from benchmarks.serving.servers import ours
from tests.serving.adapters import publish
from tests.serving.conftest import RECIPE, RunningEngine

pytestmark = pytest.mark.slow


def test_registry_survives_and_no_process_does(base_model, trained, tmp_path):
    (tmp_path / "models").symlink_to(base_model.parent)
    kept, before = (publish(trained[i], tmp_path, "kept") for i in (0, 1))
    lost = "lost@0123456789ab"
    (tmp_path / "serving").mkdir()
    pointer = {"canary": None, "weight": 0, "previous": None}
    registry = {"kept": pointer | {"stable": kept, "previous": before}, "lost": pointer | {"stable": lost}}
    (tmp_path / "serving" / "registry.json").write_text(json.dumps(registry))

    with ours(tmp_path, RECIPE) as server:
        engine = RunningEngine.of(server, base_model.name)
        processes = psutil.Process(server.pid).children(recursive=True)
        client = engine.client()
        assert client.completions.create(model="kept", prompt="Once", max_tokens=2).model == kept
        assert client.completions.create(model=before, prompt="Once", max_tokens=2).model == before
        with pytest.raises(openai.NotFoundError, match="no_such_adapter"):
            client.completions.create(model="lost", prompt="Once", max_tokens=2)
        assert "lost" not in {card.id for card in client.models.list()}
        assert engine.admin("GET", "registry").json()["not_served"][lost]["code"] == "no_such_adapter"

        refused = engine.admin("POST", "rollbacks", name="lost")
        assert refused.json()["error"]["code"] == "no_previous"
        found = publish(trained[2], tmp_path, "lost")
        assert engine.roll_out(found)["previous"] is None
        assert client.completions.create(model="lost", prompt="Once", max_tokens=2).model == found

        assert len(processes) > 5
        assert server.stop() == []
        assert [process for process in processes if process.is_running()] == []
