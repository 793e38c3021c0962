"""Decoding: sentences in the encodings that people have, long and short, come back as they were."""

from __future__ import annotations

from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.parsers import parse_document
from rag.parsers.decoding import decode, decode_text, looks_like_text
from stillroom.errors import ParseError

CHINESE = (
    "知识蒸馏把大模型的能力迁移到小模型。",
    "显存不够时会怎样？请降低上下文长度，或者换一个更小的模型！",
    "第一章 绪论：我们为什么需要本地运行的语言模型",
    "合同编号：HT-2024-001，甲方应于三十日内付款。",
    "安装说明：先解压，再运行 setup.exe，然后重启。",
    "姓名,年龄,城市\n张三,25,北京\n李四,31,上海\n",
    "用GPU计算时，温度会升高。",
)
TRADITIONAL = (
    "這是中文文本，大小不同，內容也不同。",
    "記憶體不足時會怎樣？請降低上下文長度。",
    "臺灣的鐵路與公路都很方便。",
    "姓名,城市\n王小明,台北\n李大華,高雄\n",
)
JAPANESE = (
    "日本語の文章をここに書きます。",
    "メモリが足りない場合はどうすればよいですか。",
    "名前,年齢,住所\n佐藤太郎,30,東京\n鈴木花子,25,大阪\n",
    "これはテストです。",
)
KOREAN = (
    "지식 증류는 큰 모델의 능력을 작은 모델로 옮긴다.",
    "메모리가 부족하면 어떻게 합니까?",
    "안녕하세요, 반갑습니다.",
    "이름,나이\n김철수,30\n이영희,25\n",
)
RUSSIAN = (
    "Дистилляция переносит способности большой модели в малую.",
    "Сколько памяти нужно для этой модели?",
    "ВНИМАНИЕ! Прочитайте инструкцию.",
    "Имя;Город\nАнна;Москва\nИван;Казань\n",
)
WESTERN = (
    "L’été dernier, j’ai mangé une crêpe à la crème.",
    "Größe und Änderung der Übertragung: 5 °C",
    "España: mañana será otro día, ¿no?",
    "“Hello,” she said — it’s fine…",
    "Prix : 25 € (taxe comprise)",
    "naïve café",
)
ENCODED = [
    (sentence, encoding)
    for sentences, encodings in (
        (CHINESE, ("gbk", "gb18030")),
        (TRADITIONAL, ("big5", "gb18030")),
        (JAPANESE, ("cp932", "euc_jp", "iso2022_jp")),
        (KOREAN, ("euc_kr", "cp949")),
        (RUSSIAN, ("cp1251", "koi8_r", "cp866")),
        (WESTERN, ("cp1252",)),
    )
    for sentence in sentences
    for encoding in (
        *encodings,
        *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"),
    )
]


@pytest.mark.parametrize(("sentence", "encoding"), ENCODED)
def test_one_sentence_is_enough_to_know_its_encoding(sentence: str, encoding: str) -> None:
    content = sentence.encode(encoding)
    assert looks_like_text(content)
    assert decode(content, PurePath("a.txt")) == sentence


@given(
    group=st.sampled_from(
        [
            (CHINESE, ["gbk", "gb18030", "utf-16-le", "utf-16-be"]),
            (TRADITIONAL, ["big5", "utf-16-le"]),
            (JAPANESE, ["cp932", "euc_jp", "utf-16-le"]),
            (KOREAN, ["euc_kr", "utf-16-be"]),
            (RUSSIAN, ["cp1251", "koi8_r", "utf-16-le"]),
            (WESTERN, ["cp1252", "utf-16-le"]),
        ]
    ),
    data=st.data(),
)
def test_texts_of_many_sentences_come_back(
    group: tuple[tuple[str, ...], list[str]], data: st.DataObject
) -> None:
    sentences, encodings = group
    chosen = data.draw(st.lists(st.sampled_from(sentences), min_size=1, max_size=12))
    plain = data.draw(st.sampled_from(["", "README\n\n", "x = 1\n" * 50, "https://example.org/a?b=c\n"]))
    text = plain + "\n".join(chosen)
    encoding = data.draw(st.sampled_from(encodings))
    assert decode(text.encode(encoding), PurePath("a.txt")) == text


@given(length=st.integers(min_value=8, max_value=60), start=st.integers(min_value=0, max_value=40))
def test_a_piece_of_chinese_text_is_never_mangled(length: int, start: int) -> None:
    text = "".join(CHINESE).replace("\n", "")
    piece = text[start : start + length]
    for encoding in ("gbk", "utf-16-le", "utf-16-be"):
        assert decode(piece.encode(encoding), PurePath("a.txt")) == piece


@given(st.text(min_size=1))
def test_utf8_is_read_as_utf8(text: str) -> None:
    assert decode(text.encode("utf-8", "surrogatepass"), PurePath("a.txt")) is not None
    printable = "".join(character for character in text if character.isprintable())
    assert decode(printable.encode(), PurePath("a.txt")) == printable


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "utf-16", "utf-16-le"])
def test_a_text_that_was_cut_within_a_character_loses_only_that(encoding: str) -> None:
    text = "知识蒸馏把大模型的能力迁移到小模型。" * 3
    found = decode_text(text.encode(encoding)[:-1], PurePath("a.txt"))
    assert found.text.rstrip("\ufffd") == text[:-1]
    assert "could not be decoded" in found.notes[0]


def test_one_wrong_byte_in_utf8_does_not_mangle_the_rest() -> None:
    content = "知识蒸馏把大模型的能力迁移到小模型。".encode() * 5 + b"\xe9 caf\xe9 " + "再写一句。".encode()
    document = parse_document(content, PurePath("a.txt"))
    assert document.sections[0].text.startswith("知识蒸馏")
    assert document.sections[0].text.endswith("再写一句。")
    assert document.notes == ("read as utf-8; 2 places could not be decoded",)


def test_a_text_with_a_few_zero_bytes_is_text() -> None:
    content = b"words and more words\0\0 that go on for a while, with a terminator\0\n" * 2
    assert parse_document(content, PurePath("a.txt")).format == "text"


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.py", "a.md", "a.json", "a.html", "noise"])
def test_what_is_text_in_no_encoding_is_an_error(name: str) -> None:
    noise = bytes((number * 7919 + number // 3) % 256 for number in range(4_000))
    with pytest.raises(ParseError, match="binary and of no format"):
        parse_document(noise, PurePath(name))
