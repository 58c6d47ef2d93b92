"""The component: what `wit/evaluator.wit` asks for, and the files."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports.types import (
    Descriptor,
    Direction,
    Failure_CandidateFailed,
    Measurement,
    MetricInfo,
    Parameter,
    Report,
    Request,
    Value_Integer,
    ValueType,
)

import measure

LARGEST = 1 << 20


class Evaluator(exports.Evaluator):
    def describe(self) -> Descriptor:
        def metric(name: str, direction: Direction, description: str) -> MetricInfo:
            return MetricInfo(name, "", direction, True, description)

        return Descriptor(
            name="markdown_readability",
            version="0.1.0",
            summary="How easy English Markdown is to read",
            # The first is the one that is improved where the user names none.
            metrics=[
                metric("reading_ease", Direction.HIGHER_IS_BETTER, "Flesch's formula; plain English is 60 to 70"),
                metric("grade_level", Direction.LOWER_IS_BETTER, "years of school that it takes, by Kincaid's formula"),
                metric("words_per_sentence", Direction.LOWER_IS_BETTER, "the mean"),
                metric("words", Direction.LOWER_IS_BETTER, "in the prose, without code"),
            ],
            open_metrics=False,
            parameters=[
                Parameter(
                    name="minimum_words",
                    type=ValueType.INTEGER,
                    required=False,
                    default=Value_Integer(20),
                    choices=[],
                    description="a target with fewer words fails, so that nothing is gained by deleting it",
                )
            ],
            commands=[],
            uses_model=False,
        )

    def evaluate(self, request: Request) -> Report:
        # The host has checked names and types and filled in the default.
        parameters = {name: value.value for name, value in request.parameters}
        total = measure.Ease()
        for target in request.targets:
            total += measure.count(read(target))
        if total.words < max(parameters["minimum_words"], 1):
            raise failed(f"it has {total.words} words; `minimum_words` is {parameters['minimum_words']}")
        return Report(
            measurements=[
                Measurement("reading_ease", [total.reading_ease]),
                Measurement("grade_level", [total.grade_level]),
                Measurement("words_per_sentence", [total.words_per_sentence]),
                Measurement("words", [float(total.words)]),
            ],
            diagnostics=[],
        )


def read(target: str) -> str:
    """A target's text. Whatever is wrong with it is the candidate's fault, and must be said as such."""
    try:
        with open(target, "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise failed(f"`{target}` cannot be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise failed(f"`{target}` is larger than 1 MiB")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise failed(f"`{target}` is not UTF-8") from None


def failed(why: str) -> Err:
    return Err(Failure_CandidateFailed(why))
