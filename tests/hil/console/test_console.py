"""The console in a real browser: what an operator does, from the first command to a job that is done.

The tests go on from each other, as a shift does: they share one spacecraft, one station and one open page.
"""

import httpx
import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="the console is tested with playwright, which is missing")
expect = sync_api.expect

PAGES = (
    "Overview", "Jobs", "Chat", "Command", "Telemetry", "Events", "Alarms", "Packets", "Files", "Passes", "Link",
    "Procedures", "Replay",
)  # fmt: skip


def go(page, title: str) -> None:
    page.locator(".rail a", has_text=title).click()
    expect(page.locator(".rail a.here")).to_contain_text(title)


def panel(page, title: str):
    return page.get_by_role("region", name=title, exact=True)


def choose_command(page, name: str) -> None:
    panel(page, "Dictionary").locator(f'tr[data-key="{name}"]').click()


def test_every_page_opens_and_nothing_comes_from_elsewhere(ground, page, shoot):
    for title in PAGES:
        go(page, title)
        expect(page.locator(".stage .panel").first).to_be_visible()
        shoot(f"empty-{title.lower()}")
    elsewhere = [each for each in ground.requests if not each.startswith((ground.address, "data:", "blob:"))]
    assert elsewhere == []
    assert ground.complaints == []


def test_an_address_of_the_api_that_is_none_is_answered_as_a_program_can_read(ground):
    for method, path, status in (
        ("GET", "/api/nowhere", 404),
        ("POST", "/api/nowhere/7", 404),
        ("PUT", "/api/jobs", 405),
    ):
        answer = httpx.request(method, ground.address + path, headers={"Origin": ground.address}, timeout=60)
        assert (answer.status_code, "expected" in answer.json()["error"]) == (status, True)


def test_the_head_says_that_the_spacecraft_is_heard(page):
    expect(page.locator(".head")).to_contain_text("UP")


def test_a_command_is_sent_and_verified(page):
    go(page, "Command")
    choose_command(page, "test.connection")
    panel(page, "test.connection").get_by_role("button", name="Send", exact=True).click()
    first = panel(page, "Commands").locator("tr[data-key]").first
    expect(first).to_contain_text("test.connection")
    expect(first).to_contain_text("completed")
    expect(first.locator(".stages i.good")).to_have_count(5)
    steps = panel(page, "Details").locator(".steps")
    for stage in ("QUEUED", "RELEASED", "DELIVERED", "ACCEPTED", "STARTED", "COMPLETED"):
        expect(steps).to_contain_text(stage)


