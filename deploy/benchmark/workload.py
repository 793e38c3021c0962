"""What a benchmark asks for: how many tokens, how often, how many at once, and the prompts themselves.

Pure. It does not know servers, and counts a prompt in words; what those are in the model's tokens is told to
it by two trial requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

# The first words of a prompt spell its number in base 64, so that no two prompts of a run begin alike and no
# prefix cache can give one client what it computed for the other. Each is one token with the vocabularies of
# Llama, Qwen, SmolLM and DeepSeek, so that all prompts are equally long.
_WORDS = (  # noqa: SIM905  a list of 64 lines would be no easier to read
    "time year people way day man thing woman life child world school state family student group country "
    "problem hand part place case week company system program question work government number night point "
    "home water room mother area money story fact month lot right study book eye job word business issue "
    "side kind head house service friend father power hour game line end member law"
).split()
_BASE = len(_WORDS)

# 64^6 numbers: a random start is not met again while a server keeps its cache.
_OPENING_WORDS = 6
PROMPT_NUMBERS = _BASE**_OPENING_WORDS

# A server that cannot be told to ignore the end of the text should have much to write.
_TASK = "Write a long story in which each of these words occurs."
FEWEST_WORDS = _OPENING_WORDS + 1


@dataclass(frozen=True, slots=True)
class BenchWorkload:
    """How much is asked.

    Rounds are short and many: what else runs on the machine changes from second to second, and only what both
    clients meet within one pair of rounds cancels out.

    Attributes:
        prompt_tokens: of each prompt, the chat template's included.
        output_tokens: of each answer.
        requests: of each client in each round; see ``requests_at``.
        rounds: pairs of one round through either client, at each concurrency.
        concurrency: how many requests are under way at once, one level after the other.
    """

    prompt_tokens: int = 128
    output_tokens: int = 64
    requests: int = 1
    rounds: int = 8
    concurrency: tuple[int, ...] = (1, 2, 4, 8)

    def requests_at(self, concurrency: int) -> int:
        """Requests of one round, raised to full turns: an unfinished one would measure a lower concurrency.

        Example:
            >>> BenchWorkload(requests=4).requests_at(8), BenchWorkload(requests=9).requests_at(4)
            (8, 12)
        """
        return ceil(self.requests / concurrency) * concurrency


@dataclass(frozen=True, slots=True)
class TokensPerWord:
    """How long prompts become: ``tokens = fixed + slope * words``.

    Attributes:
        fixed: the chat template and the task.
        slope: above 1 where the vocabulary cuts words.
    """

    fixed: float = 0.0
    slope: float = 1.0

    @classmethod
    def fitted(cls, few: tuple[int, int], many: tuple[int, int]) -> TokensPerWord:
        """The line through two trials, each as words and the tokens that the server counted.

        Example:
            >>> TokensPerWord.fitted((10, 60), (110, 160))
            TokensPerWord(fixed=50.0, slope=1.0)
        """
        slope = (many[1] - few[1]) / (many[0] - few[0])
        if slope <= 0:  # a server that counts nothing, or not the prompt
            return cls()
        return cls(few[1] - slope * few[0], slope)

    def words(self, prompt_tokens: int) -> int:
        """How many words make a prompt of so many tokens; ``FEWEST_WORDS`` where even those are more.

        Example:
            >>> TokensPerWord(fixed=50, slope=2).words(128)
            39
        """
        return max(FEWEST_WORDS, round((prompt_tokens - self.fixed) / self.slope))


def prompt(number: int, *, words: int) -> str:
    """A prompt of so many words, the first of which are its number, least digit first.

    Example:
        >>> prompt(1, words=8)
        'year time time time time time time year Write a long story in which each of these words occurs.'
    """
    opening = [_WORDS[number // _BASE**digit % _BASE] for digit in range(_OPENING_WORDS)]
    body = [_WORDS[index % _BASE] for index in range(words - _OPENING_WORDS)]
    return " ".join([*opening, *body, _TASK])
