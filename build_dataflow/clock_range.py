"""--clock-ns: one period, or MIN:MAX to choose from."""

from __future__ import annotations

import click


class ClockRange(click.ParamType):
    """`5` is 5.0, `3:15` is (3.0, 15.0); periods in ns."""

    name = "NS|MIN:MAX"

    def convert(self, value, param, ctx):
        if not isinstance(value, str):
            return value
        try:
            periods = tuple(float(part) for part in value.split(":"))
        except ValueError:
            self.fail(f"'{value}' is neither a period in ns nor MIN:MAX", param, ctx)
        if len(periods) > 2 or not 0 < periods[0] <= periods[-1]:
            self.fail(f"'{value}' must be a period above zero, or MIN:MAX with MIN at most MAX", param, ctx)
        return periods[0] if len(periods) == 1 else periods


CLOCK = ClockRange()