def test_what_is_typed_wrong_is_said_before_it_is_sent(page):
    choose_command(page, "job.pause")
    form = panel(page, "job.pause")
    form.get_by_label("job_id").fill("0")
    expect(form).to_contain_text("job_id: expected 1 or more, found 0")
    expect(form.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    form.get_by_label("job_id").fill("999")
    form.get_by_role("button", name="Send", exact=True).click()
    expect(panel(page, "Commands").locator("tr[data-key]").first).to_contain_text("failed")


def test_housekeeping_is_turned_on_and_comes(page):
    go(page, "Telemetry")
    page.get_by_role("button", name="Turn housekeeping on").click()
    expect(panel(page, "Values").locator('tr[data-key="uptime"]')).to_be_visible()
    panel(page, "Parameters").locator('tr[data-key="frames_sent"]').click()
    expect(panel(page, "Plot")).to_contain_text("frames_sent")


def test_a_job_is_submitted_and_seen_to_its_end(page, shoot):
    go(page, "Jobs")
    submit = panel(page, "Submit")
    submit.get_by_label("job_id").fill("7")
    submit.get_by_label("recipe").fill("tiny")
    submit.get_by_label("steps").fill("120")
    submit.get_by_role("button", name="Submit", exact=True).click()
    row = panel(page, "Jobs").locator('tr[data-key="7"]')
    expect(row).to_contain_text("DONE")
    row.click()
    details = panel(page, "Job")
    expect(details).to_contain_text("120 of 120")
    expect(details).to_contain_text("weights SHA-256")
    expect(panel(page, "Loss").locator("svg")).to_contain_text("job 7")
    shoot("jobs-dark")


def test_the_model_that_was_trained_is_served_and_chatted_with(page, shoot):
    go(page, "Chat")
    model = panel(page, "Model on board")
    model.get_by_label("Model to serve").fill("jobs/7/model.safetensors")
    model.get_by_role("button", name="Serve").click()
    expect(model.locator("dt:text-is('served') + dd")).to_contain_text("jobs/7/model.safetensors", timeout=60_000)
    panel(page, "How it replies").get_by_label("tokens_max").fill("24")
    talk = panel(page, "Conversation")
    talk.get_by_label("Prompt").fill("To be, or not to be")
    talk.get_by_role("button", name="Send").click()
    expect(talk).to_contain_text("To be, or not to be")
    expect(talk).to_contain_text("24 tokens at", timeout=60_000)
    expect(talk).to_contain_text("round trip")
    shoot("chat-dark")


def test_a_hazardous_command_needs_its_name_and_goes_within_half_a_minute(page):
    go(page, "Command")
    choose_command(page, "job.discard")
    form = panel(page, "job.discard")
    form.get_by_label("job_id").fill("7")
    typed = form.get_by_label("Name of the command, to arm it")
    typed.fill("job.cancel")
    form.get_by_role("button", name="Arm", exact=True).click()
    expect(form).to_contain_text("expected 'job.discard' to be typed, found 'job.cancel'")
    typed.fill("job.discard")
    form.get_by_role("button", name="Arm", exact=True).click()
    expect(form).to_contain_text("s left")
    form.get_by_role("button", name="Send job.discard").click()
    first = panel(page, "Commands").locator("tr[data-key]").first
    expect(first).to_contain_text("job.discard")
    expect(first).to_contain_text("completed")


def test_a_stack_runs_and_stops_at_what_fails(page):
    stack = panel(page, "Stack")
    stack.get_by_role("button", name="Edit").click()
    stack.get_by_label("Commands, one a line").fill("test.connection\njob.pause job_id=999\ntest.connection")
    stack.get_by_role("button", name="Keep").click()
    stack.get_by_role("button", name="Run").click()
    expect(stack).to_contain_text("stopped: job.pause failed")
    expect(stack.locator("tr[data-key]").nth(0)).to_contain_text("completed")
    expect(stack.locator("tr[data-key]").nth(2)).not_to_contain_text("completed")


def test_a_command_waits_while_the_spacecraft_is_not_heard_and_says_so(ground, page, shoot):
    expect(page.locator(".head")).to_contain_text("UP")
    ground.silence()
    try:
        expect(page.locator(".head")).to_contain_text("DOWN")
        choose_command(page, "test.connection")
        panel(page, "test.connection").get_by_role("button", name="Send", exact=True).click()
        first = panel(page, "Commands").locator("tr[data-key]").first
        expect(first).to_contain_text("waits for the link")
        expect(panel(page, "Details")).to_contain_text("It leaves when the spacecraft is heard")
        shoot("command-waits")
    finally:
        ground.hear_again()
    expect(page.locator(".head")).to_contain_text("UP")
    expect(first).to_contain_text("completed")


def test_contacts_are_kept_with_what_they_brought(page):
    go(page, "Passes")
    rows = panel(page, "Had, and what each brought").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("goes on")


def test_an_alarm_is_seen_acknowledged_and_shelved(page, shoot):
    expect(page.locator(".head-cell.last")).to_contain_text("1 new")
    go(page, "Alarms")
    alarm = panel(page, "Alarms").locator('tr[data-key="commands_executed"]')
    expect(alarm).to_contain_text("unacknowledged")
    alarm.get_by_role("button", name="acknowledge").click()
    expect(alarm).to_contain_text("acknowledged by operator")
    expect(page.locator(".head-cell.last")).not_to_contain_text("new")
    shoot("alarms-dark")
    alarm.get_by_role("button", name="shelve", exact=True).click()
    expect(alarm).to_contain_text("shelved by operator")
    expect(page.locator(".head-cell.last")).to_contain_text("none")


def test_a_procedure_runs_with_a_live_transcript(page, shoot):
    go(page, "Procedures")
    panel(page, "Procedures").locator('tr[data-key="say_hello.py"]').click()
    start = panel(page, "Run")
    start.get_by_label("Arguments").fill("times=2")
    start.get_by_role("button", name="Run", exact=True).click()
    transcript = panel(page, "Transcript")
    expect(transcript).to_contain_text("Hello 2")
    expect(transcript.locator(".title")).to_contain_text("done")
    shoot("procedures-dark")


def test_a_broken_procedure_says_where_and_the_station_goes_on(page):
    panel(page, "Procedures").locator('tr[data-key="broken.py"]').click()
    start = panel(page, "Run")
    start.get_by_label("Arguments").fill("")
    start.get_by_role("button", name="Run", exact=True).click()
    expect(panel(page, "Transcript").locator(".title")).to_contain_text("failed")
    expect(panel(page, "Transcript")).to_contain_text("broken.py:2")


def test_events_are_filtered_and_opened(page):
    go(page, "Events")
    events = panel(page, "Events")
    events.get_by_label("Search events").fill("job_changed done")
    row = events.locator("tr[data-key]").first
    expect(row).to_contain_text("RUNNING -> DONE")
    row.focus()
    page.keyboard.press("Enter")
    expect(panel(page, "Event")).to_contain_text("job_id")


def test_a_frame_is_shown_down_to_its_bits(page, shoot):
    go(page, "Packets")
    listing = panel(page, "Packets and frames")
    listing.get_by_role("button", name="frames").click()
    listing.get_by_role("button", name="hold").click()
    listing.locator("tr[data-key]").first.click()
    bits = panel(page, "Down to the bits")
    bits.locator('tr[data-key="0.2"]').click()
    expect(bits).to_contain_text("42")
    expect(bits.locator(".octets b").first).to_be_visible()
    shoot("packets-dark")
    listing.get_by_role("button", name="hold").click()


def test_keys_lead_from_page_to_page(page):
    page.locator("body").press("g")
    page.locator("body").press("l")
    expect(page.locator(".rail a.here")).to_contain_text("Link")
    expect(panel(page, "FOP-1, at the ground")).to_contain_text("S1 ACTIVE")


def test_an_hour_is_replayed_through_the_same_pages(page, shoot):
    go(page, "Replay")
    page.get_by_role("button", name="Last hour").click()
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.locator(".head")).to_contain_text("Nothing here is live")
    page.locator(".seek i").last.click()
    go(page, "Jobs")
    expect(panel(page, "Loss").locator("svg")).to_contain_text("job 7")
    expect(panel(page, "Jobs").locator('tr[data-key="7"]')).to_contain_text("DONE")
    panel(page, "Submit").get_by_role("button", name="Submit", exact=True).click()
    expect(panel(page, "Submit")).to_contain_text("A replay is shown")
    go(page, "Replay")
    shoot("replay-dark")
    page.get_by_role("button", name="Leave").click()
    expect(page.locator(".head")).not_to_contain_text("Nothing here is live")


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [(1366, 768), (2560, 1440)], ids=["laptop", "wall"])
def test_pages_fit_the_screen_in_both_themes(ground, browser, page, theme, size):
    """No page is wider than the screen, and text stands out from what it stands on."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.evaluate("theme => (document.documentElement.dataset.theme = theme)", theme)
    for title in ("Overview", "Command", "Telemetry"):
        go(page, title)
        expect(page.locator(".stage .panel").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        contrast = page.evaluate(CONTRAST)
        assert contrast >= 4.5, f"{title} in {theme}: expected a contrast of 4.5 or more, found {contrast:.2f}"


CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
  const light = (color) => {
    const [r, g, b] = rgb(color).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const panel = document.querySelector(".panel");
  const below = light(getComputedStyle(panel).backgroundColor);
  const above = [panel, ...panel.querySelectorAll("h2, .dim, .state.good, .state.warn, .state.alarm, .state.busy")];
  return Math.min(...above.map((each) => {
    const [low, high] = [below, light(getComputedStyle(each).color)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  }));
}"""


def test_nothing_was_wrong_in_the_browser_all_the_while(ground):
    assert ground.complaints == []
