"""Choose the acts to compute next, so that clients get equal shares of the computing time.

The client that has used the least time is next: fair queueing (Demers, Keshav & Shenker 1989).
Acts that can share a step of the model with it are computed together, up to a number of futures.

A step cannot be interrupted, so a client whose acts cost much more than another's rests after each
act for as long as the others' shares take.
Otherwise each act of the others would have to wait for one of its steps.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Act = TypeVar("Act")

MOST_FUTURES = 18  # in one step of the model
_ACTIVE_S = 1.0  # a client that has not acted for longer has no share
_EXPENSIVE = 2.0  # times the cost of the cheapest client's act, from which on a client rests
# An act that arrives at a random time meets a step of S seconds in a share f of cases, and then
# waits S / 2 on average: f = 1.5 c / S keeps this below c, the seconds of the cheapest act itself.
_SHARE = 1.5


@dataclass
class Account:
    """The computing time that a client has used.

    Attributes:
        used_s: computing time since it became active.
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
    """A waiting act.

    Attributes:
        client: the client that acts; it has one act at a time.
        key: acts with equal keys can be computed together.
        futures: number of futures to draw.
        act: the act itself.
    """

    client: Hashable
    key: Hashable
    futures: int
    act: Act


@dataclass
class Turns(Generic[Act]):
    """The waiting acts.

    Times are the seconds of a clock that never goes back, and are given with each call.
    """

    waiting: list[Waiting[Act]] = field(default_factory=list)
    accounts: dict[Hashable, Account] = field(default_factory=dict)

    def add(self, asked: Waiting[Act], now: float) -> None:
        """Add an act; a client that comes back starts level with the client that used least."""
        self._forget_idle(now)
        level = min((account.used_s for account in self.accounts.values()), default=0.0)
        account = self.accounts.setdefault(asked.client, Account(used_s=level))
        account.seen_at = now
        self.waiting.append(asked)

    def take(self, now: float) -> list[Waiting[Act]]:
        """Remove and return the acts of the next step; none while all clients rest."""
        ready = [w for w in self.waiting if self.accounts[w.client].rests_until <= now]
        if not ready:
            return []
        ready.sort(key=lambda w: self.accounts[w.client].used_s)  # stable: equals stay in order
        first, futures = ready[0], 0
        turn: list[Waiting[Act]] = []
        for asked in ready:
            if asked.key == first.key and (not turn or futures + asked.futures <= MOST_FUTURES):
                turn.append(asked)
                futures += asked.futures
        self.waiting = [w for w in self.waiting if not any(w is taken for taken in turn)]
        return turn

    def next_at(self) -> float:
        """Return when the first waiting client may act; infinity if there is none."""
        return min(
            (self.accounts[w.client].rests_until for w in self.waiting), default=float("inf")
        )

    def charge(self, turn: list[Waiting[Act]], seconds: float, now: float) -> None:
        """Charge the time of a step to its clients by their futures; let expensive ones rest."""
        futures = sum(asked.futures for asked in turn)
        for asked in turn:
            account = self.accounts.setdefault(asked.client, Account())
            account.act_s = seconds * asked.futures / futures
            account.used_s += account.act_s
            account.seen_at = now
        costs = [account.act_s for account in self.accounts.values() if account.act_s]
        for asked in turn:
            account = self.accounts[asked.client]
            if account.act_s > _EXPENSIVE * min(costs):
                rest = max(len(self.accounts) - 1, seconds / (_SHARE * min(costs)) - 1)
                account.rests_until = now + seconds * rest

    def _forget_idle(self, now: float) -> None:
        waiting = {w.client for w in self.waiting}
        self.accounts = {
            client: account
            for client, account in self.accounts.items()
            if client in waiting or now - account.seen_at < _ACTIVE_S
        }
