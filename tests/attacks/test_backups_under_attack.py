"""Backups and restores that are killed, run out of disk, or meet each other and writers."""

from __future__ import annotations

import select
import subprocess
import sys
from contextlib import closing

import pytest

from budgetctl.ledger.store import ChargeRequest
from budgetctl.stores import SqliteStore
from budgetctl.stores.sqlite.backups import back_up, restore
from support.filing import CENT, PROJECT, Charger, make_store, spent
from support.soundness import assert_sound

often = pytest.mark.parametrize("times", [3, pytest.param(60, marks=pytest.mark.long)])
"""A few times wherever tests are run, and many where only attacks are."""

OVER_AND_OVER = """
import sys
from itertools import cycle
from pathlib import Path
from budgetctl.errors import StoreBusyError
from budgetctl.stores import SqliteStore
from budgetctl.stores.sqlite.backups import back_up, restore

command, path, *files = sys.argv[1:]
store = SqliteStore(Path(path), "p")
for file in cycle(files):
    try:
        if command == "backup":
            back_up(store, Path(file), force=True)
        else:
            replaced = restore(store, Path(file)).replaced
            if replaced:
                replaced.unlink()
    except StoreBusyError:
        continue
    print(file, flush=True)
"""

FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from budgetctl.errors import StoreUnavailableError
from budgetctl.stores import SqliteStore
from budgetctl.stores.sqlite.backups import back_up, restore

command, path, file, bound = sys.argv[1:]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(bound), int(bound)))
try:
    {"backup": back_up, "restore": restore}[command](SqliteStore(Path(path), "p"), Path(file))
except StoreUnavailableError as error:
    print(error)
"""


def over_and_over(command, path, *files):
    """A process that does it until it is killed, and says when it is done once more."""
    return subprocess.Popen(
        [sys.executable, "-c", OVER_AND_OVER, command, str(path), *map(str, files)], stdout=subprocess.PIPE, text=True
    )


def kill_in_the_midst(process, chance):
    process.stdout.readline()
    select.select([], [], [], chance.uniform(0, 0.1))  # wherever it is then
    process.kill()
    process.wait(timeout=60)
    process.stdout.close()


@pytest.fixture
def path(home):
    return home / "p.db"


@pytest.fixture
def two_backups(path, home):
    """A store of 1,000 users in which nothing is spent, and backups of it with 3 and with 7 cents."""
    store = make_store(path, users=1_000)
    files = []
    with closing(store):
        for more in (3, 4):
            for _ in range(more):
                store.charge(ChargeRequest("alice", CENT))
            files.append(back_up(store, home / f"{len(files)}.backup").file)
    return files


@often
def test_a_backup_that_is_killed_leaves_the_whole_last_one_and_the_next_one_works(path, home, chance, times):
    store = make_store(path, charges=100, users=1_000)
    target = home / "backup" / "p.db"
    with closing(store):
        for _ in range(times):
            kill_in_the_midst(over_and_over("backup", path, target), chance)
            assert_sound(target)
        back_up(store, target, force=True)
    assert [file.name for file in target.parent.iterdir()] == ["p.db"]


@often
def test_a_restore_that_is_killed_has_happened_or_not(path, two_backups, chance, times):
    for _ in range(times):
        kill_in_the_midst(over_and_over("restore", path, *two_backups), chance)
        assert spent(path) in (3, 7)
        assert_sound(path)
    with closing(SqliteStore(path, PROJECT)) as store:
        restore(store, two_backups[0])
    assert spent(path) == 3
    assert not [file.name for file in path.parent.iterdir() if "partial" in file.name]


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_full_disk_is_a_clear_error_that_changes_nothing(path, home, two_backups, command):
    before = spent(path)
    file = home / "new.backup" if command == "backup" else two_backups[0]
    # Full at once, midway through the copy, and with restore also when the store itself is written.
    size = two_backups[0].stat().st_size
    for bound in (4096, size // 2, size + 1_000):
        if command == "backup" and bound > size:
            continue
        done = subprocess.run(
            [sys.executable, "-c", FULL_DISK, command, str(path), str(file), str(bound)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "nothing was changed" in done.stdout
        assert spent(path) == before
        assert_sound(path)
    assert not (home / "new.backup").exists()
    assert not [each.name for each in home.iterdir() if "partial" in each.name]


@often
def test_restores_at_once_follow_each_other_and_writers_go_on(path, two_backups, times):
    restorers = [over_and_over("restore", path, *files) for files in (two_backups, two_backups[::-1])]
    chargers = [Charger(path), Charger(path)]
    answers = []
    for _ in range(times):
        for restorer in restorers:
            restorer.stdout.readline()
        answers += [answer for charger in chargers for answer in charger.charge(5)]
    for restorer in restorers:
        restorer.kill()
        restorer.wait(timeout=60)
        restorer.stdout.close()
    for charger in chargers:
        assert charger.charge() == ["charged"]
        charger.end()
    assert set(answers) <= {"charged", "busy"}
    assert_sound(path)


def test_backups_while_others_write_have_all_that_was_charged_before_and_nothing_in_halves(path, home):
    store = make_store(path, users=1_000)
    chargers = [Charger(path), Charger(path)]
    charged = 0
    with closing(store):
        for number in range(3):
            charged += sum(charger.charge(10).count("charged") for charger in chargers)
            for charger in chargers:  # not waited for: they write while the backup is made
                charger.begin(10)
            made = back_up(store, home / f"{number}.backup")
            charged_meanwhile = sum(charger.answers(10).count("charged") for charger in chargers)
            assert_sound(made.file)
            with closing(SqliteStore(made.file, PROJECT)) as copy:
                assert charged <= copy.budget("alice").limit.spent // CENT <= charged + charged_meanwhile
            charged += charged_meanwhile
    for charger in chargers:
        charger.end()
    assert spent(path) == charged


def test_a_program_that_runs_goes_on_with_the_restored_state_and_its_charges_are_kept(path, two_backups):
    running = SqliteStore(path, PROJECT)
    with closing(running), closing(SqliteStore(path, PROJECT)) as other:
        token = running.change_token()
        assert running.budget("alice").limit.spent == 7 * CENT
        restore(other, two_backups[0])
        assert running.change_token() != token
        assert running.budget("alice").limit.spent == 3 * CENT
    charger = Charger(path)
    charger.charge(2)
    charger.kill()
    assert spent(path) == 5
    assert_sound(path)
