"""How many weights are left after each pruning iteration."""

from __future__ import annotations

# Hawks et al. 2021: fractions of what remains, pruned before each iteration; the last training prunes nothing.
PUBLISHED_FRACTIONS = (0.10, 0.111, 0.125, 0.143, 0.166, 0.20, 0.25, 0.333, 0.50, 0.666, 0.666)


def remaining_after(fractions: tuple[float, ...]) -> tuple[float, ...]:
    """Shares of all weights left after pruning `fractions` of what remains, one after the other."""
    shares, left = [], 1.0
    for fraction in fractions:
        left *= 1.0 - fraction
        shares.append(left)
    return tuple(shares)


PUBLISHED = remaining_after(PUBLISHED_FRACTIONS)


def check_schedule(remaining: tuple[float, ...]) -> None:
    """ValueError unless the shares lie in (0, 1) and fall."""
    if isinstance(remaining, str) or not all(isinstance(share, (int, float)) for share in remaining):
        raise ValueError(f"remaining ({remaining}) must be 'published' or a list of shares")
    for share in remaining:
        if not 0 < share < 1:
            raise ValueError(f"remaining: share {share} must lie between 0 and 1")
    for before, after in zip(remaining, remaining[1:]):
        if after >= before:
            raise ValueError(f"remaining: shares must fall, {after} follows {before}")
