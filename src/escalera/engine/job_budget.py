"""What jobs may cost: minutes of work and money, reserved before they are used.

Minutes count by the jobs themselves, so that a worker that is killed leaves nothing taken. Money is
leased from the key's allowance, which answers are paid of as well; what a killed worker leased and
could not write down stays taken, which errs on the side of the allowance.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from escalera.core.serving import leasing, windows
from escalera.domain.access import Account, Amounts, Asked, Key, Returned, Shortage
from escalera.domain.job import HeldMoney, Job
from escalera.ports.jobs import JobQueue
from escalera.ports.serving import KeyBook, Vault

MICRO = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """`price` is in micro-dollars an hour, None where jobs cost no money; without `keys` nobody has
    an allowance, and `vault` is what money is leased of."""

    queue: JobQueue
    price: int | None = None
    keys: KeyBook | None = None
    vault: Vault | None = None

    def cost(self, seconds: float) -> int:
        """What so much work costs, in micro-dollars, rounded up."""
        return 0 if self.price is None else math.ceil(self.price * seconds / 3600)

    def reserve(self, job: Job, seconds: float, now: float) -> Job | str:
        """The job with *seconds* in all reserved for it, or why there are not so many."""
        if not job.key or self.keys is None:
            return replace(job, reserved=seconds)
        for shortage in self._minutes(job, seconds, now):
            return shortage
        leased = self._leased(job, seconds, now)
        return leased if isinstance(leased, str) else replace(leased, reserved=seconds)

    def settled(self, job: Job) -> tuple[Job, Sequence[Returned]]:
        """The job with nothing reserved, and what is to be given back once that is kept."""
        owed = self.cost(job.seconds) - job.paid
        returned = []
        for held in job.held:
            used = min(owed, held.micro_dollars)
            owed -= used
            returned.append(
                Returned(
                    key=job.key,
                    amounts=Amounts(micro_dollars=held.micro_dollars - used),
                    spent=used,
                    key_period=held.key_period,
                    account_period=held.account_period,
                )
            )
        paid = job.paid + sum(one.spent for one in returned)
        return replace(job, reserved=0.0, held=(), paid=paid), returned

    def give_back(self, returned: Sequence[Returned], now: float) -> None:
        """Give back what was not used."""
        if returned and self.vault is not None:
            self.vault.give_back(returned, now)

    # Private

    def _minutes(self, job: Job, seconds: float, now: float) -> Iterator[str]:
        """Why there are too few minutes, by each who has an allowance of them."""
        for holder, entry in self._holders(job):
            allowed = entry.training
            if allowed is None:
                continue
            since = windows.begins(allowed.window, now)
            taken = self.queue.spent([holder], since=since)[holder]
            if job.began is not None and job.began >= since:
                taken -= max(job.seconds, job.reserved)
            left = allowed.minutes * 60 - taken
            if seconds > left:
                yield (
                    f"{_name(holder)} has {max(0.0, left) / 60:.2f} of {allowed.minutes} minutes "
                    f"left ({_window(allowed.window)}), and the job needs {seconds / 60:.2f} in all"
                )

    def _leased(self, job: Job, seconds: float, now: float) -> Job | str:
        need = self.cost(seconds) - job.paid - sum(one.micro_dollars for one in job.held)
        if need <= 0 or self.vault is None:
            return job
        asked = Asked(least=Amounts(micro_dollars=need), wanted=Amounts(), slice=0)
        found = self.vault.lease(job.key, asked, now)
        if isinstance(found, Shortage):
            return (
                f"{_name(found.holder)} has ${found.left / MICRO:.4f} of "
                f"${found.limit / MICRO:.4f} left, and the job needs ${need / MICRO:.4f} more"
            )
        if found.micro_dollars is None:
            return job
        more = HeldMoney(
            micro_dollars=found.micro_dollars,
            key_period=found.key_period,
            account_period=found.account_period,
        )
        return replace(job, held=(*job.held, more))

    def _holders(self, job: Job) -> Iterator[tuple[str, Key | Account]]:
        roster = self.keys.roster() if self.keys is not None else None
        if roster is None:
            return
        key = next((one for one in roster.keys if one.id == job.key), None)
        if key is None:
            return
        yield leasing.key_holder(key.id), key
        for account in roster.accounts:
            if account.name == key.account:
                yield leasing.account_holder(account.name), account


# Below: private.


def _name(holder: str) -> str:
    kind, _, name = holder.partition(":")
    return f"the {kind} {name!r}"


def _window(window: str) -> str:
    return "in all" if window == "total" else f"this {window}"
