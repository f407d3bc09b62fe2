"""Decisions replayed on real per-item scores: error rates, calls, coverage and regret, by rule.

    python -m bench.decisions --data DATA --output bench/results/decisions.md

One subject per module: `data` (boards of scores), `deviate` (the library's z, for many runs at
once), `rules` (ours and those of others), `agreement` (many runs at once = the library), `nulls`,
`pairs`, `best_of_k`, `coverage`, `judges`, `targets`. Data stay where they are; only aggregate
figures are printed.

DATA holds folders `replay_*` with a `scores.parquet` each: one row per system and item with
`system`, `item`, `group` and `score` in [0, 1]. They come from AlpacaEval 2 (CC BY-NC 4.0, hence
not here), MMLU-Pro (Apache-2.0) and GSM8K (MIT); `judge_pandalm` and `judge_llmbar`, where present,
hold verdicts of people and judges.
"""
