"""A hazardous command where a station has users: one person asks for it, a second one, in another browser, approves."""

import pytest

from ground.access.principal import Role
from ground.access.users import User, Users

from .conftest import WAIT_MS_MAX, in_service

sync_api = pytest.importorskip("playwright.sync_api", reason="the console is tested with playwright, which is missing")
expect = sync_api.expect

PASSWORDS = {"carl": "commander-password", "anna": "approver-password"}
ROLES = {"carl": Role.COMMANDER, "anna": Role.APPROVER}


@pytest.fixture
def station(tmp_path):
    path = tmp_path / "users.json"
    for name, role in ROLES.items():
        Users(path).put(User.make(name, role, PASSWORDS[name]))
    with in_service(tmp_path, "--users", str(path)) as made:
        yield made


@pytest.fixture
def sit_down(station, browser):
    """Gives a person a browser of their own, logged in, at the page of commands."""
    contexts = []

    def sit_down(name: str):
        context = browser.new_context(viewport={"width": 1366, "height": 768}, color_scheme="dark")
        contexts.append(context)
        context.set_default_timeout(WAIT_MS_MAX)
        page = context.new_page()
        page.goto(station.address)
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORDS[name])
        page.get_by_role("button", name="Log in").click()
        expect(page.locator(".rail .foot")).to_contain_text(f"{name}, {ROLES[name].name.lower()}")
        page.locator(".rail a", has_text="Command").click()
        return page

    yield sit_down
    for context in contexts:
        context.close()


def region(page, title: str):
    return page.get_by_role("region", name=title, exact=True)


def test_a_hazardous_command_goes_once_a_second_person_approves_it(sit_down):
    carl, anna = sit_down("carl"), sit_down("anna")
    region(carl, "Dictionary").locator('tr[data-key="schedule.reset"]').click()
    form = region(carl, "schedule.reset")
    expect(form.get_by_role("button", name="Send", exact=True)).to_have_count(0)
    form.get_by_role("button", name="Ask for approval").click()
    expect(form).to_contain_text("waits for a second person")
    # Who asks sees the question too, and cannot answer it.
    carl.get_by_role("button", name="Approve", exact=True).click()
    expect(carl.locator(".stage")).to_contain_text("expected the role approver, found carl with commander")
    expect(region(carl, "Commands").locator("tr[data-key]")).to_have_count(0)
    question = anna.locator(".hazard", has_text="carl asks for schedule.reset")
    question.get_by_role("button", name="Approve", exact=True).click()
    for page in (carl, anna):
        first = region(page, "Commands").locator("tr[data-key]").first
        expect(first).to_contain_text("schedule.reset")
        expect(first).to_contain_text("completed")
        expect(first.locator(".stages i.good")).to_have_count(5)
    expect(question).to_have_count(0)
