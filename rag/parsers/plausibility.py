"""How likely it is that bytes were written in an encoding, from what they say when they are read in it.

Each encoding of Chinese, Japanese and Korean puts everyday characters into rows of their own, and a few
hundred characters make half of all text; in Cyrillic ten letters make two thirds, and capitals begin words;
an accented Latin letter stands in a word of plain ones. Text that is read in a wrong encoding breaks all
this, even one sentence of it. Nothing here knows a file or decides anything.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

# What runs of text in these languages are made of, most frequent first; about half of any text.
_SIMPLIFIED: Final = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方"
    "多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情"
    "明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给"
    "世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活更别打女变四总何电数安少报才结反受目太量再"
    "感建务做接必场件计管期市直资金指统区保至形社空决治展科基书非则听白却界达光放强即像难思完设式色路记南品住告类求据程北边"
    "该交规万取望术领共确传师观清今让识带导运型模据码图表参默输入"
)
_TRADITIONAL: Final = _SIMPLIFIED | frozenset(
    "這個們來為國說時會對於著過發後裡當學經麼種現動還進樣實軍無與長機關點業將兩間問並應戰頭體見產從話給變員論處義門東聲認"
    "條氣題電數報結務場計資許統區隊決書聽達強難權設記類據邊張該規萬領確傳師觀讓識帶導爭運圖碼參輸導處"
)
_KOREAN: Final = frozenset(
    "이다의는에을가하고를은지로도한기사어그인리나자아시해대수서정있일것부여들제라보전으상주과스게만원성적장음국구신면유등동소"
    "비조화오공위내거우되년회니선안계중말했마문용드생때모양당운러치무였미경분실할트방업관학연행습합세요데간와개재"
)
_KANJI: Final = frozenset(
    "日一国人年大十二本中長出三時行見月分後前生五間上東四今金九入学高円子外八六下来気小七山話女北午百書先名川千水半男西電校語"
    "土木聞食車何南万毎白天母火右読友左休父雨田京都市区県町村郎藤佐鈴会社部事業地方法明理品価格住所齢性番号"
)
_CYRILLIC: Final = {**dict.fromkeys("оеаинтсрвл", 1.0), **dict.fromkeys("кмдпуяыьгзбчйхж", 0.6)}

# Marks of punctuation that text in a script is full of.
_ASIAN_MARKS: Final = re.compile("[\u3000-\u303f\uff01-\uff5e“”‘’…—·￥]")
_LATIN_MARKS: Final = frozenset("“”‘’„‚–—…«»°€£§©®™·¿¡•\u00a0ºª")
# A letter of another encoding: Polish read as French says "du¿ego".
_MARK_IN_WORD: Final = re.compile("(?<=[^\\W\\d_])[\u00a1-\u00b6\u00b8-\u00bf\u00d7\u00f7](?=[^\\W\\d_])")
_SHORT_WORD = 4  # letters, such as "Ærø"
_CYRILLIC_MARKS: Final = frozenset("«»“”„’–—…№\u00a0")
# Accented letters that are words of their own.
_LATIN_WORDS: Final = frozenset("àÀéÉèÈêôòóíyÿåÅöÖæøáÁùäÄüÜ")

_WORD: Final = re.compile(r"[^\W\d_]+")
_KANA: Final = re.compile("[\u3041-\u30ff]")
_HALF_WIDTH_KANA: Final = re.compile("[\uff61-\uff9f]")
_HAN: Final = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
_HANGUL: Final = re.compile("[\uac00-\ud7a3]")

# Accented Latin, Greek and Cyrillic letters; marks, currencies, arrows, formulas, boxes, pictures.
_OTHER_SIGNS: Final = re.compile(
    "[\u00a0-\u024f\u1e00-\u1eff\u0391-\u045f\u2010-\u203a\u20a0-\u20bf\u2100-\u22ff\u2460-\u24ff\u2500-\u27bf"
    "\U0001f300-\U0001faff]"
)

# An undecodable character outweighs several that look right.
_UNDECODABLE: Final = -4.0
# C1 controls and private use: no text is written with them.
_NEVER_WRITTEN: Final = re.compile("[\x80-\x9f\ue000-\uf8ff]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding, Python's name of it, and how its text is judged: characters' mean weight, at most 1."""

    name: str
    judged: Callable[[str], float]


def _weighed(weight: Callable[[str], float]) -> Callable[[str], float]:
    """A judgement by single characters beyond ASCII."""

    def judged(text: str) -> float:
        foreign = [character for character in text if not character.isascii()]
        total = sum(_common(character, weight) for character in foreign)
        return total / len(foreign) if foreign else 0.0

    return judged


def _common(character: str, weight: Callable[[str], float]) -> float:
    if character == "\ufffd":
        return _UNDECODABLE
    return -1.0 if _NEVER_WRITTEN.match(character) else weight(character)


def _lead(character: str, encoding: str) -> int:
    """The first byte of a character of two bytes, else 0."""
    encoded = character.encode(encoding, "ignore")
    return encoded[0] if len(encoded) == 2 else 0  # noqa: PLR2004 (bytes)


@functools.lru_cache(maxsize=30_000)
def _chinese(character: str) -> float:
    """GB 2312: everyday characters are rows 0xB0 to 0xD7."""
    if character in _SIMPLIFIED or _ASIAN_MARKS.match(character):
        return 1.0
    if _HAN.match(character):
        if 0xB0 <= _lead(character, "gb2312") <= 0xD7:  # noqa: PLR2004 (rows)
            return 0.75
        # GBK holds the traditional characters too.
        return 0.5 if _taiwanese(character) > 0.5 else 0.2  # noqa: PLR2004 (everyday or frequent)
    return 0.1


