"""Drives the pages for connecting in a real Chromium: `fanmail serve` against `fanmail google-sim`.

    python pages.py path/to/fanmail

One line per check, and a last line `N passed, N failed`; the exit status is 1 if any failed. What was seen is in
target/screenshots: each page wide and narrow, by day and by night.
"""

import sys
import time

from browser import Browser
from look import faults
from service import PEOPLE, Service

HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "strict-transport-security": "max-age=63072000",
}

checks = []


def check(title):
    """Registers a check; what it raises is why it failed."""

    def keep(run):
        checks.append((title, run))
        return run

    return keep


def seen(browser, name, status, heading):
    """The page that the browser shows is this one, with all that every page has, at every size and time of day."""
    assert browser.heading() == heading, f"{browser.heading()!r} at {browser.address()}"
    told = browser.told()
    assert told["status"] == status, told["status"]
    for header, value in HEADERS.items():
        assert told["headers"].get(header) == value, f"{header}: {told['headers'].get(header)}"
    policy = told["headers"]["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy, policy
    wrong = [f"{look}: {fault}" for look in browser.looks(name) for fault in faults(browser)]
    assert not wrong, "; ".join(wrong)


@check("from the start page to success, and what is connected is listed")
def _(service, browser):
    browser.open(service.start)
    assert browser.address().startswith(service.google), browser.address()
    browser.consent(PEOPLE[0])
    seen(browser, "success", 200, "Success – you may close this window")
    [mailbox] = service.accounts()
    assert (mailbox["email"], mailbox["state"]) == (PEOPLE[0], "connected"), mailbox


@check("who consents again is connected already")
def _(service, browser):
    browser.open(service.start)
    browser.consent(PEOPLE[0])
    seen(browser, "already-connected", 200, "Already connected – you may close this window")


@check("the way back works once")
def _(service, browser):
    browser.open(service.start)
    browser.consent(PEOPLE[0])
    browser.open(browser.address())
    seen(browser, "expired", 400, "This link has expired or was used before")


@check("the way back works in the browser it was begun in, and in no other")
def _(service, browser):
    browser.open(service.start)
    back = service.way_back(browser.address(), PEOPLE[0])
    with Browser() as other:
        other.open(back)
        assert other.heading() == "This link has expired or was used before", other.heading()
    browser.open(back)
    assert browser.heading().startswith("Already connected"), browser.heading()


@check("who says no is told that nothing was connected, and may begin again with the keyboard alone")
def _(service, browser):
    browser.open(service.start)
    browser.refuse()
    seen(browser, "denied", 403, "Nothing was connected")
    browser.press_the_only_button()
    assert browser.address().startswith(service.google), browser.address()
    browser.consent(PEOPLE[0])
    assert browser.heading().startswith("Already connected"), browser.heading()


@check("who unticks reading mail is told so")
def _(service, browser):
    browser.open(service.start)
    browser.consent(PEOPLE[1], without="gmail.readonly")
    seen(browser, "partial", 403, "Reading mail was not allowed")


@check("who is blocked by an administrator is told that only they can help")
def _(service, browser):
    service.fault(PEOPLE[1], method="token", kind="admin_policy_enforced")
    browser.open(service.start)
    browser.consent(PEOPLE[1])
    seen(browser, "blocked", 403, "Your administrator blocks this application")


@check("while Google does not answer, the page says so")
def _(service, browser):
    service.fault(PEOPLE[1], method="token", kind="unavailable", count=20)
    browser.open(service.start)
    browser.consent(PEOPLE[1])
    seen(browser, "google-silent", 503, "Google did not answer")


@check("a wrong client secret is our fault, not the person's")
def _(service, browser):
    service.fault(PEOPLE[1], method="token", kind="invalid_client")
    browser.open(service.start)
    browser.consent(PEOPLE[1])
    seen(browser, "fault", 500, "Something went wrong on our side")


@check("an address that leads nowhere leads to the beginning")
def _(service, browser):
    browser.open(service.start.replace("/oauth2/start", "/somewhere"))
    seen(browser, "not-found", 404, "There is nothing here")
    browser.press_the_only_button()
    assert browser.address().startswith(service.google), browser.address()


@check("who comes with a link is connected under its ref and asked for its scopes")
def _(service, browser):
    browser.open(service.link("cust_42", "--scopes", "gmail.send"))
    assert "gmail.send" in browser.text(), browser.text()
    browser.consent(PEOPLE[1])
    assert browser.heading().startswith("Success"), browser.heading()
    [mailbox] = [one for one in service.accounts() if one["email"] == PEOPLE[1]]
    assert mailbox["ref"] == "cust_42", mailbox
    assert any(scope.endswith("gmail.send") for scope in mailbox["scopes"]), mailbox["scopes"]


@check("the first result of that mailbox carries the ref")
def _(service, browser):
    assert service.first_result(PEOPLE[1])["ref"] == "cust_42"


@check("a link of another ref changes nothing")
def _(service, browser):
    browser.open(service.link("cust_43"))
    browser.consent(PEOPLE[1])
    seen(browser, "other-reference", 409, "This mailbox is connected through another link")
    assert "cust_4" not in browser.text(), browser.text()
    [mailbox] = [one for one in service.accounts() if one["email"] == PEOPLE[1]]
    assert (mailbox["ref"], mailbox["grant"]) == ("cust_42", 1), mailbox


@check("a link that was cut off is not followed")
def _(service, browser):
    browser.open(service.link("cust_42")[:-3])
    seen(browser, "link-changed", 400, "This link is not complete")


@check("a link ends")
def _(service, browser):
    link = service.link("cust_42", "--expires", "1s")
    time.sleep(1.1)
    browser.open(link)
    seen(browser, "link-expired", 410, "This link has expired")


@check("a mailbox that is still being cleared away is to be connected later")
def _(service, browser):
    service.fault(PEOPLE[0], method="revoke", kind="latency", latencyMs=20_000)
    user = next(one["userId"] for one in service.accounts() if one["email"] == PEOPLE[0])
    service.run("accounts", "disconnect", user)
    service.until(lambda: any(one["state"] == "disconnected" for one in service.accounts()))
    browser.open(service.start)
    browser.consent(PEOPLE[0])
    seen(browser, "still-disconnecting", 409, "Please try again shortly")


@check("where links are required nobody begins without one, and every way back leads through it")
def _(service, browser):
    service.restart(CONNECT_LINKS="required")
    browser.open(service.start)
    seen(browser, "link-needed", 403, "You need a link to connect a mailbox")
    browser.open(service.link("cust_7"))
    browser.refuse()
    browser.press_the_only_button()
    browser.consent(PEOPLE[2])
    assert browser.heading().startswith("Success"), browser.heading()
    browser.open(service.start.replace("/oauth2/start", "/somewhere"))
    seen(browser, "not-found-without-link", 404, "There is nothing here")
    assert "open the link that you were sent" in browser.text(), browser.text()


@check("nothing that the browser had to say against a page was about ours")
def _(service, browser):
    told = [line for line in browser.complaints() if service.start.rsplit("/", 2)[0] in line]
    assert not told, told


def first_line(error):
    """The rest is the driver's own stack."""
    return next(iter(str(error).splitlines()), "")


def main():
    passed = failed = 0
    with Service(sys.argv[1]) as service, Browser() as browser:
        for title, run in checks:
            try:
                run(service, browser)
                passed += 1
                print(f"ok      {title}", flush=True)
            except Exception as error:  # Whatever it is, it is why the check failed.
                failed += 1
                print(f"FAILED  {title}: {type(error).__name__}: {first_line(error)}", flush=True)
            service.heal()
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
