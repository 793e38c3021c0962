"""Words that carry grammar and no subject, English and Chinese: neither indexed nor asked for.

Two lists and the rule for pairs of Chinese characters. It knows no stems and no index. Other languages'
function words are indexed like any word: BM25 gives next to no weight to what every passage has.
"""

from __future__ import annotations

# The classic short English list (after van Rijsbergen, 1979), plus what questions are asked with.
_ENGLISH = """
a about above after again all also am an and any are as at be because been before being below
between both but by can could couldn did didn do does doesn doing don down during each few for from
further had hadn has hasn have haven having he her here hers him his how i if in into is isn it its
itself just ll me might more most must my no nor not of off on once only or other our ours out over
own please re s same she should shouldn so some such t tell than that the their theirs them then
there these they this those through to too under until up ve very was wasn we were weren what when
where which while who whom whose why will with won would wouldn you your yours
"""
ENGLISH = frozenset(_ENGLISH.split())

# Particles that carry grammar and no subject: a bigram with one of them straddles a word's edge …
PARTICLES = frozenset("的吗呢吧啊嘛呀么什甚")
# … except in these words.
_PARTICLE_WORDS = frozenset({"目的", "标的", "的士", "什锦"})
# Function words: a bigram of two of them says nothing.
_FUNCTION_CHARACTERS = frozenset(
    "是了在和与及或而也都就被把从到对为以于之其这那有又且但若则"  # verbs of being, prepositions, conjunctions
    "不没个哪几谁请问如何"  # negation, measures, what questions are asked with
)
_COMMON = "多少 怎样 哪里 何时 可以 我们 他们 它们 你们 一个 一种"
_COMMON_WORDS = frozenset(_COMMON.split())


def is_stop_bigram(bigram: str) -> bool:
    """Whether two neighbouring simplified characters say nothing of a text's subject."""
    if bigram in _PARTICLE_WORDS:
        return False
    if bigram in _COMMON_WORDS or not PARTICLES.isdisjoint(bigram):
        return True
    return _FUNCTION_CHARACTERS.issuperset(bigram)
