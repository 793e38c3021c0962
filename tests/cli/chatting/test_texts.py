"""The chat says everything in both languages."""

from __future__ import annotations

import dataclasses
import re
from string import Formatter
from typing import get_args

import pytest

from agents.calling.way import CALLING_WAYS
from agents.running.limits import EndedBy
from stillroom.cli.chatting.slash import COMMANDS
from stillroom.cli.chatting.texts import Texts
from stillroom.cli.chatting.wordings import texts_in
from stillroom.settings import interface_language, load_settings

ENGLISH, CHINESE = texts_in("en"), texts_in("zh")
FORMS = [field.name for field in dataclasses.fields(Texts) if field.type == "str"]
TABLES = ["commands", "ways", "endings"]


def placeholders(form: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(form) if name}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_takes_the_same_values_in_both_languages(name: str) -> None:
    assert placeholders(getattr(ENGLISH, name)) == placeholders(getattr(CHINESE, name))


@pytest.mark.parametrize("name", FORMS)
def test_english_has_no_chinese_and_chinese_has_some(name: str) -> None:
    han = re.compile("[\u4e00-\u9fff]")
    words = re.sub(r"\{\w+\}", "", getattr(ENGLISH, name))

    assert not han.search(words)
    assert han.search(getattr(CHINESE, name)) or not re.search("[A-Za-z]", words)


@pytest.mark.parametrize("texts", [ENGLISH, CHINESE])
def test_every_command_way_and_ending_has_words(texts: Texts) -> None:
    assert set(texts.commands) == {command.name for command in COMMANDS}
    assert set(texts.ways) == set(CALLING_WAYS)
    assert set(texts.endings) == set(get_args(EndedBy))
    assert all(all(getattr(texts, name).values()) for name in TABLES)


@pytest.mark.parametrize(
    ("variables", "setting", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "auto", "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "auto", "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "zh_TW.UTF-8"}, "auto", "zh"),
        ({}, "auto", "en"),
        ({"LANG": "en_US.UTF-8"}, "zh", "zh"),
        ({"LANG": "zh_CN.UTF-8"}, "en", "en"),
    ],
)
def test_the_language_is_the_settings_or_the_locales(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], setting: str, language: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert interface_language(load_settings({"interface_language": setting})) == language
