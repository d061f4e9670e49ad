#!/usr/bin/python3
"""Our cron against Debian's python3-croniter: cron_oracle_test.py CRON_LINES [SEED [EXPRESSIONS]]

What the two read in another way is left out: a step over all days beside days of the week (croniter takes either kind, Vixie
cron wants both), a range of all that a field may hold (croniter takes it for a star), days that a month never has beside days of
the week (croniter gives up), Sunday as 7, and what comes in the March behind a February that is waited through (croniter 1.3.5
passes over its first days).
"""
import datetime
import random
import subprocess
import sys

from croniter import croniter

EPOCH = datetime.datetime(1970, 1, 1)
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
DAYS = ["MON-FRI", "SUN", "sat", "TUE,THU", "mon-wed"]


def item(draw, low, high):
    first = draw.randint(low, high)
    if draw.random() < 0.7:
        return str(first)
    last = draw.randint(first, high - 1 if first == low else high)
    step = f"/{draw.randint(1, 5)}" if last > first and draw.random() < 0.4 else ""
    return f"{first}-{last}{step}"


def field(draw, low, high, stars):
    chance = draw.random()
    if chance < stars:
        return "*"
    if chance < stars + 0.1:
        return f"*/{draw.randint(1, (high - low) // 2)}"
    return ",".join([item(draw, low, high), *(str(draw.randint(low, high)) for _ in range(draw.choice([0, 0, 0, 1, 2])))])


def expression(draw):
    weekday = draw.choice(["*", "*", draw.choice(DAYS), item(draw, 0, 6)])
    day = field(draw, 1, 31, 0.5)
    if day.startswith("*/") and weekday != "*":
        day = "*"
    month = draw.choice([field(draw, 1, 12, 0.6), draw.choice(MONTHS)])
    return " ".join([field(draw, 0, 59, 0.3), field(draw, 0, 23, 0.3), day, month, weekday])


def oracle(text, after):
    """None: croniter gives up, as on a 31st of February."""
    try:
        walk = croniter(text, EPOCH + datetime.timedelta(seconds=after))
        return [int((walk.get_next(datetime.datetime) - EPOCH).total_seconds()) for _ in range(3)]
    except Exception:
        return None


def waits_through_february(after, expected):
    instants = [EPOCH + datetime.timedelta(seconds=at) for at in [after, *expected]]
    return any(a.month < 3 <= b.month or a.year < b.year and b.month >= 3 for a, b in zip(instants, instants[1:]))


def main():
    draw = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    cases = [(draw.randint(0, 4_000_000_000), expression(draw)) for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 3000)]
    lines = "".join(f"{after} {text}\n" for after, text in cases)
    ours = subprocess.run([sys.argv[1]], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    compared, wrong = 0, []
    for (after, text), line in zip(cases, ours, strict=True):
        expected = oracle(text, after)
        if expected is None:
            if "no date fits" not in line and text.endswith(" *"):
                wrong.append(f"'{text}' after {after}: croniter finds nothing, we say {line}")
            continue
        if waits_through_february(after, expected):
            continue
        compared += 1
        if line.split() != [str(at) for at in expected]:
            wrong.append(f"'{text}' after {after}: croniter says {expected}, we say {line}")
    print("\n".join(wrong[:20]) or f"{compared} expressions agree")
    if wrong or compared < len(cases) / 2:
        sys.exit(f"{len(wrong)} of {len(cases)} differ, {compared} were compared")


if __name__ == "__main__":
    main()
