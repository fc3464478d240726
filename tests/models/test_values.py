"""Fields as a person writes them, and the one line for what they cannot be."""

from dataclasses import fields

import pytest

from models.configuration import TrainConfig
from models.fields import FIELDS, field_table


@pytest.mark.parametrize("field, text, value", [
    ("l1", "1e-4", 1e-4), ("l1", "5E-5", 5e-5), ("learning_rate", "2.0e-2", 0.02), ("random_labels", "5 %", 0.05),
    ("hidden", "64,32,32", (64, 32, 32)), ("hidden", "64 32", (64, 32)), ("hidden", "64-32-32", (64, 32, 32)), ("hidden", "[16]", (16,)),
    ("hidden", "16", (16,)), ("remaining", "0.5 0.2, 5%", (0.5, 0.2, 0.05)), ("remaining", "1e-1", (0.1,)),
    ("weight_bits", "4", 4), ("weight_bits", "[4, 6, 6, 6]", (4, 6, 6, 6)), ("saliency", "magnitude,fisher", ("magnitude", "fisher")),
    ("rewind", "yes", True), ("rewind", "off", False), ("final_epochs", "none", None), ("batch_size", "1_024", 1024), ("epochs", "10.0", 10),
    ("label", "a kind", "a kind"), ("drop", "event", ("event",)),
])
def test_texts_become_values(field, text, value):
    assert getattr(TrainConfig().with_fields(**{field: text}), field) == value


@pytest.mark.parametrize("field, text, message", [
    ("epochs", "ten", "epochs (ten) must be a whole number"),
    ("epochs", "2.5", "epochs (2.5) must be a whole number"),
    ("l1", "small", "l1 (small) must be a number"),
    ("hidden", "64,thirty", "hidden (64,thirty) must be a whole number, or a list of them"),
    ("rewind", "perhaps", "rewind (perhaps) must be true or false"),
    ("learning_rate", "-1", "learning_rate (-1) must be above zero"),
    ("task", "regresion", "did you mean 'regression'?"),
    ("epoch", "3", "did you mean 'epochs'?"),
    ("remaining", "half", "remaining (half) must be a number, or a list of them"),
])
def test_mistakes_are_one_line(field, text, message):
    with pytest.raises(ValueError) as caught:
        TrainConfig().with_fields(**{field: text})
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_every_field_is_documented_and_shown_as_set_takes_it():
    assert set(FIELDS) == {field.name for field in fields(TrainConfig)}
    for field, value, _ in field_table():
        assert getattr(TrainConfig().with_fields(**{field: value}), field) == pytest.approx(getattr(TrainConfig(), field), rel=0.01) \
            if field == "remaining" else getattr(TrainConfig().with_fields(**{field: value}), field) == getattr(TrainConfig(), field)
