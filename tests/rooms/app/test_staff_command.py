"""`callmissed staff`: the first person comes from the terminal, and is told what is still missing."""

from click.testing import CliRunner, Result

from callmissed.app.commands.staff import staff_commands
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.identity import staff
from callmissed.identity.staff_problems import StaffNotFound


async def invoke(services: Services, *arguments: str) -> Result:
    """The command, over this installation; its work is done after the runner has returned."""
    done = []
    result = CliRunner().invoke(staff_commands(done.append), list(arguments))
    for work in done:
        await work(services)
    return result


async def test_added_listed_and_removed(services: Services, capsys) -> None:
    email = f"s{uuid7().hex}@operator.example"
    added = await invoke(services, "add", email, "security")
    assert (added.exit_code, "once they have signed" in added.output) == (0, True)
    async with services.db.control() as tx:
        [row] = [each for each in await staff.people(tx) if each.email == email]
        assert (row.role, row.is_bound) == ("security", False)
    await invoke(services, "list")
    assert f"{email}  has not signed" in capsys.readouterr().out
    async with services.db.control() as tx:
        await staff.sign(tx, row.user_id, "Meera Namuna", 1, "en")
    await invoke(services, "list")
    assert f"{email}  signed version 1" in capsys.readouterr().out
    await invoke(services, "remove", email)
    await invoke(services, "list")
    assert f"{email}  left" in capsys.readouterr().out
    try:
        await invoke(services, "remove", email)
    except StaffNotFound:
        return
    raise AssertionError("removed twice")


def test_a_role_that_does_not_exist_is_refused_before_anything() -> None:
    refused = CliRunner().invoke(staff_commands(lambda _: None), ["add", "a@operator.example", "owner"])
    assert refused.exit_code == 2
    assert "'auditor', 'finance'" in refused.output
