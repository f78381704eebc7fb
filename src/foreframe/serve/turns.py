"""Whose act is computed next: clients get equal shares of the computing time, whatever each of them
asks for.

Acts that can share one step of the model do (with at most so many futures together). Otherwise the
client that has used the least time is next: fair queueing (Demers, Keshav & Shenker 1989). A step
cannot be interrupted, so a client whose acts are much dearer than another's rests after each, for
as long as the others' shares take: else every act of the others would wait for one of its steps.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Act = TypeVar("Act")

MOST_FUTURES = 18  # in one step of the model
_ACTIVE_S = 1.0  # a client that has not acted for so long has no share
_DEAR = 2.0  # times the cheapest client's act
# An act that comes at any time meets a step of S seconds in a share f of cases and waits S / 2 more
# on average: f = 1.5 c / S keeps that below the c seconds that the cheapest act takes itself.
_SHARE = 1.5


@dataclass
class Account:
    """What one client has used.

    Attributes:
        used_s: computing time, from the start of its present activity on.
        act_s: computing time of its last act.
        rests_until: when it may act again.
        seen_at: when it last asked or was served.
    """

    used_s: float = 0.0
    act_s: float = 0.0
    rests_until: float = 0.0
    seen_at: float = float("-inf")


@dataclass(frozen=True)
class Waiting(Generic[Act]):
    """An act that waits.

    Attributes:
        client: whose act it is; clients have one act at a time.
        key: acts of equal keys can be computed together.
        futures: how many futures it draws.
        act: the act itself.
    """

    client: Hashable
    key: Hashable
    futures: int
    act: Act


@dataclass
class Turns(Generic[Act]):
    """The acts that wait. Times are seconds of any clock that only grows, given with each call."""

    waiting: list[Waiting[Act]] = field(default_factory=list)
    accounts: dict[Hashable, Account] = field(default_factory=dict)

    def add(self, asked: Waiting[Act], now: float) -> None:
        """Let an act wait for its turn. A client that comes back starts level with the others."""
        self._forget_idle(now)
        level = min((account.used_s for account in self.accounts.values()), default=0.0)
        account = self.accounts.setdefault(asked.client, Account(used_s=level))
        account.seen_at = now
        self.waiting.append(asked)

    def take(self, now: float) -> list[Waiting[Act]]:
        """Return the acts of the next step: the neediest client's, and those that can share it.

        Empty while all rest.
        """
        ready = [w for w in self.waiting if self.accounts[w.client].rests_until <= now]
        if not ready:
            return []
        ready.sort(
            key=lambda w: self.accounts[w.client].used_s
        )  # stable: equals in order of coming
        first, futures = ready[0], 0
        turn: list[Waiting[Act]] = []
        for asked in ready:
            if asked.key == first.key and (not turn or futures + asked.futures <= MOST_FUTURES):
                turn.append(asked)
                futures += asked.futures
        self.waiting = [w for w in self.waiting if not any(w is taken for taken in turn)]
        return turn

    def next_at(self) -> float:
        """Return when the first of those who rest may go on; infinity when none waits."""
        return min(
            (self.accounts[w.client].rests_until for w in self.waiting), default=float("inf")
        )

    def charge(self, turn: list[Waiting[Act]], seconds: float, now: float) -> None:
        """Share the time of a step among its clients by their futures; dear clients rest."""
        futures = sum(asked.futures for asked in turn)
        for asked in turn:
            account = self.accounts.setdefault(asked.client, Account())
            account.act_s = seconds * asked.futures / futures
            account.used_s += account.act_s
            account.seen_at = now
        costs = [account.act_s for account in self.accounts.values() if account.act_s]
        for asked in turn:
            account = self.accounts[asked.client]
            if account.act_s > _DEAR * min(costs):
                rest = max(len(self.accounts) - 1, seconds / (_SHARE * min(costs)) - 1)
                account.rests_until = now + seconds * rest

    def _forget_idle(self, now: float) -> None:
        waiting = {w.client for w in self.waiting}
        self.accounts = {
            client: account
            for client, account in self.accounts.items()
            if client in waiting or now - account.seen_at < _ACTIVE_S
        }
