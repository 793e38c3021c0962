"""Pictures of text to words with places, by Tesseract, a program that a person installs.

It is called once a page, with a time limit, and speaks through its standard streams: nothing is written to
disk. A page that gives little sense is tried in the three other directions too. Nothing here knows what a
picture is cut from.
"""

from __future__ import annotations

import io
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.parsers.pdf_words import Box, Word
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from PIL.Image import Image

    from rag.parsers.options import ParseOptions

# Tesseract's own advice for the resolution of what it reads.
DOTS_PER_INCH = 300

# A dense page of small type takes a busy core about ten seconds.
_PAGE_SECONDS = 120
_ANSWER_SECONDS = 20

INSTALL_HINT = (
    "apt-get install tesseract-ocr tesseract-ocr-chi-sim (on macOS: brew install tesseract tesseract-lang)"
)

# Words that Tesseract is less sure of, in percent, are specks and rules taken for letters.
_LEAST_CONFIDENCE = 30.0
# A page read the right way up is surer than this in the middle; one on its side never.
_UPRIGHT_CONFIDENCE = 75.0
# Trying all directions is cheap for as many letters as this.
_FEW_LETTERS = 200
_CLOCKWISE = re.compile(r"Rotate: (\d+)")

_HAN = re.compile(r"[\u2e80-\u303f\u3400-\u4dbf\u4e00-\u9fff\uff00-\uffef]")
# Chinese characters of one line this close, in their own heights, belong together; its boxes are not exact.
_HAN_GAP_EM = 1.5

# Among Chinese characters Tesseract often takes wide punctuation for narrow.
_WIDE = {",": "，", ":": "：", ";": "；", "?": "？", "!": "！"}
_NARROW_MARK = re.compile(r"(?<=[\u3400-\u9fff])[,:;?!]")

# The columns of Tesseract's table of words.
_LEVEL, _LEFT, _TOP, _WIDTH, _HEIGHT, _CONFIDENCE, _TEXT = 0, 6, 7, 8, 9, 10, 11
_COLUMNS = 12
_LINE_LEVEL, _WORD_LEVEL = "4", "5"


@dataclass(frozen=True, slots=True)
class PictureText:
    """The words of a picture, in points at `DOTS_PER_INCH`, as they stand once it is upright.

    Attributes:
        turn_degrees: how far it was turned, against the clock, to be upright.
        confidence: percent, the mean over the letters; 0 where there are none.
    """

    words: tuple[Word, ...]
    width_points: float
    height_points: float
    turn_degrees: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Ocr:
    """Tesseract with the languages that it will read."""

    languages: str

    @classmethod
    def start(cls, options: ParseOptions) -> Ocr:
        """Tesseract, if it is there.

        Raises:
            ParseError: it is switched off or not installed, or has none of the languages wanted; the
                message is the end of a sentence about a file.
        """
        if not options.ocr:
            raise ParseError("OCR is switched off", hint="allow OCR, or: ocrmypdf IN.pdf OUT.pdf")
        installed = _run(["--list-langs"], b"", _ANSWER_SECONDS).split()
        wanted = [name for name in options.ocr_languages.split("+") if name]
        usable = [name for name in wanted if name in installed]
        if not usable:
            packages = " ".join(f"tesseract-ocr-{name.replace('_', '-')}" for name in wanted)
            raise ParseError(
                f"Tesseract has none of the languages {', '.join(wanted) or '(none named)'}",
                hint=f"apt-get install {packages}",
            )
        return cls("+".join(usable))

    def read(self, picture: Image) -> PictureText:
        """The picture's words, whichever side is up.

        Raises:
            ParseError: Tesseract fails or takes longer than two minutes.
        """
        best = self._read_turned(picture, 0)
        if best.confidence >= _UPRIGHT_CONFIDENCE:
            return best
        for degrees in self._turns(picture, best):
            turned = self._read_turned(picture, degrees)
            if _sense(turned) > _sense(best):
                best = turned
            if best.confidence >= _UPRIGHT_CONFIDENCE:
                break
        return best

    def _turns(self, picture: Image, upright: PictureText) -> tuple[int, ...]:
        """The directions worth trying: the one that Tesseract finds, or all where it finds none."""
        try:
            answer = _run(["-", "-", "--psm", "0", "-l", "osd"], _png(picture), _PAGE_SECONDS)
        except ParseError:  # too few letters to tell, or its data for that is not installed
            few = sum(len(word.text) for word in upright.words) < _FEW_LETTERS
            return (90, 270, 180) if few else ()
        match = _CLOCKWISE.search(answer)
        clockwise = int(match.group(1)) if match else 0
        return (360 - clockwise,) if clockwise else ()

    def _read_turned(self, picture: Image, degrees: int) -> PictureText:
        upright = picture.convert("L").rotate(degrees, expand=True)
        arguments = ["-", "-", "-l", self.languages, "--dpi", str(DOTS_PER_INCH), "tsv"]
        table = _run(arguments, _png(upright), _PAGE_SECONDS)
        rows = [row for line in table.splitlines() if len(row := line.split("\t")) == _COLUMNS]
        found = [row for row in rows if _is_word(row)]
        letters = sum(len(row[_TEXT]) for row in found)
        sure = sum(len(row[_TEXT]) * float(row[_CONFIDENCE]) for row in found)
        return PictureText(
            words=tuple(_words(rows)),
            width_points=_points(upright.width),
            height_points=_points(upright.height),
            turn_degrees=degrees,
            confidence=sure / letters if letters else 0.0,
        )