@functools.lru_cache(maxsize=30_000)
def _taiwanese(character: str) -> float:
    """Big5: everyday characters are rows 0xA4 to 0xC6."""
    if character in _TRADITIONAL or _ASIAN_MARKS.match(character):
        return 1.0
    if _HAN.match(character):
        return 0.75 if 0xA4 <= _lead(character, "big5") <= 0xC6 else 0.2  # noqa: PLR2004 (rows)
    return 0.1


@functools.lru_cache(maxsize=30_000)
def _japanese(character: str) -> float:
    """JIS X 0208: everyday characters are rows 16 to 47, in EUC 0xB0 to 0xCF; kana are everywhere."""
    if _KANA.match(character) or character in _KANJI or _ASIAN_MARKS.match(character):
        return 1.0
    if _HALF_WIDTH_KANA.match(character):
        return 0.3
    if _HAN.match(character):
        return 0.75 if 0xB0 <= _lead(character, "euc_jp") <= 0xCF else 0.2  # noqa: PLR2004 (rows)
    return 0.1


@functools.lru_cache(maxsize=30_000)
def _korean(character: str) -> float:
    """KS X 1001: its 2,350 syllables are rows 0xB0 to 0xC8; cp949 has the other 8,822, which are rare."""
    if character in _KOREAN or _ASIAN_MARKS.match(character):
        return 1.0
    if _HANGUL.match(character):
        return 0.75 if 0xB0 <= _lead(character, "euc_kr") <= 0xC8 else 0.1  # noqa: PLR2004 (rows)
    return 0.1


def _cyrillic(text: str) -> float:
    """Capitals begin words or fill them, words are all Cyrillic, and Latin ones are few among them."""
    weight = _by_words(text, _cyrillic_word, lambda mark: 0.8 if mark in _CYRILLIC_MARKS else 0.05)
    letters = [character for character in text if character.isalpha()]
    latin = sum(letter.isascii() for letter in letters)
    return weight * (0.6 if 3 * latin > 2 * len(letters) else 1.0)


def _cyrillic_word(word: str) -> float:
    if not all("\u0400" <= letter <= "\u04ff" for letter in word):
        return 0.1
    if not (word.islower() or word.istitle() or word.isupper()):
        return 0.05
    known = sum(_CYRILLIC.get(letter, 0.1) for letter in word.lower()) / len(word)
    return 0.3 + 0.65 * known - (0.2 if word.isupper() and len(word) > 1 else 0.0)


def _latin(text: str) -> float:
    """Accented letters stand in words with plain ones."""
    weight = _by_words(text, _latin_word, lambda mark: 0.9 if mark in _LATIN_MARKS else 0.1)
    foreign = sum(not character.isascii() for character in text)
    return weight - len(_MARK_IN_WORD.findall(text)) / max(1, foreign)


def _latin_word(word: str) -> float:
    if len(word) == 1:
        return 0.8 if word in _LATIN_WORDS else 0.1
    if not (word.islower() or word.istitle() or word.isupper()):
        return 0.15
    plain = sum(letter.isascii() for letter in word)
    return 0.9 if 2 * plain >= len(word) or (plain and len(word) <= _SHORT_WORD) else 0.1


def _by_words(text: str, word_weight: Callable[[str], float], mark_weight: Callable[[str], float]) -> float:
    """The mean over characters beyond ASCII, each weighed with its word, or alone where it is in none."""
    total, count = 0.0, 0
    for word in _WORD.findall(text):
        foreign = sum(not letter.isascii() for letter in word)
        if foreign:
            total += foreign * word_weight(word)
            count += foreign
    for mark in _WORD.sub("", text):
        if not mark.isascii():
            total += _common(mark, mark_weight)
            count += 1
    return total / count if count else 0.0


# In the order of preference where two say equally much; each name is the widest of its family.
ENCODINGS: Final = (
    Encoding("gb18030", _weighed(_chinese)),
    Encoding("big5hkscs", _weighed(_taiwanese)),
    Encoding("cp932", _weighed(_japanese)),
    Encoding("euc_jp", _weighed(_japanese)),
    Encoding("cp949", _weighed(_korean)),
    Encoding("cp1252", _latin),
    Encoding("cp1251", _cyrillic),
    Encoding("koi8_r", _cyrillic),
    Encoding("cp866", _cyrillic),
    Encoding("cp1250", _latin),
    Encoding("iso8859_2", _latin),
)


def likeness(text: str) -> float:
    """How much a text is like text in the language that it is most like."""
    return max(judged(text) for judged in {encoding.judged for encoding in ENCODINGS})


def everyday_share(text: str) -> float:
    """Of a text's characters, the share that people write; what tells UTF-16 from other bytes."""
    return sum(map(_everyday, text)) / len(text) if text else 0.0


@functools.lru_cache(maxsize=65_536)
def _everyday(character: str) -> bool:
    if character.isascii():
        return character.isprintable() or character in "\t\n\r\f"
    if _OTHER_SIGNS.match(character):
        return True
    judges = (_chinese, _taiwanese, _japanese, _korean)
    return any(judge(character) > 0.5 for judge in judges)  # noqa: PLR2004 (everyday or frequent)
