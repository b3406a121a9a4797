# SPDX-License-Identifier: GPL-2.0-only
"""The search for a setting: rounds of a few settings, each run a few times, and more often only as long as it may be the best.

All settings of a block of replications share random numbers, and are judged by the difference to the experiment as written.
Leaves out what is made of the best (`tune`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any, Final

from slabdes.config import Experiment
from slabdes.config.knobs import Knob, refusal
from slabdes.errors import Impossible, InputError
from slabdes.measures.names import check_told, resolution_of
from slabdes.results.text import bytes_text
from slabdes.stats.deciding import Looks, Outcome
from slabdes.stats.pairs import difference
from slabdes.stats.pareto import front_of
from slabdes.study.inputs import Inputs
from slabdes.study.proposals import ROUND, Known, Settings, first_round, proposed, spread
from slabdes.study.run import run_study
from slabdes.study.spools import Phase
from slabdes.study.trials import Record, Trial, block_experiment, measured
from slabdes.words import name_of

RACE: Final = Looks(most=8, indifference=0.005, fewest=2, confidence=0.8)
"""How often a setting is run: twice, four times only if it may be better than the best by half a per cent, eight times if it is
among the last to choose from. More settings are worth more than more replications, since all share random numbers (measured).
An error there costs a setting that is as good, no more: the best is measured anew (a choice)."""
IN_TURN: Final = 4
"""Replications of a setting while others are still to be tried, at most."""
LAST: Final = 4
"""Settings with the best scores that are run eight times before the best is chosen, and of the front, four times."""
_STEPS: Final = 1000
SEARCHING: Final = "trying settings"


class Search:
    """The trials of a search; the first is the experiment as written, its settings `written`. `options` are for `run_study`.

    Nothing is kept of what was run when `inputs` were no longer what they were, nor where anything but a setting was refused.
    """

    def __init__(
        self,
        experiment: Experiment,
        inputs: Inputs,
        knobs: Sequence[Knob],
        measure: str,
        written: Settings,
        record: Record,
        maximise: bool,
        most_held: float | None,
        phase: Phase | None,
        options: Mapping[str, Any],
    ) -> None:
        self.experiment, self.knobs, self.measure, self.record = experiment, knobs, measure, record
        self.maximise, self.most_held = maximise, most_held
        self.trials = [Trial(0, written)]
        self._inputs, self._phase, self._options = inputs, phase, dict(options)
        self._done, self._reached, self._wanted = 0, 0.0, 1

    def run(self, count: int) -> None:
        """Try `count` settings beside the experiment as written, or all there are. Raises InputError if that cannot be run."""
        self._wanted = count + 1
        self._fill([self.trials[0]], RACE.replications[0])
        seed = self.experiment.seed
        waiting = spread(self.knobs, min(first_round(self.knobs), count), seed, self._allowed)
        waiting = [settings for settings in waiting if settings != self.trials[0].settings]
        turn = 0
        while (left := count + 1 - len(self.trials)) > 0:
            asked, waiting = waiting[: min(ROUND, left)], waiting[ROUND:]
            asked = asked or proposed(self.knobs, self._known(), min(ROUND, left), seed, turn, self._allowed)
            if not asked:
                return
            turn += 1
            self._round([Trial(len(self.trials) + number, settings) for number, settings in enumerate(asked)])

    def may_be(self, trial: Trial) -> bool:
        """Whether a trial was run, and holds no more than it may."""
        return bool(trial.values) and (self.most_held is None or trial.held_bytes <= self.most_held)

    def score(self, trial: Trial) -> float:
        """How much worse than the experiment as written a trial is, on the replications that both have."""
        mine, written = self._costs(trial), self._costs(self.trials[0])
        return fmean(mine) - fmean(written[: len(mine)])

    def settle(self, trials: Sequence[Trial]) -> None:
        """Run the best of these as often as any before one of them is chosen; some of the front as often as others in turn."""
        best = sorted(trials, key=lambda trial: (self.score(trial), trial.held_bytes, trial.number))[:LAST]
        front = [trials[number] for number in front_of([(self.score(trial), trial.held_bytes) for trial in trials])]
        self._fill(some_of(front, LAST), IN_TURN)
        self._fill([self.trials[0], *best], RACE.most)

    def best_of(self, trials: Sequence[Trial]) -> Trial:
        """The one that holds least of those that are as good as the best, but for what does not matter."""
        trials = [trial for trial in trials if len(trial.values) == RACE.most] or trials
        best = min(map(self.score, trials))
        good = [trial for trial in trials if self.score(trial) - best <= RACE.indifference * abs(fmean(trial.values))]
        return min(good, key=lambda trial: (trial.held_bytes, self.score(trial), trial.number))

    def nothing_found(self) -> InputError:
        """What to say where no trial may be chosen."""
        ran = [trial.held_bytes for trial in self.trials[1:] if trial.values]
        if not ran:
            why = next((trial.refused for trial in self.trials if trial.refused), "there is one setting")
            return InputError("--over", f"no setting can be run ({why})", allowed="other ranges")
        assert self.most_held is not None
        what = f"every setting tried holds more than {bytes_text(self.most_held)}"
        return InputError("--max-held", what, allowed=f"{bytes_text(math.ceil(min(ran)))} and more, or other ranges")

    def _allowed(self, settings: Settings) -> bool:
        return refusal(self.experiment, settings, "tune") is None

    def _costs(self, trial: Trial) -> list[float]:
        return [-value for value in trial.values] if self.maximise else trial.values

    def _known(self) -> list[Known]:
        """What the next proposals are made from: what may not be is worse than all that may."""
        ran = [trial for trial in self.trials if trial.values]
        worst = max(map(self.score, ran))
        known = []
        for trial in self.trials:
            if not trial.values:
                known.append(Known(trial.settings, worst + math.ulp(worst) + 2e15, max(one.held_bytes for one in ran)))
            elif self.may_be(trial):
                known.append(Known(trial.settings, self.score(trial), trial.held_bytes))
            else:
                known.append(Known(trial.settings, worst + 1 + trial.held_bytes, trial.held_bytes))
        return known

    def _round(self, new: list[Trial]) -> None:
        """Run new trials, and those again that may be the best, together with the one that is."""
        self._fill(new, RACE.replications[0])
        self.trials += new
        alive = [trial for trial in new if self.may_be(trial)]
        while alive:
            best = min(filter(self.may_be, self.trials), key=lambda trial: (self.score(trial), trial.number))
            still = [trial for trial in alive if trial is not best and self._may_be_better(trial, best)]
            if not still:
                break
            fewest = min(len(trial.values) for trial in still)
            count = next(count for count in RACE.replications if count > fewest)
            self._fill([self.trials[0], best, *(trial for trial in still if len(trial.values) == fewest)], count)
            alive = [trial for trial in alive if self.may_be(trial)]
        self._done += len(new)

    def _may_be_better(self, trial: Trial, best: Trial) -> bool:
        """Whether more replications might tell the two apart."""
        mine, theirs = self._costs(trial), self._costs(best)
        n = min(len(mine), len(theirs))
        values = fmean(theirs[:n]), fmean(mine[:n])
        resolution = resolution_of(self.measure)
        known = resolution * max(map(abs, values))
        each = dict(enumerate(theirs[:n])), dict(enumerate(mine[:n]))
        change = difference(values[0], each[0], values[1], each[1], True, RACE.level, known)
        open_still = RACE.outcome(change, max(map(abs, values)), resolution) is Outcome.OPEN
        return open_still and len(mine) < IN_TURN

    def _fill(self, trials: Sequence[Trial], count: int) -> None:
        """Run trials until each has `count` replications, block by block."""
        counts = [0, *RACE.replications]
        for block, (before, after) in enumerate(pairwise(counts)):
            lacking = [trial for trial in dict.fromkeys(trials) if len(trial.values) == before and not trial.refused]
            if after <= count and lacking:
                self._run_block(lacking, block, after - before)

    def _run_block(self, trials: Sequence[Trial], block: int, replications: int) -> None:
        missing = [trial for trial in trials if self.record.find(trial.settings, block) is None]
        if missing:
            self._simulate(missing, block, replications)
        for trial in trials:
            told = self.record.find(trial.settings, block)
            assert told is not None
            trial.values += told["values"]
            trial.held += told["held"]
            trial.refused = told.get("refused", "")

    def _simulate(self, trials: Sequence[Trial], block: int, replications: int) -> None:
        """Run a block of each trial and keep what comes of it; one that is refused is found by running each alone."""
        settings = [trial.settings for trial in trials]
        try:
            experiment = block_experiment(self.experiment, settings, block, replications)
            frames = run_study(experiment, phase=self._report(replications * len(trials)), **self._options).frames
            if trials[0].number == 0:
                check_told(frames.of_points([0]), self.measure, "tune")
            found = measured(frames, self.measure, len(trials))
        except Impossible as error:
            if trials[0].number == 0:
                raise
            if len(trials) > 1:
                for trial in trials:
                    self._simulate([trial], block, replications)
                return
            found = [{"values": [], "held": [], "refused": str(error)}]
        self._inputs.check()
        for trial, told in zip(trials, found, strict=True):
            if len(told["values"]) < replications and "refused" not in told:
                told = {"values": [], "held": [], "refused": f"not every replication has {name_of(self.measure)}"}
                if trial.number == 0:
                    raise InputError(
                        "tune", f"the experiment has no {name_of(self.measure)}", allowed="a measure of operations that it does"
                    )
            self.record.keep(trial.settings, block, told)

    def _report(self, tasks: int) -> Phase | None:
        """Progress of a block, told as a part of all trials."""
        if self._phase is None:
            return None
        phase, begun, part = self._phase, self._done, min(tasks / RACE.fewest, ROUND)

        def report(_what: str, done: int, total: int) -> None:
            share = done / total if total else 0.0
            self._reached = max(self._reached, min(begun + part * share, self._wanted))
            phase(SEARCHING, round(_STEPS * self._reached), _STEPS * self._wanted)

        return report


def some_of(trials: Sequence[Trial], most: int) -> list[Trial]:
    """At most so many of them, first and last among them."""
    if len(trials) <= most:
        return list(trials)
    return [trials[round(step * (len(trials) - 1) / (most - 1))] for step in range(most)]
