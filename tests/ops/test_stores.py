"""Two URLs lead to one store, or to two."""

import pytest

from tests.ops.modules import load

stores = load("wa_monitor_stores")

HERE = "postgresql://qa:fake@127.0.0.1:5432/qa"


@pytest.mark.parametrize(
    "other",
    [
        HERE,
        "postgres://someone:else@localhost/qa?sslmode=disable",
        "postgresql:///qa?host=/var/run/postgresql",
        "postgresql://qa@127.0.0.1/qa?options=-csearch_path%3Dpublic",
        "postgresql://qa@127.0.0.1/qa?options=-c%20search_path%3Dpublic,extensions",
    ],
)
def test_the_same_store_under_another_url(other: str) -> None:
    assert stores.shared_stores({"prod": HERE, "dev": other}) == [["dev", "prod"]]


@pytest.mark.parametrize(
    "other",
    [
        "",
        "postgresql://qa:fake@127.0.0.1:5433/qa",
        "postgresql://qa:fake@127.0.0.1:5432/qa_dev",
        "postgresql://qa:fake@db.example.net:5432/qa",
        "postgresql://qa@127.0.0.1/qa?options=-csearch_path%3Ddev",
        "postgresql://qa@127.0.0.1/qa?options=-c%20search_path%3Ddev,public",
    ],
)
def test_another_store(other: str) -> None:
    assert stores.shared_stores({"prod": HERE, "dev": other}) == []


def test_a_pooler_is_another_name_of_its_server() -> None:
    urls = {
        "prod": "postgresql://qa@ep-one.example.net/qa",
        "dev": "postgresql://qa@ep-one-pooler.example.net/qa",
        "third": "postgresql://qa@ep-two.example.net/qa",
    }
    assert stores.shared_stores(urls) == [["dev", "prod"]]
