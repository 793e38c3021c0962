"""What is learned of a model is kept by what its server says that it is, and of so many models alone."""

from __future__ import annotations

from agents.calling.learned import LearnedOfModels
from deploy.endpoint import Capabilities, Endpoint


def served(identity: str, port: int = 1) -> Endpoint:
    return Endpoint(f"http://127.0.0.1:{port}/v1", "m", "vllm", 4096, Capabilities(identity=identity))


def test_what_is_learned_of_a_model_is_there_at_the_next_question() -> None:
    kept = LearnedOfModels()
    kept.of(served("digest 1")).chooses = False
    assert kept.of(served("digest 1")).chooses is False


def test_a_model_of_another_digest_is_a_stranger_at_the_same_address() -> None:
    kept = LearnedOfModels()
    kept.of(served("digest 1")).has_system = False
    assert kept.of(served("digest 2")).has_system is True
    assert kept.of(served("digest 1")).has_system is False


def test_of_a_server_that_nobody_asked_who_it_is_nothing_is_kept() -> None:
    kept = LearnedOfModels()
    kept.of(served("")).chooses = False
    assert kept.of(served("")).chooses is True


def test_beyond_a_number_of_models_the_one_that_was_used_longest_ago_is_forgotten() -> None:
    kept = LearnedOfModels(most_models=2)
    for identity in ("first", "second"):
        kept.of(served(identity)).chooses = False
    kept.of(served("first"))
    kept.of(served("third"))
    assert [kept.of(served(identity)).chooses for identity in ("first", "third")] == [False, True]
    assert kept.of(served("second")).chooses is True
