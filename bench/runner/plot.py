"""The comparison as a picture: one panel per figure, a bar per broker, drawn by gnuplot."""
import os
import subprocess

from .child import fail

PANELS = {                                        # figure: title, unit of the axis
    "end_to_end_100B": "End to end, 100 B, batched or pipelined (msg/s)",
    "end_to_end_1KiB": "End to end, 1 KiB, batched or pipelined (msg/s)",
    "end_to_end_100B_unbatched": "End to end, 100 B, single messages, 1,000 unanswered (msg/s)",
    "latency_1k_p50": "Send to handler at 1,000 msg/s, p50 (ms, less is better)",
    "latency_1k_p99": "Send to handler at 1,000 msg/s, p99 (ms, less is better)",
}
OURS, SYNCED, UNSYNCED = 1, 2, 3
COLOURS = {OURS: "#d1495b", SYNCED: "#2e6f9e", UNSYNCED: "#a9b8c4"}
WIDTH, PANEL_HEIGHT, FOOT = 900, 250, 60


def draw(lines, path):
    """`lines` as comparison.compare() returns them. Writes an SVG."""
    panels = {figure: rows(lines, figure) for figure in PANELS}
    script = "\n".join([*head(path, len(panels)), *(command for number, (figure, bars) in enumerate(panels.items())
                                                    for command in panel(figure, bars, number, len(panels)))])
    drawn = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True)
    if drawn.returncode != 0 or not os.path.getsize(path):
        fail(f"gnuplot failed: {drawn.stderr.strip()}")


def rows(lines, figure):
    """(broker, value, colour), the best above."""
    found = [(line["broker"], line["value"], OURS if line["broker"] == "taktd" else SYNCED if line["fsynced"] else UNSYNCED)
             for line in lines if line["name"] == f"peers_{figure}"]
    return sorted(found, key=lambda row: row[1], reverse=is_time(figure))


def is_time(figure):
    return figure.startswith("latency")


def head(path, panels):
    height = panels * PANEL_HEIGHT + FOOT
    return [f"set terminal svg size {WIDTH},{height} font 'sans-serif,12' background 'white'",
            f"set output '{path}'",
            f"set label 1 'red: Takt, synced before the confirm    blue: synced before the confirm    grey: not synced' "
            f"at screen 0.5, screen {FOOT / 2 / height:.4f} center",
            "set multiplot", "unset key", "set border 2", "set tics scale 0", "set style fill solid noborder", "set logscale x",
            "set lmargin at screen 0.19", "set rmargin at screen 0.88", "unset xtics"]


def panel(figure, bars, number, panels):
    """Bars from the left edge of a logarithmic axis, each with its value behind it."""
    values = [value for _, value, _ in bars]
    low, high = min(values) / 3, max(values) * 1.5
    height = panels * PANEL_HEIGHT + FOOT
    top, bottom = (1 - (PANEL_HEIGHT * number + offset) / height for offset in (35, PANEL_HEIGHT - 10))
    data = "\n".join(f"{low:g} {place} {low:g} {value:g} {place - 0.36} {place + 0.36} {colour} \"{shown(figure, value)}\""
                     for place, (_, value, colour) in enumerate(bars))
    names = ", ".join(f'"{name}" {place}' for place, (name, _, _) in enumerate(bars))
    colours = " : ".join(f"$7=={number} ? {int(colour[1:], 16)}" for number, colour in COLOURS.items()) + " : 0"
    return [f"$bars{number} << EOD\n{data}\nEOD",
            f"set tmargin at screen {top:.4f}", f"set bmargin at screen {bottom:.4f}",
            f"set title \"{PANELS[figure]}, logarithmic\" offset 0,-0.5",
            f"set xrange [{low:g}:{high:g}]", f"set yrange [-0.6:{len(bars) - 0.4}]", f"set ytics ({names})",
            f"plot $bars{number} using 1:2:3:4:5:6:({colours}) with boxxyerror lc rgb variable, "
            f"$bars{number} using 4:2:8 with labels left offset 0.5,0", "unset label 1"]


def shown(figure, value):
    return f"{value:.2f}" if is_time(figure) else f"{round(value):,}"
