#!/usr/bin/env python3
"""scripts/prove on a small repository of its own, with a proof that does as it is told."""
import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "scripts")
sys.dont_write_bytecode = True


def load():
    loader = importlib.machinery.SourceFileLoader("prove", os.path.join(SCRIPTS, "prove"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("prove", loader))
    loader.exec_module(module)
    return module


# Leaves a file, counts what it is asked for, and fails for the seed that the file `bad` names.
PROGRAM = """#!/bin/sh
echo "seed $TAKT_PROVE_SEED" > "$TMPDIR/trace"
[ "$(cat bad 2>/dev/null)" != "$TAKT_PROVE_SEED" ] || { echo broken; exit 3; }
echo "figures {\\"turns\\": $TAKT_PROVE_COUNT, \\"longest_max\\": $1}"
"""


class Prove(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = self.folder.name
        os.makedirs(os.path.join(self.root, "docs/results"))
        self.write("program", PROGRAM)
        self.write(".gitignore", "/build/\n/bad\n")
        self.git("init", "-q")
        self.commit()
        self.prove = load()
        self.prove.ROOT = self.root
        self.proof = self.proof_of()

    def proof_of(self, **changes):
        entry = {"name": "turning", "claim": "it turns", "unit": "turns", "target": 25, "size": 10, "command": ("sh", "program", "{seed}")}
        proof = sys.modules["proofs"].Proof(**{**entry, **changes})
        self.prove.PROOFS[:] = [proof]
        return proof

    def write(self, name, text):
        with open(os.path.join(self.root, name), "w") as file:
            file.write(text)

    def git(self, *arguments):
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        subprocess.run(["git", "-C", self.root, *identity, *arguments], check=True, capture_output=True)

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "a step")

    def call(self, *arguments):
        """Exit code and all that was said."""
        said, code = io.StringIO(), 0
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                self.prove.main(arguments)
            except SystemExit as end:
                code = end.code or 0
        return code, said.getvalue()

    def lines(self):
        with open(os.path.join(self.root, "docs/results/turning.jsonl")) as file:
            return [json.loads(line) for line in file]

    def slices(self):
        return [(*line["seeds"], line["size"], line["held"]) for line in self.lines()]

    def test_runs_slices_until_the_target(self):
        self.assertEqual(self.call("turning")[0], 0)
        self.assertEqual(self.slices(), [(1, 1, 10, True), (2, 2, 10, True), (3, 3, 5, True)])
        self.assertEqual(self.call("turning")[0], 0)
        self.assertEqual(len(self.lines()), 3)

    def test_goes_on_where_it_stopped_at_another_commit(self):
        self.call("turning", "--slices", "1")
        self.write("more", "text")
        self.commit()
        self.call("turning", "--slices", "1")
        self.assertEqual(self.slices(), [(1, 1, 10, True), (2, 2, 10, True)])
        first, second = self.lines()
        self.assertNotEqual(first["commit"], second["commit"])
        self.assertEqual(second["figures"], {"turns": 10, "longest_max": 2})
        self.assertEqual(second["cores"], os.cpu_count())

    def test_counts_only_builds_that_have_a_commit_when_told_so(self):
        self.call("turning")
        self.write("more", "text")
        self.commit()
        self.assertIn("0 (0 %)", self.call("--summary", "--since", "HEAD")[1])
        self.assertIn("25 (100 %)", self.call("--summary", "--since", "HEAD~")[1])
        self.assertEqual(self.call("turning", "--since", "HEAD")[0], 0)
        self.assertEqual(self.slices()[3:], [(1, 1, 10, True), (2, 2, 10, True), (3, 3, 5, True)])
        self.call("turning", "--since", "HEAD")
        self.assertEqual(len(self.lines()), 6)

    def test_repeats_under_since_what_only_an_earlier_build_mended(self):
        self.write("bad", "2")
        self.call("turning")
        os.remove(os.path.join(self.root, "bad"))
        self.call("turning")
        self.write("more", "text")
        self.commit()
        self.assertIn("1 (0 open)", self.call("--summary")[1])
        self.assertIn("1 (1 open)", self.call("--summary", "--since", "HEAD")[1])
        self.call("turning", "--since", "HEAD", "--slices", "1")
        self.assertEqual(self.slices()[-1], (2, 2, 10, True))
        self.assertIn("1 (0 open)", self.call("--summary", "--since", "HEAD")[1])

    def test_refuses_a_commit_that_cannot_count(self):
        self.git("branch", "side")
        self.git("checkout", "-q", "side")
        self.write("more", "text")
        self.commit()
        self.git("checkout", "-q", "-")
        for commit, words in (("nowhere", "there is no commit 'nowhere'"), ("", "there is no commit ''"), ("side", "does not have that commit")):
            code, said = self.call("turning", "--since", commit)
            self.assertEqual(code, 2)
            self.assertIn(words, said)
        self.assertFalse(os.path.exists(os.path.join(self.root, "docs/results/turning.jsonl")))

    def test_gives_each_unit_a_seed_where_a_proof_says_so(self):
        self.proof_of(seeds_each=True, command=("sh", "program", "{last}"))
        self.call("turning")
        self.assertEqual(self.slices(), [(1, 10, 10, True), (11, 20, 10, True), (21, 25, 5, True)])
        self.assertEqual(self.lines()[1]["figures"]["longest_max"], 20)

    def test_keeps_what_a_failed_slice_left_and_repeats_it_first(self):
        self.write("bad", "2")
        code, said = self.call("turning")
        self.assertEqual(code, 1)
        self.assertIn("exit code 3", said)
        self.assertIn("broken", said)
        self.assertIn("TAKT_PROVE_SEED=2 TAKT_PROVE_COUNT=10 sh program 2", said)
        kept = os.path.join(self.root, "build/prove/turning/seed-2/files/trace")
        self.assertTrue(os.path.exists(kept))
        self.assertFalse(os.path.exists(os.path.join(self.root, "build/prove/turning/seed-1")))
        self.assertIn("1 (1 open)", self.call("--summary")[1])
        os.remove(os.path.join(self.root, "bad"))
        self.assertEqual(self.call("turning")[0], 0)
        self.assertEqual(self.slices(), [(1, 1, 10, True), (2, 2, 10, False), (2, 2, 10, True), (3, 3, 5, True)])
        self.assertIn("1 (0 open)", self.call("--summary")[1])

    def test_refuses_a_tree_with_changes_but_for_results(self):
        self.call("turning", "--slices", "1")
        self.assertEqual(self.call("turning", "--slices", "1")[0], 0)
        self.write("more", "text")
        code, said = self.call("turning")
        self.assertEqual(code, 2)
        self.assertIn("commit or stash them first\n?? more", said)
        self.assertEqual(len(self.lines()), 2)

    def test_stops_when_the_tree_is_no_longer_what_was_built(self):
        self.proof_of(command=("sh", "-c", "date > other; exec sh program {seed}"))
        code, said = self.call("turning")
        self.assertEqual(code, 2)
        self.assertIn("no longer what was built", said)
        self.assertEqual(len(self.lines()), 1)

    def test_takes_a_program_without_figures_for_a_failure(self):
        self.proof_of(command=("true",))
        code, said = self.call("turning")
        self.assertEqual(code, 1)
        self.assertIn("no line of figures with 'turns'", said)
        self.assertEqual(self.slices(), [(1, 1, 10, False)])

    def test_ends_a_program_that_hangs(self):
        self.proof_of(command=("sleep", "1000"), minutes_max=0.001)
        code, said = self.call("turning")
        self.assertEqual(code, 1)
        self.assertIn("still running", said)

    def test_lets_each_variant_reach_the_target(self):
        self.proof_of(variants=lambda: ["left", "right"])
        self.assertEqual(self.call("turning/right", "--slices", "1")[0], 0)
        self.assertEqual(self.lines()[0]["variant"], "right")
        self.call("turning")
        self.assertEqual(sorted(line["variant"] for line in self.lines()), ["left"] * 3 + ["right"] * 3)
        self.assertIn("50 turns  50 (100 %)", self.call("--summary")[1])

    def test_sums_figures_up_and_takes_the_largest_of_a_maximum(self):
        self.call("turning")
        self.assertIn("turns 25, longest_max 3", self.call("--summary")[1])

    def test_names_the_line_that_it_cannot_read(self):
        self.write("docs/results/turning.jsonl", "nonsense\n")
        code, said = self.call("--summary")
        self.assertEqual(code, 1)
        self.assertIn("turning.jsonl:1 is no line of results", said)

    def test_says_what_there_is_when_a_name_is_wrong(self):
        for arguments, answer in ((("turn",), "there are: turning"), (("turning/up",), "there are: none"), ((), "--list shows them")):
            code, said = self.call(*arguments)
            self.assertEqual(code, 2)
            self.assertIn(answer, said)


if __name__ == "__main__":
    unittest.main()
