"""Check the link: say hello, and look at what the spacecraft says of itself."""


def run(sc):
    with sc.step("Say hello"):
        sc.wait_for_contact(within_s=600)
        sc.test.connection()
    with sc.step("Have housekeeping sent once"):
        sc.housekeeping.once(structures=[1])
        uptime = sc.wait_for(lambda: sc.value("uptime"), within_s=60, what="housekeeping")
        sc.say(f"up for {uptime} s, {sc.value('boot_count')} boots")
