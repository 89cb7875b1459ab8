"""Searches find what was said: floors of recall and rank on our own conversations, through the hub's doors."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from benchmarks.hub import ROOT
from benchmarks.retrieval import measuring
from benchmarks.retrieval.dataset import DataSet, load
from benchmarks.retrieval.measuring import Measured
from benchmarks.retrieval.scores import groups, means
from benchmarks.retrieval.through_hub import Memory
from memoryhub.access.principals import system_principal
from memoryhub.access.services import keys, tenants
from memoryhub.config import get_config
from memoryhub.registry.services.access_log import log as access_log
from memoryhub.search import embeddings
from memoryhub.search.models import VectorSpace
from memoryhub.search.services import index, spaces
from memoryhub.search.services.spaces import active_space
from tests.conftest import HubClient, role

SETS = {path.stem: path for path in sorted((ROOT / "tests/data/conversations").glob("*.json"))}
MODEL_SECONDS = 60
#: R@10 and N@10 in percent, a little below what searches reach; by set and category of question.
FLOORS: dict[str, dict[str, tuple[float, float]]] = {
    "people": {
        "all": (82, 51),
        "single-hop": (76, 49),
        "two-hop": (92, 57),
        "temporal": (94, 66),
        "follow-up": (88, 45),
        "paraphrase": (66, 41),
        "list": (58, 34),
    },
    "assistant": {"all": (98, 82), "detail": (97, 84), "own-words": (91, 83), "paraphrase": (90, 73)},
    "german": {"all": (76, 60)},
}


def client_of(tenant: str, words: str) -> HubClient:
    principal = system_principal("test")
    tenants.create(principal=principal, tenant_id=tenant, text_search_config=words)
    _, text = keys.create(principal=principal, tenant_id=tenant, agent_id=None, user_id=None, scopes=["read", "write"])
    client = HubClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


def memory_of(tenant: str, words: str, data: DataSet) -> Memory:
    """The set in a tenant of its own, every message with its vector."""
    client = client_of(tenant, words)

    def call(method: str, path: str, body: Any) -> dict[str, Any]:
        response = client.generic(method, path, json.dumps(body), content_type="application/json")
        assert response.status_code == 200, response.content
        return dict(response.json())

    memory = Memory(call)
    memory.add(data)
    embed_all(tenant)
    return memory


def embed_all(tenant: str) -> None:
    """What the relay does in a running hub."""
    space = active_space()
    assert space is not None
    assert space.embedder.warm(MODEL_SECONDS), space.embedder.problem
    principal = system_principal("test", tenant)
    deque(index.all_steps(lambda after: index.embed_lacking(principal=principal, space=space, after=after)), maxlen=0)


@pytest.fixture(scope="module")
def measured(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Measured]]:
    """Every question of every set, every third of them asked twice, with the bundled model."""
    pytest.importorskip("onnxruntime", reason="requirements-model.txt is not installed")
    # tests of the configuration read it anew, so that there may be two
    configs = (settings.CONFIG, get_config())
    before = [(config.search.embedder, config.rates.per_key_per_minute) for config in configs]
    for config in configs:
        config.search.embedder, config.rates.per_key_per_minute = "local", 0
    access_log.in_background = False
    try:
        with django_db_blocker.unblock(), transaction.atomic():
            # what another test left in use would go on being used
            with role("postgres"):
                VectorSpace.objects.all().delete()
            forget_model()
            yield {name: measure(name, load(path)) for name, path in SETS.items()}
            transaction.set_rollback(True)
    finally:
        access_log.forget()
        for config, (embedder, rate) in zip(configs, before, strict=True):
            config.search.embedder, config.rates.per_key_per_minute = embedder, rate
        forget_model()


def forget_model() -> None:
    """Also which space is in use: for seconds the process would go on with that of the test before."""
    embeddings.reset()
    spaces.forget()


def measure(name: str, data: DataSet) -> Measured:
    words = "german" if name == "german" else "english"
    return measuring.hub(memory_of(f"quality-{name}", words, data), data, "hybrid", again=3)


@pytest.mark.parametrize(("name", "category"), [(name, one) for name, floors in FLOORS.items() for one in floors])
def test_questions_are_answered_at_least_as_well_as_before(
    measured: dict[str, Measured], name: str, category: str
) -> None:
    reached = means(groups(measured[name].rows)[category])
    recall, gain = FLOORS[name][category]
    assert reached["R@10"] >= recall, reached
    assert reached["N@10"] >= gain, reached


def test_the_same_question_gets_the_same_order(measured: dict[str, Measured]) -> None:
    assert {name: one.unsteady for name, one in measured.items()} == {name: [] for name in SETS}
