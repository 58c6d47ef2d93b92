"""How easy a Markdown text is to read. Knows nothing of components, so that it is tested with plain Python."""

import re
from dataclasses import dataclass

# What is no prose, or stands for some other text.
_NOT_PROSE = [
    (re.compile(r"\A---\n.*?\n---\n", re.DOTALL), ""),  # front matter
    (re.compile(r"^(```|~~~).*?^\1[`~]*$", re.DOTALL | re.MULTILINE), "\n\n"),  # fenced code
    (re.compile(r"<!--.*?-->", re.DOTALL), " "),
    (re.compile(r"`[^`\n]+`"), "code"),
    (re.compile(r"!?\[([^\]\n]*)\](\([^)\n]*\)|\[[^\]\n]*\])"), r"\1"),  # links and images
    (re.compile(r"<[^>\n]+>"), " "),
    (re.compile(r"https?://\S+"), "link"),
]
# Headings, list items and table rows end where their line ends.
_BLOCK = re.compile(r"^\s*(#{1,6}\s|[-*+]\s|\d+[.)]\s|>|\|)")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SENTENCE_END = re.compile(r"[.!?…]+(?=\s|$)")
_VOWELS = re.compile(r"[aeiouyàáâäæèéêëìíîïòóôöœùúûü]+")


@dataclass(frozen=True)
class Ease:
    """What was counted in some texts, added up."""

    words: int = 0
    sentences: int = 0
    syllables: int = 0

    def __add__(self, other: "Ease") -> "Ease":
        return Ease(
            self.words + other.words,
            self.sentences + other.sentences,
            self.syllables + other.syllables,
        )

    @property
    def reading_ease(self) -> float:
        """R. Flesch, A new readability yardstick, 1948. Plain English is 60 to 70."""
        return 206.835 - 1.015 * self.words_per_sentence - 84.6 * self.syllables / self.words

    @property
    def grade_level(self) -> float:
        """J. P. Kincaid and others, 1975: the years of school that it takes."""
        return 0.39 * self.words_per_sentence + 11.8 * self.syllables / self.words - 15.59

    @property
    def words_per_sentence(self) -> float:
        return self.words / self.sentences


def count(markdown: str) -> Ease:
    """Counts the words, sentences and syllables of a text's prose."""
    text = markdown
    for pattern, replacement in _NOT_PROSE:
        text = pattern.sub(replacement, text)
    words = [word for sentence in _sentences(text) for word in _WORD.findall(sentence)]
    sentences = sum(1 for sentence in _sentences(text) if _WORD.search(sentence))
    return Ease(len(words), sentences, sum(map(_syllables, words)))


def _sentences(text: str):
    paragraph = []
    for line in [*text.split("\n"), ""]:
        if paragraph and (not line.strip() or _BLOCK.match(line)):
            yield from _SENTENCE_END.split(" ".join(paragraph))
            paragraph = []
        paragraph.append(line)


def _syllables(word: str) -> int:
    """Groups of vowels, less a silent e: right for nine English words of ten."""
    word = word.lower()
    groups = len(_VOWELS.findall(word))
    if word.endswith("e") and not word.endswith(("le", "ee")):
        groups -= 1
    return max(groups, 1)