def _png(picture: Image) -> bytes:
    png = io.BytesIO()
    picture.save(png, format="PNG", compress_level=1)
    return png.getvalue()


def _sense(text: PictureText) -> float:
    """How much was read, weighed by how sure it is: text on its side gives few and doubtful letters."""
    return text.confidence**2 * sum(len(word.text) for word in text.words)


def _run(arguments: Sequence[str], given: bytes, seconds: float) -> str:
    try:
        done = subprocess.run(
            ["tesseract", *arguments],  # noqa: S607 (the person's own, wherever it is installed)
            input=given,
            capture_output=True,
            timeout=seconds,
            check=True,
        )
    except (FileNotFoundError, PermissionError) as error:
        raise ParseError(
            "Tesseract, which reads pictures of text, is not installed", hint=INSTALL_HINT
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ParseError(
            f"Tesseract took longer than {seconds:g} s for a page", hint="try again when the machine is idle"
        ) from error
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise ParseError(f"Tesseract failed: {lines[-1]}", hint="tesseract --list-langs") from error
    return done.stdout.decode("utf-8", "replace")


def _is_word(row: Sequence[str]) -> bool:
    return (
        row[_LEVEL] == _WORD_LEVEL
        and bool(row[_TEXT].strip(" |_"))  # what it makes of rules
        and float(row[_CONFIDENCE]) >= _LEAST_CONFIDENCE
    )


def _words(rows: Iterable[Sequence[str]]) -> Iterator[Word]:
    """The words, each as high as its line, with Chinese characters side by side as one word."""
    line = Box(0, 0, 0, 0)
    word: Word | None = None
    begins = True
    for row in rows:
        if row[_LEVEL] == _LINE_LEVEL:
            line, begins = _box(row), True
        if not _is_word(row):
            continue
        text, own = _NARROW_MARK.sub(lambda mark: _WIDE[mark.group()], row[_TEXT].strip(" |")), _box(row)
        # A crooked line's box is higher than its words; theirs is nearer the truth then.
        place = Box(own.x0, line.top, own.x1, line.bottom) if line.height < 2 * own.height else own
        if word is not None and not begins and _continues(word, text, place):
            if text[0] in _WIDE:
                text = _WIDE[text[0]] + text[1:]
            word = Word(word.text + text, word.box.joined(place), word.follows)
            continue
        if word is not None:
            yield word
        word, begins = Word(text, place, follows=not begins), False
    if word is not None:
        yield word


def _continues(word: Word, text: str, place: Box) -> bool:
    """Whether both ends are Chinese and no wide gap lies between: Tesseract parts what no writer parted."""
    return (
        bool(_HAN.match(word.text[-1]) and (_HAN.match(text[0]) or text[0] in _WIDE))
        and place.x0 - word.box.x1 < _HAN_GAP_EM * place.height
    )


def _box(row: Sequence[str]) -> Box:
    left, top = _points(int(row[_LEFT])), _points(int(row[_TOP]))
    return Box(left, top, left + _points(int(row[_WIDTH])), top + _points(int(row[_HEIGHT])))


def _points(pixels: float) -> float:
    return pixels * 72 / DOTS_PER_INCH
