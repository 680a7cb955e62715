"""How a server ends, how it is killed, and two of them on one store."""

from __future__ import annotations

import json
import signal
import threading
from contextlib import closing

from budgetctl import BudgetManager
from budgetctl.ledger.store import ChargeRequest
from budgetctl.money import Picodollars
from budgetctl.stores import SqliteStore, open_store
from support.outages import free_port, start_server, survive
from support.requests import ask, change
from support.waiting import eventually


def test_a_server_that_is_killed_loses_nothing_it_acknowledged_and_does_nothing_twice(home):
    survive(home, count=3, steps=20, outages=2, seed=1)


def test_a_signal_ends_the_server_when_what_it_has_begun_is_answered(home):
    port = free_port()
    server = start_server(f"{home}/", port, "--no-auth")
    with closing(BudgetManager("p", store=f"http://127.0.0.1:{port}")) as manager:
        manager.create("alice", "10")
        acknowledged = []

        def charge() -> None:
            # Asks a server that has ended for two seconds, not for ten.
            with closing(BudgetManager("p", store=open_store(f"http://127.0.0.1:{port}", "p", wait_s=2))) as own:
                for _ in range(20):
                    acknowledged.append(own.charge("alice", "0.01").entry.number)

        clients = [threading.Thread(target=_until_it_ends, args=[charge]) for _ in range(4)]
        for client in clients:
            client.start()
        eventually(lambda: len(acknowledged) >= 4)
        server.send_signal(signal.SIGTERM)
        _, log = server.communicate(timeout=60)
        for client in clients:
            client.join()
    assert server.returncode == 0
    assert {json.loads(line)["status"] for line in log.splitlines() if '"request"' in line} == {200}
    with closing(BudgetManager("p", store=home / "p.db")) as manager:
        assert {entry.number for entry in manager.history("alice")} >= set(acknowledged)


def _until_it_ends(work) -> None:
    from budgetctl.errors import StoreUnavailableError

    try:
        work()
    except StoreUnavailableError:
        return


def test_control_c_ends_the_server_without_a_failure(home):
    server = start_server(f"{home}/", free_port(), "--no-auth")
    server.send_signal(signal.SIGINT)
    server.communicate(timeout=60)
    assert server.returncode == 0


def test_an_address_that_is_taken_is_an_error(home, run):
    with closing(__import__("socket").socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("serve", "--port", taken.getsockname()[1])
    assert result.returncode == 5
    assert "cannot listen on 127.0.0.1:" in result.stderr


def test_two_servers_roll_what_is_due_once(home, clock, serve):
    def open_file(name: str) -> SqliteStore:
        return SqliteStore(home / f"{name}.db", name, clock=clock)

    with closing(open_file("p")) as store:
        names = [f"user-{number}" for number in range(50)]
        store.create_budgets([(name, change(amount_picodollars=9, duration="daily")) for name in names])
        for name in names:
            store.charge(ChargeRequest(name, Picodollars(1)))
        clock.advance(days=1)
        servers = [serve(open_file, f"{home}/", clock=clock, upkeep_s=0.01) for _ in range(2)]
        eventually(lambda: not list(store.due()))
        for server in servers:
            ask(server, "reset_due")
        assert [reset.user for _, reset in store.unreported_resets()] == names
        assert {budget.limit.generation for budget in store.budgets()} == {2}


def test_a_project_whose_clock_is_doubtful_keeps_no_other_from_being_rolled(home, clock, serve):
    def open_file(name: str) -> SqliteStore:
        return SqliteStore(home / f"{name}.db", name, clock=clock)

    def spend(name: str) -> None:
        with closing(open_file(name)) as store:
            store.create_budgets([("alice", change(amount_picodollars=9, duration="daily"))])
            store.charge(ChargeRequest("alice", Picodollars(1)))

    spend("a")
    clock.advance(days=4 * 366)
    spend("b")
    clock.advance(days=1)
    with closing(open_file("a")) as doubtful, closing(open_file("b")) as store:
        serve(open_file, f"{home}/", clock=clock, upkeep_s=0.01)
        eventually(lambda: not list(store.due()))
        assert len(list(doubtful.due())) == 1


def test_servers_that_share_a_port_share_what_is_asked_there(home):
    port = free_port()
    servers = [start_server(f"{home}/", port, "--no-auth", "--reuse-port") for _ in range(2)]
    with closing(BudgetManager("p", store=f"http://127.0.0.1:{port}")) as manager:
        manager.create("alice", "10")
    for _ in range(40):
        with closing(BudgetManager("p", store=f"http://127.0.0.1:{port}")) as manager:
            manager.charge("alice", "0.01")
    for server in servers:
        server.send_signal(signal.SIGTERM)
    logs = [server.communicate(timeout=60)[1] for server in servers]
    charged = [log.count("/v1/charge") for log in logs]
    assert min(charged) > 0
    assert sum(charged) == 40
    with closing(BudgetManager("p", store=home / "p.db")) as manager:
        assert len(list(manager.history("alice"))) == 40
