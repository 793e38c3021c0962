"""Sentences about bytes: one a second, with a rate, and never more than Ollama told."""

from __future__ import annotations

from deploy.engines.ollama_progress import Steps, Transfer

LAYER = "sha256:96c415656d377afbff962f6cdb2394ab092ccbcbaab4b82525bc4ca800fe8a49"
SMALL = "sha256:369ca498f347f710d068cbb38bf0b8692dd3fa30f30ca2ff755e211c94768150"


def test_sixteen_lines_a_second_become_one_sentence_a_second() -> None:
    transfer = Transfer("pulls x")
    total = 4_683_000_000

    said = [transfer.at(tick * 1_437_500, total, now=tick / 16) for tick in range(49)]

    assert [sentence for sentence in said if sentence] == [
        "pulls x: 0.0 of 4.7 GB",
        "pulls x: 0.0 of 4.7 GB, 23 MB/s",
        "pulls x: 0.0 of 4.7 GB, 23 MB/s",
        "pulls x: 0.1 of 4.7 GB, 23 MB/s",
    ]


def test_the_rate_is_of_the_last_seconds_and_not_of_what_was_there_before() -> None:
    transfer = Transfer("pulls x")
    transfer.at(2_000_000_000, 4_000_000_000, now=0)
    for second in range(1, 11):
        transfer.at(2_000_000_000 + second * 100_000_000, 4_000_000_000, now=second)

    assert transfer.at(3_010_000_000, 4_000_000_000, now=11) == "pulls x: 3.0 of 4.0 GB, 82 MB/s"


def test_the_end_is_said_at_once_and_small_files_in_mb() -> None:
    transfer = Transfer("gives m.gguf to Ollama")
    transfer.at(3_000_000, 98_362_432, now=0.0)

    assert transfer.at(98_362_432, 98_362_432, now=0.2) == "gives m.gguf to Ollama: 98 of 98 MB, 477 MB/s"


def test_what_is_taken_off_again_is_no_negative_rate() -> None:
    transfer = Transfer("pulls x")
    transfer.at(2_000_000_000, 4_000_000_000, now=0.0)

    assert transfer.at(1_900_000_000, 4_000_000_000, now=1.0) == "pulls x: 1.9 of 4.0 GB, 0 MB/s"


def test_layers_are_counted_together_and_a_step_is_said_once() -> None:
    steps = Steps("pulls x")
    lines: list[tuple[str, str | None, int | None, int | None]] = [
        ("pulling manifest", None, None, None),
        ("pulling manifest", None, None, None),
        ("pulling 96c415656d37", LAYER, None, 4_000_000_000),
        ("pulling 96c415656d37", LAYER, 4_000_000_000, 4_000_000_000),
        ("pulling 369ca498f347", SMALL, 387, 387),
        ("verifying sha256 digest", None, None, None),
        ("success", None, None, None),
    ]

    said = [steps.heard(*line, now=float(second)) for second, line in enumerate(lines)]

    assert said == [
        "pulls x: pulling manifest",
        None,
        "pulls x: 0.0 of 4.0 GB",
        "pulls x: 4.0 of 4.0 GB, 4000 MB/s",
        "pulls x: 4.0 of 4.0 GB, 2000 MB/s",
        "pulls x: verifying sha256 digest",
        None,
    ]
    assert steps.done
