#!/usr/bin/env python3
"""The campaigns: many seeds of each scenario, once set up so that it has something to find, once so that it has not.

    cargo build --release && sudo benches/campaigns.py [--runs 20] [--jobs 2] [--only etcd] [--out DIR]

Prints a table (Markdown, on standard output) and ends with 1 where a control finds anything, or a positive nothing. What
failed stays in the folder that it names; with `--out` an interrupted campaign goes on where it was.

Needs root, and what the scenarios need (Debian: redis-server, redis-sentinel, redis-tools, etcd-server, etcd-client,
postgresql). It takes some 30 minutes on two cores, most of which are waiting.
"""

import argparse
import collections
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent.parent
# Scenario, what makes it the positive, what makes it the control.
CAMPAIGNS = [
    ("quickstart", "acks=one", None),
    ("etcd_kv", "reads=serializable", None),
    ("postgres_failover", None, "synchronous_commit=on"),
    ("etcd_lock", None, "fencing=1"),
    ("redis_sentinel", None, "min_replicas=1"),
]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=20, help="seeds of each, from 1 on")
    parser.add_argument("--jobs", type=int, default=2, help="clusters side by side")
    parser.add_argument("--only", default="", help="those whose name contains this")
    parser.add_argument("--out", type=pathlib.Path, help="the folder of the runs")
    target = os.environ.get("CARGO_TARGET_DIR", HERE / "target")
    parser.add_argument("--blockade", default=f"{target}/release/blockade", help="the binary")
    return parser.parse_args()


def folder(given):
    """Where the runs go. PostgreSQL runs as a user of its own, who must be able to enter it."""
    if given:
        given.mkdir(parents=True, exist_ok=True)
        return given.resolve()
    made = pathlib.Path(tempfile.mkdtemp(prefix="blockade-campaigns-"))
    made.chmod(0o755)
    return made


def soak(asked, out, scenario, setting):
    """Soaks one; the results of its runs, by seed."""
    runs = out / f"{scenario}-{setting or 'plain'}"
    line = [asked.blockade, "soak", str(HERE / "scripts" / f"{scenario}.rhai"), "--runs", str(asked.runs)]
    line += ["--jobs", str(asked.jobs), "--seed-start", "1", "--out", str(runs), "--json"]
    line += ["--set", setting] if setting else []
    print(*line, file=sys.stderr)
    ended = subprocess.run(line, stdout=subprocess.PIPE, cwd=out, check=False)
    if ended.returncode not in (0, 1, 5):
        sys.exit(f"exit code {ended.returncode}: see above, and {runs}")
    return [json.loads((runs / str(seed) / "result.json").read_text()) for seed in range(1, asked.runs + 1)]


def row(scenario, setting, is_positive, results):
    verdicts = collections.Counter(result["verdict"] for result in results)
    signatures = {result["failure"]["signature"] for result in results if result["verdict"] == "fail"}
    seconds = [result["duration_ms"] / 1e3 for result in results]
    found = f"{verdicts['fail']} of {len(results)}"
    others = sum(verdicts.values()) - verdicts["fail"] - verdicts["pass"]
    cells = [
        f"`{scenario}`" + (f", `{setting}`" if setting else ""),
        "positive" if is_positive else "control",
        found + (f", {others} without a verdict" if others else ""),
        str(len(signatures)) if signatures else "",
        f"{statistics.median(seconds):.0f} s ({min(seconds):.0f} … {max(seconds):.0f})",
    ]
    print(f"| {' | '.join(cells)} |", flush=True)
    as_expected = verdicts["fail"] > 0 if is_positive else verdicts["pass"] == len(results)
    return as_expected, signatures


def main():
    asked = arguments()
    chosen = [campaign for campaign in CAMPAIGNS if asked.only in campaign[0]]
    if not chosen:
        sys.exit(f"no scenario has {asked.only} in its name")
    out = folder(asked.out)
    print("| scenario | which | runs that fail | signatures | a run takes |\n|---|---|---|---|---|", flush=True)
    as_expected = True
    for scenario, positive, control in chosen:
        for setting, is_positive in ((positive, True), (control, False)):
            fine, signatures = row(scenario, setting, is_positive, soak(asked, out, scenario, setting))
            as_expected = as_expected and fine
            print(*sorted(signatures), sep="\n", file=sys.stderr)
    print(f"the runs are in {out}", file=sys.stderr)
    sys.exit(0 if as_expected else 1)


if __name__ == "__main__":
    main()
